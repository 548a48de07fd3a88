"""Turns: on SQLite one transaction writes at a time, and those who wait are held by the lock of a
file beside the database's, which is fairer than SQLite's own busy loop."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine


def file_of(url: URL) -> str | None:
    """Return the file of a SQLite database; ``None`` for one in memory and for other engines."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return url.database


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """Keep all others from writing, where only one at a time can."""
    file = file_of(engine.url)
    if file is None:
        yield
        return
    # A file of its own for each turn: threads of one process exclude each other like processes.
    with alone(f"{file}.lock"):
        yield


@contextmanager
def alone(path: str) -> Iterator[None]:
    """Wait until nobody else has the file ``path``, and have it; who dies has it no longer."""
    lock = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
