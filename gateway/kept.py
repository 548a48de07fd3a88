"""A connection that stays out of the pool while somebody uses it again and again.

To fetch one for each batch of posts, and to give it back, took a tenth of what a post costs.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from gateway import database

KEPT_SECONDS = 60.0
"""How long a connection stays out: whether it is too old is seen when it leaves the pool."""


class Kept:
    """A connection, made by ``connect``, for one thread at a time.

    It goes back to the pool once it has failed, was not used for a moment or has been out for long;
    there it is rolled back, tried and replaced like any other. ``check`` gets the driver's
    connection at each use, as the pool's listeners do.
    """

    def __init__(
        self,
        check: Callable[[Any], None],
        connect: Callable[[Engine], Connection] = Engine.connect,
    ) -> None:
        self._check = check
        self._connect = connect
        self._connection: Connection | None = None
        self._engine: Engine | None = None
        self._process = 0
        self._until = 0.0
        self._used_at = 0.0

    @contextmanager
    def lend(self, engine: Engine) -> Iterator[Connection]:
        """Give the connection to a block that ends its transaction, or raises."""
        connection = self._usable(engine)
        try:
            yield connection
        except BaseException:
            self._give_back(is_clean=False)
            raise
        self._used_at = time.monotonic()

    def _usable(self, engine: Engine) -> Connection:
        now = time.monotonic()
        if self._connection is not None:
            is_in_use = now - self._used_at < database.IDLE_SECONDS and now < self._until
            if is_in_use and engine is self._engine:
                self._check(self._connection.connection.dbapi_connection)
                return self._connection
            self._give_back(is_clean=True)
        connection = self._connect(engine)
        if engine is not self._engine:
            event.listen(engine, "engine_disposed", self._let_go)
        self._connection, self._engine, self._process = connection, engine, os.getpid()
        self._until = now + KEPT_SECONDS
        return connection

    def _give_back(self, *, is_clean: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            database.note_return(connection, used_at=self._used_at, is_clean=is_clean)
            # One that broke meanwhile is tried and replaced when it leaves the pool again.
            with suppress(SQLAlchemyError):
                connection.close()

    def _let_go(self, engine: Engine) -> None:
        """Close the connection as the engine closes the others; that of a parent process, which
        goes on using it, is only forgotten."""
        connection, self._connection = self._connection, None
        if connection is not None and self._process == os.getpid():
            with suppress(SQLAlchemyError):
                connection.invalidate()
                connection.close()
