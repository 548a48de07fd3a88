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
from gateway.matching import KNOWN_ON_POSTGRESQL, by_digest, known
from gateway.models import MatchClaim
from gateway.store.lead_rows import HOLDERS_ON_POSTGRESQL, read_holders

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
# before the first one is made.
_ON_POSTGRESQL = """
    WITH patience AS MATERIALIZED (SELECT set_config('lock_timeout', $2, true) AS said)
    INSERT INTO match_claim (digest) SELECT wanted.digest
    FROM patience, unnest($1::bytea[]) AS wanted(digest) WHERE patience.said IS NOT NULL
    ORDER BY wanted.digest ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest
"""
_ON_MARIADB = (
    "INSERT INTO match_claim (digest) VALUES {rows} ON DUPLICATE KEY UPDATE digest = VALUES(digest)"
)
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
# Not the wait for a row, of which MariaDB knows none between nothing and a second.
_SOON = f"SET STATEMENT max_statement_time = {database.TOGETHER_SECONDS} FOR "


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
        _hold(connection, digests, soon=False)


def begin_soon(
    connection: Connection,
    digests: Iterable[bytes],
    keys: Collection[bytes],
    external_ids: Collection[str] = (),
) -> tuple[dict[bytes, list[int]], dict[str, int]]:
    """Begin a transaction with what ``take`` does; return what ``known`` and ``read_holders`` do.

    It raises where to take them lasts longer than ``database.TOGETHER_SECONDS``; the transaction is
    then of no use any more. On PostgreSQL its later statements wait no longer, either.

    On PostgreSQL, where the connection commits each statement by itself until then, all of it is
    one text and so one way to the server; each statement sees what was committed when it came to
    its turn. Nothing is quoted in the text but hex digits.
    """
    if connection.dialect.name != "postgresql":
        if are_needed(connection):
            _hold(connection, digests, soon=True)
        return known(connection, keys), read_holders(connection, external_ids)
    patience = f"'{database.patience(soon=True)}'"
    statements = ["BEGIN ISOLATION LEVEL READ COMMITTED", f"SET LOCAL lock_timeout = {patience}"]
    for some in _in_order(digests):
        statements.append(_with_digests(_ON_POSTGRESQL, some).replace("$2", patience))
    if keys:
        statements.append(_with_digests(KNOWN_ON_POSTGRESQL, sorted(keys)))
    if external_ids:
        sent = (each.encode() for each in sorted(external_ids))
        statements.append(_with_digests(HOLDERS_ON_POSTGRESQL, sent))
    with driver_of(connection, "claims") as driver:
        found = _results(driver.execute("; ".join(statements), prepare=False))
        return (
            by_digest(next(found)) if keys else {},
            dict(next(found)) if external_ids else {},
        )


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
    rows = ", ".join(["(%s)"] * len(new))
    cursor.execute(AT_ONCE + _ON_MARIADB.format(rows=rows), new)
    return True


def _with_digests(statement: str, digests: Iterable[bytes]) -> str:
    # So written it does not rest on standard_conforming_strings.
    written = ", ".join([rf"E'\\x{each.hex()}'" for each in digests])
    return statement.replace("$1", f"ARRAY[{written}]::bytea[]")


def _results(cursor: Any) -> Iterator[list[Any]]:
    """Yield the rows of each statement of a text that gives some."""
    is_one = True
    while is_one:
        if cursor.description is not None:
            yield cursor.fetchall()
        is_one = cursor.nextset()


def _hold(connection: Connection, digests: Iterable[bytes], *, soon: bool) -> None:
    with driver_of(connection, "claims") as driver:
        for some in _in_order(digests):
            if connection.dialect.name == "postgresql":
                sent = (some, database.patience(soon=soon))
                RawCursor(driver).execute(_ON_POSTGRESQL, sent, prepare=True)
            else:
                rows = ", ".join(["(%s)"] * len(some))
                hurry = _SOON if soon else ""
                driver.cursor().execute(hurry + _ON_MARIADB.format(rows=rows), some)


def _in_order(digests: Iterable[bytes]) -> Iterator[list[bytes]]:
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
