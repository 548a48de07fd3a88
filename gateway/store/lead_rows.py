"""The rows of stored leads, their tags and external ids: read past SQLAlchemy's statements.

To bind a statement and to take a wide result apart took SQLAlchemy longer than the database.
"""

from collections.abc import Callable, Collection, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

from psycopg import RawCursor
from sqlalchemy import Column, Connection, Dialect, Double

from gateway.driver import driver_of
from gateway.models import Lead
from gateway.store.vault import vault_of

Row = dict[str, Any]

_columns = tuple(Lead.__table__.c)
_names = tuple(column.name for column in _columns)

HOLDERS_ON_POSTGRESQL = """
    SELECT external_id, lead_id FROM lead_external_id
    WHERE external_id = ANY(ARRAY(
        SELECT convert_from(sent, 'UTF8') COLLATE "default" FROM unnest($1) AS each(sent)
    ))
"""
"""What ``read_holders`` reads, of ids that are given as bytes."""


class Lock(Enum):
    """Whether a lead that is read is locked until the transaction ends, and is waited for."""

    NONE = ""
    WAIT = " FOR UPDATE"
    NOWAIT = " FOR UPDATE NOWAIT"
    """Raises where somebody else holds it."""
    SKIP = " FOR UPDATE SKIP LOCKED"
    """It is passed over where somebody else holds it."""


def read_rows(connection: Connection, lead_ids: Collection[int], *, lock: Lock) -> list[Row]:
    """Return the rows of the leads that there are, by column and opened, locked as ``lock`` says.

    A dry run must not lock: it would wait for writers, and they for it.
    """
    adapt, open_row = _adapters(connection.dialect), vault_of(connection).open_row
    rows = []
    for values in _fetch(connection, _row_statement, lead_ids, lock):
        row = dict(zip(_names, values, strict=True))
        for name, process in adapt:
            row[name] = process(row[name])
        rows.append(open_row(row))
    return rows


def read_tags(connection: Connection, lead_ids: Collection[int]) -> dict[int, list[str]]:
    """Return the tags of the leads that have some, by lead and in order."""
    tags: dict[int, list[str]] = {}
    for lead_id, label in _fetch(connection, _tags_statement, lead_ids):
        tags.setdefault(lead_id, []).append(label)
    return tags


def read_holders(connection: Connection, external_ids: Collection[str]) -> dict[str, int]:
    """Return which leads those of ``external_ids`` find that find one."""
    if not external_ids:
        return {}
    if connection.dialect.name == "postgresql":
        sent = [each.encode() for each in sorted(external_ids)]
        with driver_of(connection, "a look-up of external ids") as driver:
            return dict(RawCursor(driver).execute(HOLDERS_ON_POSTGRESQL, (sent,)).fetchall())
    return dict(_fetch(connection, _holders_statement, external_ids))


def _fetch(
    connection: Connection,
    statement_of: Callable[..., str],
    wanted: Collection[Any],
    *more: Any,
) -> Sequence[Any]:
    dialect, ids = connection.dialect, sorted(wanted)
    with driver_of(connection, "a look-up of leads") as driver:
        found: Sequence[Any]
        if dialect.name == "postgresql":
            # A text that is always the same, so that the plan is kept.
            statement = statement_of(dialect, "= ANY($1::bigint[])", *more)
            found = RawCursor(driver).execute(statement, (ids,), prepare=True).fetchall()
            return found
        mark = "?" if dialect.name == "sqlite" else "%s"
        cursor = driver.cursor()
        cursor.execute(statement_of(dialect, f"IN ({','.join([mark] * len(ids))})", *more), ids)
        found = cursor.fetchall()
        return found


@lru_cache(maxsize=256)
def _row_statement(dialect: Dialect, among: str, lock: Lock) -> str:
    names = ", ".join(map(dialect.identifier_preparer.quote, _names))
    # For a list MariaDB may walk the table, and meet the rows that others hold.
    hint = " FORCE INDEX (PRIMARY)" if dialect.name in ("mysql", "mariadb") else ""
    held = "" if dialect.name == "sqlite" else lock.value
    return f"SELECT {names} FROM lead{hint} WHERE lead_id {among}{held}"  # noqa: S608


@lru_cache(maxsize=256)
def _tags_statement(dialect: Dialect, among: str) -> str:
    position = dialect.identifier_preparer.quote("position")
    return f"SELECT lead_id, label FROM lead_tag WHERE lead_id {among} ORDER BY {position}"  # noqa: S608


@lru_cache(maxsize=256)
def _holders_statement(_: Dialect, among: str) -> str:
    return f"SELECT external_id, lead_id FROM lead_external_id WHERE external_id {among}"  # noqa: S608


@lru_cache(maxsize=16)
def _adapters(dialect: Dialect) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Return the columns of which the driver gives another form than we want, and what mends it."""
    return tuple(
        (column.name, process)
        for column in _columns
        if (process := _adapter(column, dialect)) is not None
    )


def _adapter(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    # Every driver gives a float, and SQLAlchemy would ask which number the server has sent.
    if isinstance(column.type, Double):
        return None
    return column.type.dialect_impl(dialect).result_processor(dialect, None)
