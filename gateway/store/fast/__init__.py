"""New leads in few statements: the rows of many posts at once, past SQLAlchemy's statements.

What is written is not said here a second time. A post writes into ``Rows`` as it would into a
connection, by the same functions; here is only how those rows then reach the database: on
PostgreSQL all of them in one statement, elsewhere in one a table. Whatever needs to read, change or
delete is no business of ``Rows``, which raises NeedsConnection; such a post goes the plain way.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, Table
from sqlalchemy.types import JSON

from gateway import database
from gateway.store.fast import in_json
from gateway.store.fast.parts import in_parts
from gateway.store.fast.rows import LEAD, NeedsConnection, Row, Rows, together

__all__ = ["NeedsConnection", "Rows", "can_write", "write"]


def can_write(engine: Engine) -> bool:
    """Whether this engine gives the ids of several new leads at once."""
    return engine.dialect.name in _WRITE and (
        engine.dialect.name == "sqlite" or bool(getattr(engine.dialect, "insert_returning", False))
    )


def write(connection: Connection, posts: Sequence[Rows]) -> list[int]:
    """Write the rows of ``posts``, a new lead each, and return the ids of the leads in order."""
    dialect = connection.dialect
    with database.driver_of(connection, "a new lead") as driver:
        return _WRITE[dialect.name](driver, dialect, posts)


def _write_sqlite(driver: Any, dialect: Dialect, posts: Sequence[Rows]) -> list[int]:
    # Nobody else writes until this transaction ends, so the ids can be counted here.
    (last,) = driver.execute(_LAST_ID).fetchone()
    ids = [last + number for number in range(1, len(posts) + 1)]
    for table, rows in together(posts, ids).items():
        columns = _columns(table, dialect, with_key=True)
        # Of executemany every row lets another thread run, and then waits for it.
        for some in in_parts(rows, most=_MOST_ROWS):
            driver.execute(
                _insert_into(table, dialect, columns, len(some), "?"), columns.values(some)
            )
    return ids


def _write_mariadb(driver: Any, dialect: Dialect, posts: Sequence[Rows]) -> list[int]:
    def insert(table: Table, rows: Sequence[Row], ending: str = "") -> Any:
        columns = _columns(table, dialect, with_key=False)
        statement = _insert_into(table, dialect, columns, len(rows), "%s") + ending
        cursor.execute(statement, columns.values(rows))
        return cursor

    cursor = driver.cursor()
    leads = [row for post in posts for row in post.tables[LEAD]]
    ids = [lead_id for (lead_id,) in insert(LEAD, leads, " RETURNING lead_id")]
    for table, rows in together(posts, ids).items():
        if table is not LEAD:
            insert(table, rows)
    return ids


_MOST_ROWS = 64
"""Rows in one statement of SQLite; more make none of them cheaper."""

_LAST_ID = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'lead'"
_WRITE: Mapping[str, Callable[[Any, Dialect, Sequence[Rows]], list[int]]] = {
    "sqlite": _write_sqlite,
    "postgresql": in_json.write,
    "mysql": _write_mariadb,
    "mariadb": _write_mariadb,
}


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """The columns that a row fills: how to take them out of it, and which need another form."""

    names: tuple[str, ...]
    take: Callable[[Row], tuple[Any, ...]]
    adapt: tuple[tuple[int, Callable[[Any], Any]], ...]

    def values(self, rows: Iterable[Row]) -> list[Any]:
        """Return what the driver takes for ``rows``: one row behind the other, in this order."""
        found: list[Any] = []
        for row in rows:
            first = len(found)
            try:
                found += self.take(row)
            except KeyError:
                found += map(row.get, self.names)
            for place, adapt in self.adapt:
                if (value := found[first + place]) is not None:
                    found[first + place] = adapt(value)
        return found


@lru_cache(maxsize=256)
def _columns(table: Table, dialect: Dialect, *, with_key: bool) -> _Columns:
    """Return the columns that a row fills, each with what makes the driver's value of it.

    A key that the database counts by itself is left out, but for a lead's own ``with_key``.
    """
    columns = [
        column
        for column in table.c
        if column is not table.autoincrement_column or (with_key and table is LEAD)
    ]
    adapt = []
    for place, column in enumerate(columns):
        # The processor for JSON says null where the column is to be empty.
        is_json = isinstance(column.type, JSON)
        kind = column.type.dialect_impl(dialect)
        process = json.dumps if is_json else kind.bind_processor(dialect)
        if process is not None:
            adapt.append((place, process))
    names = tuple(column.name for column in columns)
    return _Columns(names, itemgetter(*names), tuple(adapt))


@lru_cache(maxsize=1024)
def _insert_into(table: Table, dialect: Dialect, columns: _Columns, rows: int, mark: str) -> str:
    """Return the statement for so many rows, with a ``mark`` for each value."""
    quote = dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in columns.names)
    values = ", ".join([f"({', '.join([mark] * len(columns.names))})"] * rows)
    return f"INSERT INTO {quote(table.name)} ({names}) VALUES {values}"  # noqa: S608 our own names
