"""Claims: one row a key digest, locked as the first act of a transaction.

Two posts of one person at once must not both find nothing and make a lead each. Whoever writes a
lead first takes the rows of its keys, in one order, so that the other waits and then sees what was
stored. Rows and not advisory locks, which are per server and do not hold on a cluster. SQLite has
one writer at a time and needs none.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from gateway import database

COMMON = bytes(16)
"""A claim that posts take beside their own when they have met other keys at every attempt.

It is the first in the order, so they queue for it before they hold anything. It holds off nobody
else, and so never stands in for the claim of a key.
"""

MOST_AT_ONCE = 1000
"""Rows of one statement; the drivers take more, a log of slow statements does not."""

_CLAIM = "INSERT INTO match_claim (digest) VALUES "
_HOLD = {
    "postgresql": " ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest",
    "mysql": " ON DUPLICATE KEY UPDATE digest = VALUES(digest)",
}
_HOLD["mariadb"] = _HOLD["mysql"]


class Unclaimed(Exception):
    """The post turns out to touch keys that it has not claimed: roll back, claim them, begin again.

    Claiming them now would lock in another order than other posts do.
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
    if not are_needed(connection):
        return
    # Sorted, so that no two posts wait for each other in a ring: both engines take the rows of one
    # statement in its order. One statement, because one for each digest took a fifth of a post.
    ordered = sorted(digests)
    for start in range(0, len(ordered), MOST_AT_ONCE):
        some = ordered[start : start + MOST_AT_ONCE]
        rows = ", ".join(["(%s)"] * len(some))
        statement = f"{_CLAIM}{rows}{_HOLD[connection.dialect.name]}"
        connection.exec_driver_sql(statement, tuple(some))
