"""Which of many keys some lead has: one look-up for all posts of a batch."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from gateway.driver import driver_of
from gateway.matching.finding import MOST_RANGES, page

MOST_ROWS = 100
"""Leads that are read at once where the engine cannot limit those of each key."""

FEW = 8
"""Keys are looked up in this number or a multiple: fewer statements for the database to prepare."""

_FROM = {"sqlite": "match_key", "mysql": "match_key FORCE INDEX (PRIMARY)"}
_FROM["mariadb"] = _FROM["mysql"]


def known(connection: Connection, digests: Iterable[bytes]) -> dict[bytes, list[int]]:
    """Return those of ``digests`` that leads have as a key: each with the first of these leads.

    For SQLite, as elsewhere a batch looks for more in one way to the server.
    """
    rows: list[Any] = []
    with driver_of(connection, "a look-up of keys") as driver:
        for some, statement in look_ups("sqlite", sorted(digests), written=lambda _: "?"):
            found = driver.execute(statement, some).fetchall()
            rows += completed(connection, some, found)
    return by_digest(rows)


def look_ups(
    engine: str, digests: Sequence[bytes], *, written: Callable[[bytes], str]
) -> Iterator[tuple[tuple[bytes, ...], str]]:
    """Yield the statements that look up ``digests``, each behind those that it asks for."""
    for start in range(0, len(digests), MOST_RANGES):
        some = tuple(digests[start : start + MOST_RANGES])
        some += some[-1:] * (-len(some) % FEW)
        among = ", ".join(map(written, some))
        statement = (
            f"SELECT lead_id, digest FROM {_FROM[engine]} WHERE digest IN ({among}) "  # noqa: S608
            f"LIMIT {MOST_ROWS + 1}"
        )
        yield some, statement


def completed(
    connection: Connection, digests: Collection[bytes], found: Sequence[Any]
) -> Sequence[Any]:
    """Return all rows of ``digests``, of which such a statement has ``found`` as many as it may."""
    # A key that very many leads share may have left no room for the others.
    return found if len(found) <= MOST_ROWS else page(connection, sorted(set(digests)), 0)


def by_digest(rows: Iterable[Sequence[Any]]) -> dict[bytes, list[int]]:
    """Return the leads of ``rows`` by the key that they have."""
    found: dict[bytes, list[int]] = {}
    for lead_id, digest in rows:
        found.setdefault(bytes(digest), []).append(lead_id)
    return found
