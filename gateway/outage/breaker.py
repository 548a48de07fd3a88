"""The breaker of one process: once the database is away, no post waits to find that out again."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

from gateway.outage.sockets import know_sockets, shut

TICK_SECONDS = 0.05

RETRY_SECONDS = 1.0
"""How often it is tried whether the database is back."""


class Away(Exception):
    """The database was found away while this post was at it, or is known to be."""


@dataclass(slots=True, eq=False)
class _Turn:
    """One thread that is at work with the database."""

    is_post: bool
    started: float = field(default_factory=time.monotonic)
    connection: Any = None


class _Known:
    """The block of a turn; every post has one, so it is no generator."""

    __slots__ = ("_before", "_breaker", "_turn")

    def __init__(self, breaker: "Breaker", turn: _Turn) -> None:
        self._breaker, self._turn = breaker, turn
        self._before: _Turn | None = None

    def __enter__(self) -> None:
        mine = self._breaker._mine
        self._before = getattr(mine, "turn", None)
        mine.turn = self._turn
        self._breaker._turns.add(self._turn)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._turn.is_post:
            self._breaker.done_at = time.monotonic()
        self._breaker._turns.discard(self._turn)
        self._breaker._mine.turn = self._before


class Breaker:
    """Knows whether the database is away, and who is waiting for it.

    Where no thread of this process looks whether it is back, a post tries once a second.
    """

    def __init__(self) -> None:
        self._probed_in: int | None = None
        self._lock = threading.Lock()
        self._is_open = False
        self._tripped_at = float("-inf")
        self._retry_at = 0.0
        self._turns: set[_Turn] = set()
        self._mine = threading.local()
        self.done_at = float("-inf")
        """When a post was done last: the database had committed its row (``time.monotonic``)."""

    @property
    def is_probed(self) -> bool:
        """Whether a thread of this very process looks: none survives a fork."""
        return self._probed_in == os.getpid()

    def begin_probing(self) -> bool:
        """Take note that a thread looks from now on; ``False`` where one does already."""
        with self._lock:
            is_new, self._probed_in = not self.is_probed, os.getpid()
        return is_new

    @property
    def is_open(self) -> bool:
        """Whether the database counts as away."""
        return self._is_open

    def may_try(self) -> bool:
        """Whether a post should try the database; one that may not goes to the spool at once."""
        if not self._is_open:
            return True
        if self.is_probed:
            return False
        with self._lock:
            now = time.monotonic()
            if now < self._retry_at:
                return False
            self._retry_at = now + RETRY_SECONDS
        return True

    def trip(self) -> None:
        """Take note that the database is away; every post that begins now is told so."""
        with self._lock:
            self._is_open = True
            self._tripped_at = time.monotonic()
            self._retry_at = self._tripped_at + RETRY_SECONDS

    def close(self) -> None:
        """Take note that the database is there."""
        self._is_open = False

    def turn(self, *, is_post: bool) -> "_Known":
        """Have this thread known as one that is at work with the database, until the block ends.

        A post whose database is found away meanwhile gets Away instead of another connection.
        """
        return _Known(self, _Turn(is_post))

    def longest_turn(self) -> float:
        """Return for how many seconds the oldest thread has been at work."""
        now = time.monotonic()
        return max((now - turn.started for turn in self._turns.copy()), default=0.0)

    def abort(self) -> None:
        """End every connection that somebody is waiting on; what was sent may count or not."""
        for turn in self._turns.copy():
            if turn.connection is not None:
                shut(turn.connection)

    def watch(self, engine: Engine) -> None:
        """Know which connections of ``engine`` threads are at work with."""
        know_sockets(engine)
        if engine.dialect.name != "sqlite":
            event.listen(engine, "do_connect", self._connect)
        event.listen(engine, "connect", self._note)
        event.listen(engine, "checkout", self.check_out)

    def check_out(self, connection: Any, *_: Any) -> None:
        """Take note that this thread is at work with a driver's connection. Raises Away."""
        self._check()
        self._note(connection, None)

    def _check(self, *_: Any) -> None:
        turn = getattr(self._mine, "turn", None)
        if turn is not None and turn.is_post and self._tripped_at > turn.started:
            raise Away

    def _connect(self, dialect: Any, record: Any, args: Any, arguments: Any) -> Any:
        """Return a new connection; a post waits for it only until the database counts as away.

        No driver gives a connection up in less than two seconds, for each address of the server.
        """
        self._check()
        turn = getattr(self._mine, "turn", None)
        if turn is None or not turn.is_post:
            return None
        made: Future[Any] = Future()
        threading.Thread(
            target=_make, args=(made, lambda: dialect.connect(*args, **arguments)), daemon=True
        ).start()
        while not wait([made], TICK_SECONDS).done:
            if self._tripped_at > turn.started:
                made.add_done_callback(_close)
                raise Away
        return made.result()

    def _note(self, connection: Any, record: Any) -> None:
        turn = getattr(self._mine, "turn", None)
        if turn is not None:
            turn.connection = connection


def _make(made: Future[Any], connect: Callable[[], Any]) -> None:
    try:
        made.set_result(connect())
    except BaseException as error:  # who waits for it raises it
        made.set_exception(error)


def _close(made: Future[Any]) -> None:
    """Close a connection that came too late."""
    with suppress(Exception):
        made.result().close()
