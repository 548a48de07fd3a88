"""The first look on MariaDB in two ways to the server: a block that claims and finds, and one that
reads."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, Dialect, String
from sqlalchemy.types import JSON

from gateway.driver import driver_of
from gateway.matching import by_digest, completed, look_ups
from gateway.store import claims
from gateway.store.lead_rows import (
    COLUMNS,
    Lock,
    holders_statement,
    leads_of,
    row_statement,
    tags_statement,
)
from gateway.store.planning import Stored
from gateway.store.wanted import (
    Known,
    Wanted,
    claims_of,
    external_ids,
    keys_of,
    meant,
    with_holders,
)


def begin(connection: Connection, batch: Sequence[Wanted]) -> tuple[Known, dict[int, Stored]]:
    """Return what ``first_look.begin`` does, of a transaction that begins with the first block."""
    found = _find(connection, batch)
    leads, with_tags = meant(batch, found)
    return found, _read(connection, leads, with_tags) if leads else {}


def _find(connection: Connection, batch: Sequence[Wanted]) -> Known:
    """Claim what ``batch`` wants, and return who is known."""
    keys, external = sorted(keys_of(batch)), external_ids(batch)
    ids = sorted(external.values())
    of_keys = list(look_ups(connection.dialect.name, keys, written=_hex))
    statements = [claims.on_mariadb(map(_hex, some)) for some in claims.in_order(claims_of(batch))]
    statements += [statement for _, statement in of_keys]
    if ids:
        among = f"IN ({','.join(['%s'] * len(ids))})"
        statements.append(holders_statement(connection.dialect, among))
    if not statements:
        return {}
    answers = _answers(connection, statements, ids, before=claims.SOON)
    rows = [
        row
        for (some, _), answer in zip(of_keys, answers, strict=False)
        for row in completed(connection, some, answer)
    ]
    holders = dict(answers[-1]) if ids else {}
    return with_holders(by_digest(rows), external, holders)


def _read(
    connection: Connection, lead_ids: Iterable[int], with_tags: Iterable[int]
) -> dict[int, Stored]:
    """Lock and return those of the leads that nobody else holds, by id."""
    dialect = connection.dialect
    statements = [_with(row_statement(dialect, _AMONG, Lock.SKIP, _as_json(dialect)), lead_ids)]
    if with_tags:
        statements.append(_with(tags_statement(dialect, _AMONG), with_tags))
    packed, *tags = _answers(connection, statements)
    rows = [_IN_ORDER((*orjson.loads(first), *others)) for first, *others in packed]
    return leads_of(connection, rows, tags[0] if tags else ())


def _answers(
    connection: Connection, statements: Sequence[str], sent: Sequence[str] = (), *, before: str = ""
) -> list[Sequence[Any]]:
    """Return what each of the statements finds that look for anything."""
    block = f"{before}BEGIN NOT ATOMIC {'; '.join(statements)}; END"
    answers = []
    with driver_of(connection, "the first look of a batch") as driver:
        cursor = driver.cursor()
        cursor.execute(block, sent or None)
        is_one = True
        while is_one:
            if cursor.description is not None:
                answers.append(cursor.fetchall())
            is_one = cursor.nextset()
    # One that is missing must not be read as nobody, or as a lead without tags.
    if len(answers) != sum(each.startswith("SELECT") for each in statements):
        raise RuntimeError("the server has not answered all of the first look")
    return answers


def _hex(digest: bytes) -> str:
    return f"X'{digest.hex()}'"


_AMONG = "IN (:ids)"


def _with(statement: str, lead_ids: Iterable[int]) -> str:
    return statement.replace(":ids", ",".join(map(str, sorted(lead_ids))))


def _is_packed(column: Column[Any]) -> bool:
    """Whether JSON holds the same value as the driver gives."""
    return isinstance(column.type, String | BigInteger) and not isinstance(column.type, JSON)


# PyMySQL takes a wide row apart in Python, and before that what the server tells of each column:
# half of what a found lead cost.
_PACKED = [column for column in COLUMNS if _is_packed(column)]
_OTHERS = [column for column in COLUMNS if not _is_packed(column)]
_IN_ORDER: Callable[[Sequence[Any]], tuple[Any, ...]] = itemgetter(
    *([*_PACKED, *_OTHERS].index(column) for column in COLUMNS)
)


@lru_cache(maxsize=16)
def _as_json(dialect: Dialect) -> str:
    """Return what is selected: most columns as one JSON array, then the others."""
    quote = dialect.identifier_preparer.quote
    packed = ", ".join(quote(column.name) for column in _PACKED)
    return ", ".join([f"JSON_ARRAY({packed})", *(quote(column.name) for column in _OTHERS)])
