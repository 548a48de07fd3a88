"""Asks the database whether it is there: by a write, and by a watch over those who wait for it."""

import threading
import time
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, delete, insert
from sqlalchemy.exc import SQLAlchemyError

from gateway.database import in_transaction
from gateway.models import MatchClaim
from gateway.outage.breaker import Breaker
from gateway.outage.errors import is_away
from gateway.outage.sockets import know_sockets, shut

WAIT_SECONDS = 0.5
"""After how long a wait for the database is looked into."""

ANSWER_SECONDS = 0.9
"""How long a database may take to say that it is there. Both together, and the time of writing the
post down, are less than the two seconds in which a caller is answered."""

TICK_SECONDS = 0.1

_MARK = b"is it writable? "
_claim = MatchClaim.__table__


def can_write(engine: Engine) -> bool:
    """Whether the database takes a write and commits it; one that only reads does not count."""

    def write(connection: Connection) -> None:
        connection.execute(delete(_claim).where(_claim.c.digest == _MARK))
        connection.execute(insert(_claim).values(digest=_MARK))

    try:
        in_transaction(engine, write)
    except Exception as error:
        return not is_away(error)
    return True


class Watchdog:
    """Tells a database that is slow from one that has fallen silent.

    A server whose machine has died, or that is cut off, does not even refuse: every post would wait
    for it. Where somebody waits, a connection of its own asks; without an answer, and if no post
    was done meanwhile either, the breaker trips and all who wait are let go.
    """

    def __init__(self, engine: Engine, breaker: Breaker, connect_args: dict[str, Any]) -> None:
        self._engine = create_engine(engine.url, poolclass=NullPool, connect_args=connect_args)
        know_sockets(self._engine)
        self._breaker = breaker
        self._connection: Connection | None = None
        self._answered_at = float("-inf")

    def run(self) -> None:
        """Watch for ever."""
        self.answers()
        while True:
            time.sleep(TICK_SECONDS)
            self.look()

    def look(self) -> None:
        """Let those who wait go if somebody has waited and the database is silent."""
        waited = self._breaker.longest_turn() > WAIT_SECONDS
        if not waited or time.monotonic() - self._answered_at < WAIT_SECONDS:
            return
        asked_at = time.monotonic()
        # On a machine with too much to do the answer may take longer than another post's COMMIT.
        if self.answers() or self._breaker.done_at > asked_at:
            self._answered_at = time.monotonic()
        else:
            self._breaker.trip()
            self._breaker.abort()

    def answers(self) -> bool:
        """Whether the server answers in time, at the second try where it has closed the first."""
        for _ in range(2):
            begun = time.monotonic()
            question = _Question(self._engine, self._connection)
            self._connection = None
            question.start()
            question.join(ANSWER_SECONDS)
            if question.is_alive():
                question.give_up()
                return False
            if question.is_answered:
                self._connection = question.connection
                return True
            if time.monotonic() - begun >= ANSWER_SECONDS:
                return False
        return False


class _Question(threading.Thread):
    """One question to the server, on its own thread: no driver makes a connection in less than two
    seconds or gives up earlier."""

    def __init__(self, engine: Engine, connection: Connection | None) -> None:
        super().__init__(name="gateway-question", daemon=True)
        self._engine = engine
        self.connection = connection
        self.is_answered = False
        self._is_given_up = False

    def run(self) -> None:
        try:
            if self.connection is None:
                self.connection = self._engine.connect()
            self.connection.exec_driver_sql("SELECT 1").scalar()
            self.connection.rollback()
            self.is_answered = not self._is_given_up
        except SQLAlchemyError:
            self.is_answered = False
        if not self.is_answered and self.connection is not None:
            with suppress(SQLAlchemyError):
                self.connection.invalidate()
                self.connection.close()

    def give_up(self) -> None:
        """Wait for no answer any more; the thread ends by itself."""
        self._is_given_up = True
        with suppress(SQLAlchemyError):
            if self.connection is not None:
                shut(self.connection.connection.dbapi_connection)
