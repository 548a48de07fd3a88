"""Rows of many posts in one statement of PostgreSQL, for which they travel as JSON."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from psycopg import RawCursor
from sqlalchemy import Column, Dialect, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import LargeBinary

from gateway.models.base import UtcDateTime
from gateway.store.fast.rows import KEY, LEAD, Row, Rows, together


def write(driver: Any, _: Dialect, posts: Sequence[Rows]) -> list[int]:
    """Write the rows of ``posts``, and return the ids of their leads in order."""
    rows = together(posts, range(len(posts)))
    # In one order, so that there are few statements to prepare.
    tables = tuple(sorted(rows, key=lambda table: (table is not LEAD, table.name)))
    sent = (len(posts), *(_as_json(table, rows[table]) for table in tables))
    made = RawCursor(driver).execute(_statement(tables), sent, prepare=True)
    return [lead_id for (lead_id,) in made]


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
def _statement(tables: tuple[Table, ...]) -> str:
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
        counted = None if table is LEAD else table.autoincrement_column
        columns = [column for column in table.c if column is not counted]
        sources = ", ".join(
            "made.lead_id" if column.name == KEY else f"sent.{quote(column.name)}"
            for column in columns
        )
        kinds = ", ".join(
            f"{quote(column.name)} {column.type.dialect_impl(dialect).compile(dialect)}"
            for column in columns
        )
        joined = " JOIN made ON made.number = sent.lead_id" if KEY in table.c else ""
        names = ", ".join(quote(column.name) for column in columns)
        insert = f"INSERT INTO {quote(table.name)} ({names}) SELECT {sources} FROM "  # noqa: S608
        parts.append(
            f"into_{table.name} AS ({insert} json_to_recordset(${place}::json) "
            f"AS sent({kinds}, nth integer){joined} ORDER BY sent.nth)"
        )
    return f"WITH {', '.join(parts)} SELECT lead_id FROM made ORDER BY number"  # noqa: S608
