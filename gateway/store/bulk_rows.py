"""Many rows of one table in as few statements as the engine has for it.

A sheet has the rows as their engine takes them, all but the ids of their leads. So a thread can
make it while another one still waits for the database with the sheets before it.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from types import NoneType
from typing import Any, TypeVar

from psycopg.adapt import PyFormat, Transformer
from pymysql.converters import escape_item
from sqlalchemy import Connection, Dialect, Table

from gateway.driver import driver_of
from gateway.json_text import as_json
from gateway.store.fast.columns import adapter

ROWS_AT_ONCE = 1024
"""Rows of one statement where it names each of them; 25 columns of 1,000 leads are about 500 kB."""

MOST_CHARACTERS = 2_000_000
"""Of one statement of MariaDB, which takes 16 MB; a character has up to four bytes."""

_KEY = "lead_id"
_NUMBERS = {int, float, bool}
_EXACT = ({str}, {datetime}, {int}, {bool})
"""Kinds whose equal values are written alike, if they stand alone: True is 1, and 0.0 is -0.0."""

_MARKS_OF_A_COPY = "\\\t\n\r"
_MARKED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_MARKS_OF_A_LITERAL = "\\'\"\0\n\r\x1a"

Row = TypeVar("Row")
Column = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of ``table`` with values of the columns ``names``.

    ``content`` are its rows, each a text of its engine's; on SQLite, which takes values, columns.
    """

    table: Table
    names: tuple[str, ...]
    content: Sequence[Any]


def sheet_of(
    dialect: Dialect, table: Table, names: Sequence[str], columns: Sequence[Column]
) -> Sheet:
    """Return rows of which ``columns`` are the values, each of the column in ``names``."""
    # As SQLAlchemy itself would bind their values.
    adapted = [
        _adapted(column, adapter(table.c[name], dialect))
        for name, column in zip(names, columns, strict=True)
    ]
    content: Sequence[Any] = adapted
    if dialect.name == "postgresql":
        content = list(map("\t".join, zip(*map(_copied, adapted), strict=True)))
    elif dialect.name != "sqlite":
        written = [_once_each(column, _literals) for column in adapted]
        content = list(map(", ".join, zip(*written, strict=True)))
    return Sheet(table, tuple(names), content)


def write(connection: Connection, sheet: Sheet, lead_ids: Sequence[int] | None = None) -> None:
    """Insert the rows, each of the lead in its place of ``lead_ids``; ``None``: they are whole."""
    if not sheet.content or lead_ids == []:
        return
    names = sheet.names if lead_ids is None else (*sheet.names, _KEY)
    into = _into(connection, sheet.table, names)
    if connection.dialect.name == "postgresql":
        _copy(connection, f"COPY {into} FROM STDIN", _with_ids(sheet.content, "\t", lead_ids))
    elif connection.dialect.name == "sqlite":
        columns = sheet.content if lead_ids is None else [*sheet.content, lead_ids]
        _insert_in_sqlite(connection, into, list(zip(*columns, strict=True)))
    else:
        rows = _with_ids(sheet.content, ", ", lead_ids)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            _insert_in_mariadb(connection, into, rows[start : start + ROWS_AT_ONCE])


def write_numbered(connection: Connection, sheet: Sheet) -> list[int]:
    """Insert the rows, which the database numbers, and return their ids in order; MariaDB only.

    One statement that says its rows gets consecutive ids, also where the cluster leaves gaps
    between those of its nodes (``auto_increment_increment``).
    """
    step = connection.exec_driver_sql("SELECT @@auto_increment_increment").scalar_one()
    into = _into(connection, sheet.table, sheet.names)
    ids: list[int] = []
    for start in range(0, len(sheet.content), ROWS_AT_ONCE):
        some = sheet.content[start : start + ROWS_AT_ONCE]
        for first, count in _insert_in_mariadb(connection, into, some):
            ids.extend(range(first, first + count * step, step))
    return ids


def _with_ids(rows: Sequence[str], delimiter: str, lead_ids: Sequence[int] | None) -> Sequence[str]:
    if lead_ids is None:
        return rows
    return list(map(delimiter.join, zip(rows, map(str, lead_ids), strict=True)))


def _copy(connection: Connection, statement: str, rows: Sequence[str]) -> None:
    with (
        driver_of(connection, statement) as driver,
        driver.cursor().copy(statement) as copy,
    ):
        # All at once: with each piece the driver gives way to the thread that reads on.
        copy.write("\n".join(rows))


def _insert_in_sqlite(connection: Connection, into: str, rows: Sequence[Column]) -> None:
    width = len(rows[0])
    one = f"({', '.join('?' * width)})"
    driver: Any = connection.connection.driver_connection
    most = min(ROWS_AT_ONCE, driver.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // width)
    # Few statements: with each the driver gives way to the thread that reads on. To be able to undo
    # one alone, SQLite would copy each page before it changes; who fails here rolls all of it back.
    for some in in_parts(rows, most=most):
        connection.exec_driver_sql(
            f"INSERT OR FAIL INTO {into} VALUES {', '.join([one] * len(some))}",  # noqa: S608 own names
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


def _insert_in_mariadb(
    connection: Connection, into: str, rows: Sequence[str]
) -> list[tuple[int, int]]:
    """Return for each statement its first id and its number of rows."""
    values = "), (".join(rows)
    if len(values) <= MOST_CHARACTERS or len(rows) == 1:
        statement = f"INSERT INTO {into} VALUES "  # noqa: S608 own names
        with driver_of(connection, statement) as driver, driver.cursor() as cursor:
            cursor.execute(f"{statement}({values})")
            return [(int(cursor.lastrowid or 0), len(rows))]
    half = len(rows) // 2
    return [
        *_insert_in_mariadb(connection, into, rows[:half]),
        *_insert_in_mariadb(connection, into, rows[half:]),
    ]


# Both go column by column: value by value, as the drivers do it, takes three times as long.
def _copied(column: Column) -> Sequence[str]:
    """Return the values of ``column`` as PostgreSQL reads them in the text of a COPY."""
    kinds = _kinds(column)
    if kinds == {str}:
        is_plain = not _has_any(_MARKS_OF_A_COPY, column)
        if is_plain and None not in column:
            return column
        return _each(column, str if is_plain else _marked, none=r"\N")
    if kinds == {bytes}:
        if None not in column:
            return list(map(r"\\x".__add__, map(bytes.hex, column)))
        return _each(column, lambda value: rf"\\x{value.hex()}", none=r"\N")
    # Texts are looked at all together, which takes as long as to find out which ones are equal.
    return _once_each(column, _copied_numbers if kinds <= _NUMBERS else _copied_others)


def _copied_numbers(column: Column) -> Sequence[str]:
    return _each(column, repr, none=r"\N")


def _copied_others(column: Column) -> Sequence[str]:
    dumper_of = Transformer().get_dumper
    return _each(
        column,
        lambda value: _marked(bytes(dumper_of(value, PyFormat.TEXT).dump(value) or b"").decode()),
        none=r"\N",
    )


def _literals(column: Column) -> Sequence[str]:
    """Return the values of ``column`` as they are written into a statement of MariaDB."""
    kinds = _kinds(column)
    if kinds == {str} and not _has_any(_MARKS_OF_A_LITERAL, column):
        return _each(column, "'{}'".format, none="NULL")
    if kinds == {bytes}:
        return _each(column, lambda value: f"X'{value.hex()}'", none="NULL")
    if kinds <= _NUMBERS:
        return _each(column, repr, none="NULL")
    return _each(column, lambda value: escape_item(value, "utf8mb4"), none="NULL")


def _once_each(column: Column, write: Callable[[Column], Column]) -> Column:
    """Return what ``write`` makes of ``column``, each value of which is written once."""
    if _kinds(column) in _EXACT:
        distinct = dict.fromkeys(column)
        if len(distinct) * 2 < len(column):
            written = dict(zip(distinct, write(tuple(distinct)), strict=True))
            return list(map(written.__getitem__, column))
    return write(column)


def _kinds(column: Column) -> set[type]:
    return set(map(type, column)) - {NoneType}


def _has_any(marks: str, column: Column) -> bool:
    whole = "".join(filter(None, column))
    return any(mark in whole for mark in marks)


def _each(column: Column, write: Callable[[Any], Any], *, none: str | None) -> list[Any]:
    if None not in column:
        return list(map(write, column))
    return [none if value is None else write(value) for value in column]


def _marked(text: str) -> str:
    return text.translate(_MARKED)


def _into(connection: Connection, table: Table, names: Sequence[str]) -> str:
    quote = connection.dialect.identifier_preparer.quote
    return f"{table.name} ({', '.join(map(quote, names))})"


def _adapted(column: Column, adapt: Callable[[Any], Any] | None) -> Column:
    if adapt is None:
        return column
    if adapt is as_json:
        # A text is one that was made already: most leads of a batch have the same trace.
        return _each(
            column, lambda each: each if isinstance(each, str) else as_json(each), none=None
        )
    return _once_each(column, lambda some: _each(some, adapt, none=None))
