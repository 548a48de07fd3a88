"""How the transaction of a batch begins: claims, then who is known, then the leads that are meant.

What is asked for is the same on every engine; how few ways to the server that takes differs.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from gateway.store.first_look import mariadb, postgresql, sqlite
from gateway.store.planning import Stored
from gateway.store.wanted import Known, Wanted

_BEGIN: Mapping[str, Callable[..., tuple[Known, Mapping[int, Stored]]]] = {
    "sqlite": sqlite.begin,
    "postgresql": postgresql.begin,
    "mysql": mariadb.begin,
    "mariadb": mariadb.begin,
}


def begin(connection: Connection, batch: Sequence[Wanted]) -> tuple[Known, Mapping[int, Stored]]:
    """Begin the transaction, claim what ``batch`` wants, and return who is known and those leads.

    The leads are locked, by id: those that a post must mean, as nobody else is a candidate, and
    that nobody else holds. It raises where to claim lasts longer than
    ``database.TOGETHER_SECONDS``; the transaction is then of no use any more. On PostgreSQL, where
    the connection commits each statement by itself until then, later statements of the transaction
    wait no longer, either.
    """
    return _BEGIN[connection.dialect.name](connection, batch)
