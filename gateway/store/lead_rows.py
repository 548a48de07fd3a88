"""The rows of stored leads, their tags and external ids: read past SQLAlchemy's statements.

To bind a statement and to take a wide result apart took SQLAlchemy longer than the database.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import nullcontext
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from psycopg import RawCursor
from sqlalchemy import Column, Connection, Dialect, Double

from gateway.driver import driver_of
from gateway.models import Lead
from gateway.store.planning import Stored
from gateway.store.vault import vault_of

Row = dict[str, Any]
KEY = "lead_id"

COLUMNS = tuple(column for column in Lead.__table__.c if column.name != "match")
"""The columns that are read. Why a lead was found the last time is no business of the next post."""

_names = tuple(column.name for column in COLUMNS)


class Lock(Enum):
    """Whether a lead that is read is locked until the transaction ends, and is waited for."""

    NONE = ""
    WAIT = " FOR UPDATE"
    NOWAIT = " FOR UPDATE NOWAIT"
    """Raises where somebody else holds it."""
    SKIP = " FOR UPDATE SKIP LOCKED"
    """It is passed over where somebody else holds it."""


def read_leads(
    connection: Connection, lead_ids: Collection[int], *, with_tags: Collection[int], lock: Lock
) -> dict[int, Stored]:
    """Return by id the leads that there are, opened, locked as ``lock`` says; of those in
    ``with_tags`` their tags, in order, as they then are.

    A dry run must not lock: it would wait for writers, and they for it.
    """
    if not lead_ids:
        return {}
    asked = [_LookUp(row_statement, lead_ids, lock)]
    if with_tags:
        asked.append(_LookUp(tags_statement, with_tags))
    rows, *tags = _fetch(connection, asked)
    return leads_of(connection, rows, tags[0] if tags else ())


def leads_of(
    connection: Connection, rows: Iterable[Sequence[Any]], tags: Iterable[Sequence[Any]]
) -> dict[int, Stored]:
    """Return by id the leads of which these are rows and tags, as the database gives them."""
    labels: dict[int, list[str]] = {}
    for lead_id, label in tags:
        labels.setdefault(lead_id, []).append(label)
    return {
        row[KEY]: Stored(row=row, tags=labels.get(row[KEY], ()))
        for row in _opened(connection, rows)
    }


def _opened(connection: Connection, found: Iterable[Sequence[Any]]) -> list[Row]:
    adapt, open_row = _adapters(connection.dialect), vault_of(connection).open_row
    rows = []
    for values in found:
        row = dict(zip(_names, values, strict=True))
        for name, process in adapt:
            row[name] = process(row[name])
        rows.append(open_row(row))
    return rows


def read_holders(connection: Connection, external_ids: Collection[str]) -> dict[str, int]:
    """Return which leads those of ``external_ids`` find that find one.

    For SQLite, as elsewhere a batch looks for more in one way to the server.
    """
    if not external_ids:
        return {}
    (found,) = _fetch(connection, [_LookUp(holders_statement, external_ids)])
    return dict(found)


class _LookUp(NamedTuple):
    """A statement and the ids that it is for; ``more`` is what makes the statement another one."""

    statement_of: Callable[..., str]
    ids: Collection[Any]
    more: Lock | None = None

    def statement(self, dialect: Dialect, among: str) -> str:
        """Return the statement for ids that are ``among`` this."""
        return self.statement_of(dialect, among, *([] if self.more is None else [self.more]))


def _fetch(connection: Connection, asked: Sequence[_LookUp]) -> list[Sequence[Any]]:
    """Return what each look-up finds, one after another; on PostgreSQL in one way to the server."""
    dialect = connection.dialect
    with driver_of(connection, "a look-up of leads") as driver:
        if dialect.name == "postgresql":
            # One needs no pipeline, which is work for the driver.
            with driver.pipeline() if len(asked) > 1 else nullcontext():
                # A text that is always the same, so that the plan is kept.
                cursors = [
                    RawCursor(driver).execute(
                        each.statement(dialect, "= ANY($1::bigint[])"),
                        (sorted(each.ids),),
                        prepare=True,
                    )
                    for each in asked
                ]
            return [cursor.fetchall() for cursor in cursors]
        mark = "?" if dialect.name == "sqlite" else "%s"
        cursor, found = driver.cursor(), []
        for each in asked:
            among = f"IN ({','.join([mark] * len(each.ids))})"
            cursor.execute(each.statement(dialect, among), sorted(each.ids))
            found.append(cursor.fetchall())
        return found


@lru_cache(maxsize=256)
def row_statement(dialect: Dialect, among: str, lock: Lock, names: str = "") -> str:
    """Return what reads the leads whose id is ``among`` these: ``names``, or all columns."""
    names = names or ", ".join(map(dialect.identifier_preparer.quote, _names))
    # For a list MariaDB may walk the table, and meet the rows that others hold.
    hint = " FORCE INDEX (PRIMARY)" if dialect.name in ("mysql", "mariadb") else ""
    held = "" if dialect.name == "sqlite" else lock.value
    return f"SELECT {names} FROM lead{hint} WHERE lead_id {among}{held}"  # noqa: S608


@lru_cache(maxsize=256)
def tags_statement(dialect: Dialect, among: str) -> str:
    """Return what reads the tags, in order, of the leads whose id is ``among`` these."""
    position = dialect.identifier_preparer.quote("position")
    return f"SELECT lead_id, label FROM lead_tag WHERE lead_id {among} ORDER BY {position}"  # noqa: S608


@lru_cache(maxsize=256)
def holders_statement(_: Dialect, among: str) -> str:
    """Return what reads whom external ids find that are ``among`` these."""
    return f"SELECT external_id, lead_id FROM lead_external_id WHERE external_id {among}"  # noqa: S608


@lru_cache(maxsize=16)
def _adapters(dialect: Dialect) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Return the columns of which the driver gives another form than we want, and what mends it."""
    return tuple(
        (column.name, process)
        for column in COLUMNS
        if (process := _adapter(column, dialect)) is not None
    )


def _adapter(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    # Every driver gives a float, and SQLAlchemy would ask which number the server has sent.
    if isinstance(column.type, Double):
        return None
    return column.type.dialect_impl(dialect).result_processor(dialect, None)
