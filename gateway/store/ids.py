"""Lead ids start at a setting and only grow, on every engine."""

from sqlalchemy import Connection, func, select, text

from gateway.models import Lead

_lead = Lead.__table__


def raise_first_lead_id(connection: Connection, first: int) -> None:
    """Make the next lead's id ``first``, or leave the counter where it has already passed that."""
    if _next_lead_id(connection) < first:
        reset_lead_ids(connection, first)


def reset_lead_ids(connection: Connection, first: int) -> None:
    """Make the next lead's id ``first``; only right where no lead has that id or a higher one."""
    name = connection.dialect.name
    if name == "sqlite":
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = 'lead'"))
        connection.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES ('lead', :last)"),
            {"last": first - 1},
        )
    elif name == "postgresql":
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence('lead', 'lead_id'), :first, false)"),
            {"first": first},
        )
    else:
        connection.execute(text(f"ALTER TABLE lead AUTO_INCREMENT = {int(first)}"))


def _next_lead_id(connection: Connection) -> int:
    highest = connection.execute(select(func.coalesce(func.max(_lead.c.lead_id), 0))).scalar_one()
    name = connection.dialect.name
    if name == "sqlite":
        counter = text("SELECT COALESCE(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'lead'")
    elif name == "postgresql":
        sequence = connection.execute(
            text("SELECT pg_get_serial_sequence('lead', 'lead_id')")
        ).scalar_one()
        # The name is the database's own, not a caller's.
        counter = text(f"SELECT last_value + is_called::int FROM {sequence}")  # noqa: S608
    else:
        counter = text(
            "SELECT COALESCE(AUTO_INCREMENT, 1) FROM information_schema.TABLES "
            "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'lead'"
        )
    return max(int(highest) + 1, int(connection.execute(counter).scalar_one()))


def reserve(connection: Connection, count: int) -> list[int] | None:
    """Return ``count`` ids, ascending, that nobody else gets; ``None`` where inserting gives them.

    MariaDB has no counter that can be asked beforehand; it numbers the rows of one statement.
    """
    name = connection.dialect.name
    if name == "sqlite":
        # The only writer is this transaction.
        first = _next_lead_id(connection)
        return list(range(first, first + count))
    if name == "postgresql":
        taken = text(
            "SELECT nextval(pg_get_serial_sequence('lead', 'lead_id')) "
            "FROM generate_series(1, :count)"
        )
        return sorted(connection.execute(taken, {"count": count}).scalars())
    return None


def go_past(connection: Connection, highest: int) -> None:
    """Make ids that the counter gives greater than ``highest``, of leads that bring their own ids.

    The other engines do so by themselves when such a lead is inserted. The sequence of PostgreSQL
    moves at once and not with the commit, so that no post takes an id that is about to be stored.
    """
    if connection.dialect.name == "postgresql":
        raise_first_lead_id(connection, highest + 1)
