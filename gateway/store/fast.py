"""New leads in few statements: the rows of many posts at once, past SQLAlchemy's statements.

What is written is not said here a second time. A post writes into ``Rows`` as it would into a
connection, by the same functions; here is only how those rows then reach the database: on
PostgreSQL all of them in one statement, elsewhere in one a table. Whatever needs to read, change or
delete is no business of ``Rows``, which raises NeedsConnection; such a post goes the plain way.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

from psycopg import RawCursor
from sqlalchemy import Column, Connection, Dialect, Engine, Insert, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import JSON, LargeBinary

from gateway.database import turn
from gateway.models import Lead
from gateway.models.base import UtcDateTime

Row = Mapping[str, Any]

_LEAD: Table = Lead.__table__
_KEY = "lead_id"
_NOT_YET = 0
"""Stands for the id of the lead until the database has given one."""


class NeedsConnection(Exception):
    """The post does more than add rows for one new lead."""


class Rows:
    """The rows of one post that makes a lead, in place of a connection that would write them."""

    inserted_primary_key = (_NOT_YET,)

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect = engine.dialect
        self.tables: dict[Table, list[Row]] = {}

    def execute(self, statement: Any, rows: Any = None) -> "Rows":
        """Keep ``rows`` of an insert. Raises NeedsConnection for every other statement."""
        if not isinstance(statement, Insert) or rows is None:
            raise NeedsConnection
        kept = self.tables.setdefault(cast(Table, statement.table), [])
        kept.extend(rows if isinstance(rows, list) else (rows,))
        return self

    def exec_driver_sql(self, statement: str, *_: Any) -> "Rows":
        """Raise NeedsConnection: what a text of SQL writes is not known here."""
        raise NeedsConnection

    def as_connection(self) -> Connection:
        """Return itself, for functions that take a connection and only insert through it."""
        return cast(Connection, self)


def can_write(engine: Engine) -> bool:
    """Whether this engine gives the ids of several new leads at once."""
    return engine.dialect.name in _WRITE and (
        engine.dialect.name == "sqlite" or bool(getattr(engine.dialect, "insert_returning", False))
    )


def write(connection: Connection, posts: Sequence[Rows]) -> list[int]:
    """Write the rows of ``posts``, a new lead each, and return the ids of the leads in order."""
    dialect = connection.dialect
    driver = connection.connection.driver_connection
    try:
        return _WRITE[dialect.name](driver, dialect, posts)
    except dialect.loaded_dbapi.Error as error:
        gone = dialect.is_disconnect(error, cast(Any, driver), None)
        if gone:
            connection.invalidate(error)
        raise DBAPIError.instance(
            "a new lead",
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=gone,
            dialect=dialect,
        ) from error


def commit(engine: Engine, posts: Sequence[Rows]) -> list[int]:
    """Write the rows of ``posts`` in a transaction of their own, committed; return as ``write``.

    Raises whatever the driver raises; then each post is to be run again by itself.
    """
    with turn(engine):
        borrowed = engine.raw_connection()
        try:
            with _transaction(engine.dialect.name, borrowed.driver_connection) as driver:
                return _WRITE[engine.dialect.name](driver, engine.dialect, posts)
        except Exception:
            # In whatever state it is, nobody else is to get it.
            borrowed.invalidate()
            raise
        finally:
            borrowed.close()


@contextmanager
def _transaction(name: str, driver: Any) -> Iterator[Any]:
    if name == "postgresql":
        # A single statement commits by itself, without two messages more.
        driver.autocommit = True
        yield driver
        driver.autocommit = False
        return
    if name == "sqlite":
        driver.execute("BEGIN IMMEDIATE")
    yield driver
    driver.commit()


def _write_sqlite(driver: Any, dialect: Dialect, posts: Sequence[Rows]) -> list[int]:
    # Nobody else writes until this transaction ends, so the ids can be counted here.
    (last,) = driver.execute(_LAST_ID).fetchone()
    ids = [last + number for number in range(1, len(posts) + 1)]
    for table, rows in _together(posts, ids).items():
        columns = _columns(table, dialect, with_key=True)
        driver.executemany(
            _insert_into(table, dialect, columns, ("?",)), [columns.values(row) for row in rows]
        )
    return ids


def _write_mariadb(driver: Any, dialect: Dialect, posts: Sequence[Rows]) -> list[int]:
    def insert(table: Table, rows: Sequence[Row], ending: str = "") -> Any:
        columns = _columns(table, dialect, with_key=False)
        statement = _insert_into(table, dialect, columns, ("%s",) * len(rows)) + ending
        cursor.execute(statement, [value for row in rows for value in columns.values(row)])
        return cursor

    cursor = driver.cursor()
    leads = [row for post in posts for row in post.tables[_LEAD]]
    ids = [lead_id for (lead_id,) in insert(_LEAD, leads, " RETURNING lead_id")]
    for table, rows in _together(posts, ids).items():
        if table is not _LEAD:
            insert(table, rows)
    return ids


def _write_postgresql(driver: Any, _: Dialect, posts: Sequence[Rows]) -> list[int]:
    rows = _together(posts, range(len(posts)))
    # In one order, so that there are few statements to prepare.
    tables = tuple(sorted(rows, key=lambda table: (table is not _LEAD, table.name)))
    sent = (len(posts), *(_as_json(table, rows[table]) for table in tables))
    made = RawCursor(driver).execute(_postgresql(tables), sent, prepare=True)
    return [lead_id for (lead_id,) in made]


_LAST_ID = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'lead'"
_WRITE: Mapping[str, Callable[[Any, Dialect, Sequence[Rows]], list[int]]] = {
    "sqlite": _write_sqlite,
    "postgresql": _write_postgresql,
    "mysql": _write_mariadb,
    "mariadb": _write_mariadb,
}


def _together(posts: Sequence[Rows], ids: Iterable[int]) -> dict[Table, list[Row]]:
    """Return the rows of all posts by table, the leads' first, each with the id of its lead."""
    found: dict[Table, list[Row]] = {_LEAD: []}
    for post, lead_id in zip(posts, ids, strict=True):
        for table, rows in post.tables.items():
            kept = found.setdefault(table, [])
            if _KEY in table.c:
                kept.extend({**row, _KEY: lead_id} for row in rows)
            else:
                kept.extend(rows)
    for table, rows in found.items():
        if "digest" in table.c:
            # Sorted, so that two transactions never lock index entries in two orders.
            rows.sort(key=lambda row: row["digest"])
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """The columns that a row fills: how to take them out of it, and which need another form."""

    names: tuple[str, ...]
    take: Callable[[Row], tuple[Any, ...]]
    adapt: tuple[tuple[int, Callable[[Any], Any]], ...]

    def values(self, row: Row) -> Sequence[Any]:
        """Return what the driver takes for ``row``, in the order of ``names``."""
        try:
            values = list(self.take(row))
        except KeyError:
            values = [row.get(name) for name in self.names]
        for place, adapt in self.adapt:
            if values[place] is not None:
                values[place] = adapt(values[place])
        return values


@lru_cache(maxsize=256)
def _columns(table: Table, dialect: Dialect, *, with_key: bool) -> _Columns:
    """Return the columns that a row fills, each with what makes the driver's value of it.

    A key that the database counts by itself is left out, but for a lead's own ``with_key``.
    """
    columns = [
        column
        for column in table.c
        if column is not table.autoincrement_column or (with_key and table is _LEAD)
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
def _insert_into(table: Table, dialect: Dialect, columns: _Columns, marks: tuple[str, ...]) -> str:
    """Return the statement for as many rows as there are ``marks``, one of which is for a value."""
    quote = dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in columns.names)
    values = ", ".join(f"({', '.join([mark] * len(columns.names))})" for mark in marks)
    return f"INSERT INTO {quote(table.name)} ({names}) VALUES {values}"  # noqa: S608 our own names


def _as_json(table: Table, rows: Sequence[Row]) -> str:
    """Return ``rows`` as one text: to take it apart is less work than to bind each value."""
    special = _special(table)
    return json.dumps(
        [
            {
                name: special[name](value) if name in special else value
                for name, value in row.items()
                if value is not None
            }
            | {"nth": number}
            for number, row in enumerate(rows)
        ],
        separators=(",", ":"),
    )


@lru_cache(maxsize=64)
def _special(table: Table) -> Mapping[str, Callable[[Any], Any]]:
    """Return the columns whose values JSON does not know, each with how it is then written."""
    return {column.name: write for column in table.c if (write := _how(column)) is not None}


def _how(column: Column[Any]) -> Callable[[Any], Any] | None:
    if isinstance(column.type, UtcDateTime):
        return _time
    return _hex if isinstance(column.type, LargeBinary) else None


def _time(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat()


def _hex(value: bytes) -> str:
    return rf"\x{value.hex()}"


@lru_cache(maxsize=256)
def _postgresql(tables: tuple[Table, ...]) -> str:
    """Return the one statement that writes rows of these tables; ``lead_id`` in them is a number
    from 0 on, in whose place the statement puts the id that it draws."""
    dialect = postgresql.dialect()
    quote = dialect.identifier_preparer.quote
    parts = [
        "made AS MATERIALIZED (SELECT number, nextval((SELECT "
        "pg_get_serial_sequence('lead', 'lead_id'))::regclass) AS lead_id "
        "FROM generate_series(0, $1::integer - 1) AS number)"
    ]
    for place, table in enumerate(tables, start=2):
        counted = None if table is _LEAD else table.autoincrement_column
        columns = [column for column in table.c if column is not counted]
        sources = ", ".join(
            "made.lead_id" if column.name == _KEY else f"sent.{quote(column.name)}"
            for column in columns
        )
        kinds = ", ".join(
            f"{quote(column.name)} {column.type.dialect_impl(dialect).compile(dialect)}"
            for column in columns
        )
        joined = " JOIN made ON made.number = sent.lead_id" if _KEY in table.c else ""
        names = ", ".join(quote(column.name) for column in columns)
        insert = f"INSERT INTO {quote(table.name)} ({names}) SELECT {sources} FROM "  # noqa: S608
        parts.append(
            f"into_{table.name} AS ({insert} json_to_recordset(${place}::json) "
            f"AS sent({kinds}, nth integer){joined} ORDER BY sent.nth)"
        )
    return f"WITH {', '.join(parts)} SELECT lead_id FROM made ORDER BY number"  # noqa: S608
