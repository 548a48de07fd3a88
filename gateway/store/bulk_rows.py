"""Many rows of one table in as few statements as the engine has for it."""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, TypeVar

from pymysql.converters import escape_string
from sqlalchemy import Connection, Table

from gateway.driver import driver_of
from gateway.json_text import as_json
from gateway.store.fast.columns import adapter

ROWS_AT_ONCE = 1024
"""Rows of one statement where it names each of them; 25 columns of 1,000 leads are about 500 kB."""

MOST_CHARACTERS = 2_000_000
"""Of one statement of MariaDB, which takes 16 MB; a character has up to four bytes."""

_ESCAPED = "\\'\"\0\n\r\x1a"

Row = TypeVar("Row")
Rows = Sequence[Sequence[Any]]
Convert = Callable[[Sequence[Any]], Sequence[Any]]


def write_rows(connection: Connection, table: Table, names: Sequence[str], rows: Rows) -> None:
    """Insert ``rows``, which have values of the columns ``names``, in their order."""
    if not rows:
        return
    rows = _for_driver(connection, table, names, rows)
    if connection.dialect.name == "postgresql":
        _copy(connection, f"COPY {_into(connection, table, names)} FROM STDIN", rows)
    elif connection.dialect.name == "sqlite":
        _insert_in_sqlite(connection, _into(connection, table, names), rows)
    else:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            _insert_in_mariadb(connection, _into(connection, table, names), some)


def write_numbered(
    connection: Connection, table: Table, names: Sequence[str], rows: Rows
) -> list[int]:
    """Insert ``rows``, which the database numbers, and return their ids in order; MariaDB only.

    One statement that says its rows gets consecutive ids, also where the cluster leaves gaps
    between those of its nodes (``auto_increment_increment``).
    """
    if not rows:
        return []
    step = connection.exec_driver_sql("SELECT @@auto_increment_increment").scalar_one()
    rows = _for_driver(connection, table, names, rows)
    ids: list[int] = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        for first, count in _insert_in_mariadb(connection, _into(connection, table, names), some):
            ids.extend(range(first, first + count * step, step))
    return ids


def _copy(connection: Connection, statement: str, rows: Rows) -> None:
    with (
        driver_of(connection, statement) as driver,
        driver.cursor().copy(statement) as copy,
    ):
        for values in rows:
            copy.write_row(values)


def _insert_in_sqlite(connection: Connection, into: str, rows: Rows) -> None:
    width = len(rows[0])
    one = f"({', '.join('?' * width)})"
    driver: Any = connection.connection.driver_connection
    most = min(ROWS_AT_ONCE, driver.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // width)
    # Few statements: with each the driver gives way to the thread that reads on.
    for some in in_parts(rows, most=most):
        connection.exec_driver_sql(
            f"INSERT INTO {into} VALUES {', '.join([one] * len(some))}",  # noqa: S608 own names
            tuple(chain.from_iterable(some)),
        )


def in_parts(rows: Sequence[Row], *, most: int) -> Sequence[Sequence[Row]]:
    """Return ``rows`` in parts whose lengths are powers of two: few statements to prepare."""
    if len(rows) == 1:
        return (rows,)
    parts = []
    start = 0
    while left := len(rows) - start:
        length = 1 << min(left, most).bit_length() - 1
        parts.append(rows[start : start + length])
        start += length
    return parts


def _insert_in_mariadb(connection: Connection, into: str, rows: Rows) -> list[tuple[int, int]]:
    """Return for each statement its first id and its number of rows."""
    statement = f"INSERT INTO {into} VALUES "  # noqa: S608 own names
    with driver_of(connection, statement) as driver, driver.cursor() as cursor:
        # Column by column: value by value, as the driver does it, takes three times as long.
        columns = [_literals(cursor, column) for column in zip(*rows, strict=True)]
        values = "), (".join(map(", ".join, zip(*columns, strict=True)))
        if len(values) <= MOST_CHARACTERS or len(rows) == 1:
            cursor.execute(f"{statement}({values})")
            return [(int(cursor.lastrowid or 0), len(rows))]
    half = len(rows) // 2
    return [
        *_insert_in_mariadb(connection, into, rows[:half]),
        *_insert_in_mariadb(connection, into, rows[half:]),
    ]


def _literals(cursor: Any, column: Sequence[Any]) -> Sequence[str]:
    """Return the values of ``column`` as they are written into a statement of MariaDB."""
    kinds = {type(value) for value in column if value is not None}
    if kinds == {str}:
        whole = "".join(filter(None, column))
        if any(each in whole for each in _ESCAPED):
            column = [value and escape_string(value) for value in column]
        return ["NULL" if value is None else f"'{value}'" for value in column]
    if kinds == {bytes}:
        return ["NULL" if value is None else f"X'{value.hex()}'" for value in column]
    if kinds <= {int, float}:
        return ["NULL" if value is None else repr(value) for value in column]
    return [cursor.mogrify("%s", (value,)) for value in column]


def _into(connection: Connection, table: Table, names: Sequence[str]) -> str:
    quote = connection.dialect.identifier_preparer.quote
    return f"{table.name} ({', '.join(map(quote, names))})"


def _for_driver(connection: Connection, table: Table, names: Sequence[str], rows: Rows) -> Rows:
    """Return ``rows`` as the driver takes them: as SQLAlchemy itself would bind their values."""
    converts = {
        at: convert
        for at, name in enumerate(names)
        if (convert := _convert(connection, table, name)) is not None
    }
    if not converts:
        return rows
    columns = list(zip(*rows, strict=True))
    for at, convert in converts.items():
        columns[at] = tuple(convert(columns[at]))
    return list(zip(*columns, strict=True))


def _convert(connection: Connection, table: Table, name: str) -> Convert | None:
    adapt = adapter(table.c[name], connection.dialect)
    if adapt is None:
        return None
    if adapt is as_json:
        # A text is one that was made already: most leads of a batch have the same trace.
        return _each(lambda value: value if isinstance(value, str) else as_json(value))
    return _each(adapt)


def _each(adapt: Callable[[Any], Any]) -> Convert:
    return lambda column: [None if value is None else adapt(value) for value in column]
