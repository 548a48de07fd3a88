"""The sockets under the drivers' connections: how one thread lets go another that waits on one."""

import os
import socket
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary, finalize

from sqlalchemy import Engine, event

_handles: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
"""Of connections whose driver shows its socket to nobody as long as a thread waits on it."""


def know_sockets(engine: Engine) -> None:
    """Make ``shut`` work for every connection of ``engine``, whatever its driver."""
    if engine.dialect.driver == "mysqldb":
        event.listen(engine, "connect", _remember)


def _remember(connection: Any, record: Any) -> None:
    # A handle of our own: the driver's number may by then belong to another file.
    handle = os.dup(connection.fileno())
    _handles[connection] = handle
    finalize(connection, os.close, handle)


def shut(connection: Any) -> None:
    """Shut the socket of a driver's connection, so that who waits on it gets an error at once."""
    with suppress(Exception):
        held = getattr(connection, "_sock", None)
        if held is not None:
            held.shutdown(socket.SHUT_RDWR)
            return
        handle = _handles.get(connection)
        if handle is None:
            handle = connection.fileno()
        with socket.socket(fileno=os.dup(handle)) as another:
            another.shutdown(socket.SHUT_RDWR)
