"""Rows of many posts in one statement of PostgreSQL, for which they travel as JSON."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from psycopg import RawCursor
from psycopg.pq import TransactionStatus
from sqlalchemy import Column, Dialect, Table
from sqlalchemy.dialects import postgresql

from gateway import database
from gateway.json_text import as_json
from gateway.store.fast.columns import as_utc
from gateway.store.fast.rows import KEY, LEAD, MATCH_KEY, Row, Rows, together

_DIALECT = postgresql.dialect()
_quote = _DIALECT.identifier_preparer.quote
_CURSOR = "gateway_cursor"

_ONE_EXPECTED = f"sent.lead_id BETWEEN {-(2**63)} AND {2**63 - 1}"
"""True of every row. Of what JSON holds PostgreSQL expects a hundred rows, and for those it would
walk through some thousand leads; within two bounds it expects one, and looks each up."""

_FEW = 8
"""Values of a row that is sent with the empty ones among them; of more, most are empty."""


def write(
    driver: Any,
    _: Dialect,
    posts: Sequence[Rows],
    *,
    soon: bool,
    commit: bool,
    begun: bool,
    kept: MutableMapping[Any, Any],
) -> list[int]:
    """Write the rows of ``posts``, and return the ids of their leads in order.

    It is one statement, which outside of a transaction commits itself; one that is under way ends
    with it where ``commit`` says so. With ``soon`` it does not wait long for what another holds;
    with ``begun`` it raises where no transaction is under way. ``kept`` is what lives as long as
    the connection.
    """
    if begun and driver.info.transaction_status is not TransactionStatus.INTRANS:
        raise RuntimeError("the transaction with the claims is gone")
    # A cursor that runs the same statement again knows how to send its parameters.
    if (cursor := kept.get(_CURSOR)) is None:
        cursor = kept[_CURSOR] = RawCursor(driver)
    rows = together(posts, range(len(posts)))
    tables = _in_order(tuple(rows))
    patience = database.patience(soon=soon)
    sent = (len(posts), patience, *(_as_text(rows[table]) for table in tables))
    made = _run(cursor, _statement(tables), sent, prepare=True, commit=commit).fetchall()
    return [lead_id for (lead_id,) in made]


def add(
    driver: Any,
    _: Dialect,
    rows: Mapping[Table, Sequence[Row]],
    changes: Sequence[Row],
    *,
    gone: Sequence[Row],
    soon: bool,
    commit: bool,
) -> None:
    """Write in one statement ``rows`` of leads that are there, what changes of these, and which of
    their keys are ``gone``.

    With ``commit`` the transaction ends with it.
    """
    tables, changed = _in_order(tuple(rows)), _by_columns(changes)
    sent = (
        *(_as_text(rows[table]) for table in tables),
        *(_as_text(each) for each in changed.values()),
        *([_as_text(gone)] if gone else []),
    )
    # Of leads that change in many ways at once hardly any statement would come again.
    is_common = len(changed) < 2
    statement = _addition(tables, tuple(changed), has_gone=bool(gone))
    _run(RawCursor(driver), statement, sent, prepare=is_common, commit=commit)


def _run(
    cursor: RawCursor[Any], statement: bytes, sent: Sequence[Any], *, prepare: bool, commit: bool
) -> RawCursor[Any]:
    """Run the statement, and with it the COMMIT of a transaction that is under way: one way to the
    server. Of a statement that fails nothing is committed."""
    driver = cursor.connection
    if not commit or driver.info.transaction_status is TransactionStatus.IDLE:
        return cursor.execute(statement, sent, prepare=prepare)
    with driver.pipeline():
        cursor.execute(statement, sent, prepare=prepare)
        driver.execute("COMMIT")
    return cursor


def _by_columns(changes: Sequence[Row]) -> dict[tuple[str, ...], list[Row]]:
    """Return the changes by the names of their columns, that of the id among them."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for change in changes:
        found.setdefault(tuple(sorted(change)), []).append(change)
    return dict(sorted(found.items()))


@lru_cache(maxsize=256)
def _in_order(tables: tuple[Table, ...]) -> tuple[Table, ...]:
    """Return the tables in one order, so that there are few statements to prepare."""
    return tuple(sorted(tables, key=lambda table: (table is not LEAD, table.name)))


def _as_text(rows: Sequence[Row]) -> str:
    """Return ``rows`` as one text: to take it apart is less work than to bind each value."""
    if len(rows) > 1:
        rows = [{**row, "nth": number} for number, row in enumerate(rows)]
    if rows and len(rows[0]) > _FEW:
        rows = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return as_json(rows, _written)


def _written(value: Any) -> str:
    """Return how PostgreSQL reads a value that JSON does not know."""
    if isinstance(value, bytes):
        # As nearly every body can be: half as long to send and to read.
        is_plain = value.isascii() and b"\\" not in value and b"\0" not in value
        return value.decode() if is_plain else rf"\x{value.hex()}"
    if isinstance(value, datetime):
        return as_utc(value)
    raise TypeError(f"a value of {type(value).__name__}, which JSON cannot hold")


@lru_cache(maxsize=256)
def _statement(tables: tuple[Table, ...]) -> bytes:
    """Return the one statement that writes rows of these tables; ``lead_id`` in them is a number
    from 0 on, in whose place the statement puts the id that it draws."""
    parts = [
        # The number of posts stands in a query of its own: a plan that knew it would look cheaper
        # than one for any number, and PostgreSQL would make a new one each time.
        "made AS MATERIALIZED (SELECT number, nextval((SELECT "
        "pg_get_serial_sequence('lead', 'lead_id'))::regclass) AS lead_id "
        "FROM (SELECT set_config('lock_timeout', $2, true) AS said OFFSET 0) AS patience, "
        "generate_series(0, (SELECT $1::integer - 1)) AS number WHERE patience.said IS NOT NULL)",
        *(_insert(table, place, with_ids=True) for place, table in enumerate(tables, start=3)),
    ]
    return f"WITH {', '.join(parts)} SELECT lead_id FROM made ORDER BY number".encode()  # noqa: S608


@lru_cache(maxsize=256)
def _addition(
    tables: tuple[Table, ...], changed: tuple[tuple[str, ...], ...], *, has_gone: bool = False
) -> bytes:
    """Return the one statement that writes rows of these tables as they are, and changes leads: for
    each of ``changed`` those with these columns. It ``has_gone`` where keys go, too."""
    parts = [_insert(table, place, with_ids=False) for place, table in enumerate(tables, start=1)]
    parts += [_update(names, len(tables) + n) for n, names in enumerate(changed, start=1)]
    if has_gone:
        parts.append(_deletion(len(parts) + 1))
    return f"WITH {', '.join(parts)} SELECT".encode()


def _update(names: tuple[str, ...], place: int) -> str:
    columns = [LEAD.c[name] for name in names]
    values = ", ".join(
        f"{_quote(column.name)} = sent.{_quote(column.name)}"
        for column in columns
        if column.name != KEY
    )
    return (
        f"changed_{place} AS (UPDATE lead SET {values} FROM json_to_recordset(${place}::json) "  # noqa: S608
        f"AS sent({_kinds(columns)}, nth integer) "
        f"WHERE lead.lead_id = sent.lead_id AND {_ONE_EXPECTED})"
    )


def _deletion(place: int) -> str:
    columns = [MATCH_KEY.c[name] for name in ("digest", KEY)]
    return (
        f"gone AS (DELETE FROM match_key USING json_to_recordset(${place}::json) "  # noqa: S608
        f"AS sent({_kinds(columns)}, nth integer) WHERE match_key.digest = sent.digest "
        f"AND match_key.lead_id = sent.lead_id AND {_ONE_EXPECTED})"
    )


def _insert(table: Table, place: int, *, with_ids: bool) -> str:
    """Return the part that writes rows of ``table``, which are the parameter at ``place``, with the
    ids that were made, if ``with_ids``."""
    counted = None if table is LEAD else table.autoincrement_column
    columns = [column for column in table.c if column is not counted]
    has_id = with_ids and KEY in table.c
    sources = ", ".join(
        "made.lead_id" if has_id and column.name == KEY else f"sent.{_quote(column.name)}"
        for column in columns
    )
    joined = " JOIN made ON made.number = sent.lead_id" if has_id else ""
    names = ", ".join(_quote(column.name) for column in columns)
    insert = f"INSERT INTO {_quote(table.name)} ({names}) SELECT {sources} FROM "  # noqa: S608
    return (
        f"into_{table.name} AS ({insert} json_to_recordset(${place}::json) "
        f"AS sent({_kinds(columns)}, nth integer){joined} ORDER BY sent.nth)"
    )


def _kinds(columns: Iterable[Column[Any]]) -> str:
    """Return the columns with their types, as PostgreSQL is told what the JSON holds."""
    return ", ".join(
        f"{_quote(column.name)} {column.type.dialect_impl(_DIALECT).compile(_DIALECT)}"
        for column in columns
    )
