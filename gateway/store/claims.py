"""Claims: one row a key digest, locked as the first act of a transaction.

Two posts of one person at once must not both find nothing and make a lead each. Whoever writes a
lead first takes the rows of its keys, in one order, so that the other waits and then sees what was
stored. Rows and not advisory locks, which are per server and do not hold on a cluster. SQLite has
one writer at a time and needs none.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from psycopg import RawCursor
from sqlalchemy import Connection, Engine, bindparam, delete, select

from gateway import database
from gateway.conflicts import AT_ONCE
from gateway.driver import driver_of
from gateway.models import MatchClaim

COMMON = bytes(16)
"""A claim that posts take beside their own when they have met other keys at every attempt.

It is the first in the order, so they queue for it before they hold anything. It holds off nobody
else, and so never stands in for the claim of a key.
"""

MOST_AT_ONCE = 1000
"""Rows of one statement; the drivers take more, a log of slow statements does not."""

_claim = MatchClaim.__table__
_free = (
    select(_claim.c.digest)
    .where(_claim.c.digest > bindparam("after"))
    .order_by(_claim.c.digest)
    .limit(bindparam("batch"))
    .with_for_update(skip_locked=True)
)
# One by one: for a list MariaDB may walk the table, and wait for the rows that others hold.
_delete = delete(_claim).where(_claim.c.digest == bindparam("held"))
# A text that is always the same, so that the plan is kept. How long a row is waited for is set
# before the first one is made. Rows that are there are locked, also where none is to be changed.
ON_POSTGRESQL = """
    WITH patience AS MATERIALIZED (SELECT set_config('lock_timeout', $2, true) AS said)
    INSERT INTO match_claim (digest) SELECT wanted.digest
    FROM patience, unnest($1::bytea[]) AS wanted(digest) WHERE patience.said IS NOT NULL
    ORDER BY wanted.digest ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest WHERE false
"""
# Rows that are there already are not inserted: that would wait for who holds one.
_MORE_ON_POSTGRESQL = """
    WITH wanted AS MATERIALIZED (SELECT unnest($1::bytea[]) AS digest),
    made AS (
        INSERT INTO match_claim (digest) SELECT wanted.digest FROM wanted WHERE NOT EXISTS
        (SELECT FROM match_claim WHERE match_claim.digest = wanted.digest) RETURNING digest
    ),
    free AS (
        SELECT match_claim.digest FROM match_claim JOIN wanted USING (digest)
        FOR UPDATE OF match_claim SKIP LOCKED
    )
    SELECT digest FROM made UNION ALL SELECT digest FROM free
"""
_AMONG = "SELECT digest FROM match_claim FORCE INDEX (PRIMARY) WHERE digest IN ({marks})"
SOON = f"SET STATEMENT max_statement_time = {database.TOGETHER_SECONDS} FOR "
"""Before statements of MariaDB that wait for rows, but not long. It is not the wait for a row, of
which MariaDB knows none between nothing and a second."""


class Unclaimed(Exception):
    """The post turns out to touch keys that it has not claimed: roll back, claim them, begin again.

    Waiting for them now would lock in another order than other posts do.
    """

    def __init__(self, digests: Iterable[bytes]) -> None:
        super().__init__()
        self.digests = frozenset(digests)


class Contended(Exception):
    """A post met keys that it had not claimed at every attempt; nothing of it is written."""


def are_needed(connection: Connection) -> bool:
    """Whether two transactions can write at once on this engine."""
    return not database.has_one_writer(connection.engine)


def take(connection: Connection, digests: Iterable[bytes]) -> None:
    """Lock the row of each digest until the transaction ends, made where there is none."""
    if are_needed(connection):
        _hold(connection, digests)


def take_more(connection: Connection, digests: Collection[bytes]) -> None:
    """Lock the row of each digest too, in a transaction that several posts share.

    Who waits for nobody may take them in any order. Raises Unclaimed where somebody holds one.
    """
    wanted = sorted(digests)
    with driver_of(connection, "more claims") as driver:
        if connection.dialect.name == "postgresql":
            taken = RawCursor(driver).execute(_MORE_ON_POSTGRESQL, (wanted,), prepare=True)
            is_free = len(taken.fetchall()) == len(wanted)
        else:
            is_free = _take_more_on_mariadb(driver.cursor(), wanted)
    if not is_free:
        raise Unclaimed(digests)


def _take_more_on_mariadb(cursor: Any, wanted: Sequence[bytes]) -> bool:
    """Return whether nobody else holds one; then all are taken."""
    among = _AMONG.format(marks=", ".join(["%s"] * len(wanted)))
    # A statement that fails would take the whole transaction with it, if the server is set so.
    cursor.execute(f"{among} FOR UPDATE SKIP LOCKED", wanted)
    taken = {bytes(digest) for (digest,) in cursor}
    if len(taken) == len(wanted):
        return True
    cursor.execute(among, wanted)
    if any(bytes(digest) not in taken for (digest,) in cursor):
        return False
    new = [digest for digest in wanted if digest not in taken]
    cursor.execute(AT_ONCE + on_mariadb(["%s"] * len(new)), new)
    return True


def _hold(connection: Connection, digests: Iterable[bytes]) -> None:
    with driver_of(connection, "claims") as driver:
        for some in in_order(digests):
            if connection.dialect.name == "postgresql":
                sent = (some, database.patience(soon=False))
                RawCursor(driver).execute(ON_POSTGRESQL, sent, prepare=True)
            else:
                driver.cursor().execute(on_mariadb(["%s"] * len(some)), some)


def on_mariadb(written: Iterable[str]) -> str:
    """Return the statement that locks the rows of digests as they are ``written`` in it."""
    rows = ", ".join([f"({each})" for each in written])
    return (
        f"INSERT INTO match_claim (digest) VALUES {rows} "  # noqa: S608
        "ON DUPLICATE KEY UPDATE digest = VALUES(digest)"
    )


def in_order(digests: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the digests in the order in which they are claimed, as many as one statement takes."""
    # Sorted, so that no two posts wait for each other in a ring: both engines take the rows of one
    # statement in its order. One statement, because one for each digest took a fifth of a post.
    ordered = sorted(digests)
    for start in range(0, len(ordered), MOST_AT_ONCE):
        yield ordered[start : start + MOST_AT_ONCE]


def purge(engine: Engine, *, batch: int = MOST_AT_ONCE) -> Iterator[int]:
    """Delete the claims that nobody holds; yield after each batch how many were in it.

    A row that is held is passed over, so this never waits. Who comes for a row while it is deleted
    waits for that and makes it anew.
    """
    after, size = b"", batch

    def work(connection: Connection) -> list[bytes]:
        rows = connection.execute(_free, {"after": after, "batch": batch}).scalars()
        digests = [bytes(each) for each in rows]
        if digests:
            connection.execute(_delete, [{"held": each} for each in digests])
        return digests

    while size == batch:
        digests = database.in_transaction(engine, work)
        size = len(digests)
        if digests:
            after = digests[-1]
            yield size
