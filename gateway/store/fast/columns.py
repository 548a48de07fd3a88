"""What of a row goes into which column, for statements that are put together here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Column, Dialect, Table
from sqlalchemy.types import JSON, LargeBinary

from gateway.json_text import as_json
from gateway.models.base import UtcDateTime
from gateway.store.fast.rows import LEAD, Row


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
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
def columns_of(table: Table, dialect: Dialect, *, with_key: bool) -> Columns:
    """Return the columns that a row fills, each with what makes the driver's value of it.

    A key that the database counts by itself is left out, but for a lead's own ``with_key``.
    """
    columns = [
        column
        for column in table.c
        if column is not table.autoincrement_column or (with_key and table is LEAD)
    ]
    return _columns(columns, dialect)


@lru_cache(maxsize=256)
def columns_named(table: Table, dialect: Dialect, names: tuple[str, ...]) -> Columns:
    """Return these columns, of a row that has them all."""
    return _columns([table.c[name] for name in names], dialect)


def _columns(columns: Sequence[Column[Any]], dialect: Dialect) -> Columns:
    adapt = [
        (place, process)
        for place, column in enumerate(columns)
        if (process := adapter(column, dialect)) is not None
    ]
    names = tuple(column.name for column in columns)
    return Columns(names, itemgetter(*names), tuple(adapt))


def adapter(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """Return what makes the driver's value of one of the column, ``None`` where it is one already.

    Where all engines take the same, a quicker way than the type's own.
    """
    if isinstance(column.type, JSON):
        # The type's own says null where the column is to be empty.
        return as_json
    if isinstance(column.type, UtcDateTime):
        return as_utc
    if isinstance(column.type, LargeBinary):
        return None
    return column.type.dialect_impl(dialect).bind_processor(dialect)


def as_utc(value: datetime) -> str:
    """Return the time as every engine reads it: UTC, to the microsecond."""
    # Not by equality: of a time that the clocks show twice both are equal in their own zone.
    return _written(value.astimezone(UTC))


# One post, and one batch of an import, writes the same few times into all its rows.
@lru_cache(maxsize=64)
def _written(utc: datetime) -> str:
    # In quotes, with a T and an offset; datetime itself takes three times as long.
    sent = orjson.dumps(utc).decode()
    text = f"{sent[1:11]} {sent[12:-7]}"
    return text if utc.microsecond else f"{text}.000000"


@lru_cache(maxsize=256)
def insert_into(table: Table, dialect: Dialect, columns: Columns) -> str:
    """Return the beginning of the statement, up to ``VALUES``."""
    quote = dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in columns.names)
    return f"INSERT INTO {quote(table.name)} ({names}) VALUES"
