"""Which of many keys some lead has: one look-up for all posts of a batch."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import RawCursor
from sqlalchemy import Connection

from gateway.driver import driver_of
from gateway.matching.finding import MOST_RANGES, PAGE, page

MOST_ROWS = 100
"""Leads that are read at once where the engine cannot limit those of each key."""

FEW = 8
"""Keys are looked up in this number or a multiple: fewer statements for the database to prepare."""

# A text that is always the same, so that the plan is kept.
ON_POSTGRESQL = f"""
    SELECT found.lead_id, wanted.digest FROM unnest($1::bytea[]) AS wanted(digest)
    CROSS JOIN LATERAL (
        SELECT lead_id FROM match_key WHERE match_key.digest = wanted.digest
        ORDER BY lead_id LIMIT {PAGE}
    ) AS found
"""  # noqa: S608 a number of our own
_ELSEWHERE = {
    "sqlite": ("match_key", "?"),
    "mysql": ("match_key FORCE INDEX (PRIMARY)", "%s"),
}
_ELSEWHERE["mariadb"] = _ELSEWHERE["mysql"]


def known(connection: Connection, digests: Iterable[bytes]) -> dict[bytes, list[int]]:
    """Return those of ``digests`` that leads have as a key: each with the first of these leads."""
    wanted = sorted(set(digests))
    if not wanted:
        return {}
    if connection.dialect.name == "postgresql":
        with driver_of(connection, "a look-up of keys") as driver:
            found = RawCursor(driver).execute(ON_POSTGRESQL, (wanted,), prepare=True)
            return by_digest(found.fetchall())
    return by_digest(_rows(connection, wanted))


def by_digest(rows: Iterable[Sequence[Any]]) -> dict[bytes, list[int]]:
    """Return the leads of ``rows`` by the key that they have."""
    found: dict[bytes, list[int]] = {}
    for lead_id, digest in rows:
        found.setdefault(bytes(digest), []).append(lead_id)
    return found


def _rows(connection: Connection, digests: Sequence[bytes]) -> list[Any]:
    table, mark = _ELSEWHERE[connection.dialect.name]
    rows: list[Any] = []
    for start in range(0, len(digests), MOST_RANGES):
        some = tuple(digests[start : start + MOST_RANGES])
        some += some[-1:] * (-len(some) % FEW)
        marks = ", ".join([mark] * len(some))
        statement = (
            f"SELECT lead_id, digest FROM {table} WHERE digest IN ({marks}) "  # noqa: S608
            f"LIMIT {MOST_ROWS + 1}"
        )
        with driver_of(connection, "a look-up of keys") as driver:
            cursor = driver.cursor()
            cursor.execute(statement, some)
            found = cursor.fetchall()
        # A key that very many leads share may have left no room for the others.
        rows += found if len(found) <= MOST_ROWS else page(connection, sorted(set(some)), 0)
    return rows
