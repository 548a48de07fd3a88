"""SQLite's log, written into its file beside the posts.

What is committed stands in a log at first. Whoever commits once that is long writes it into the
file, and all writers wait for it: at 1,700 posts a second, six times in one. So a thread does it
while others go on to write; they wait only for what they have added meanwhile, or the log would
never begin anew (https://www.sqlite.org/wal.html, "Avoiding Excessively Large WAL Files").
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway.database import has_one_writer
from gateway.turns import alone, file_of, turn

LOOK_SECONDS = 0.5
"""How often the log is written back while posts come in, at most: the pages that it has twice are
written once."""

WRITING_SECONDS = 0.03
"""How long that may take. For more, as in a large database where all pages differ, the disk would
have posts wait; then it is done more often."""

LONG = 4000
"""Pages of 4 KiB of a log that is to begin anew, for which posts wait."""

SHORT = 1000
"""Pages that posts may wait for: some milliseconds."""

LONGEST = 16_000
"""Pages of a log that must begin anew, whatever posts wait for."""

ROUNDS = 4
"""How often is written what came meanwhile, which is less each time."""


def write_back(engine: Engine) -> None:
    """Write what is in the log into the file, while others read and write; else do nothing."""
    if has_one_writer(engine):
        with _connected(engine) as connection:
            _write(connection)


def keep_short(engine: Engine) -> None:
    """Write the log back again and again, for ever, once no other process does.

    Where somebody reads for long it grows on, and in the end it is written back as without us: by
    whoever commits. Raises what stands in the way of a look.
    """
    database = file_of(engine.url)
    if database is None:
        return
    log, seen, pause = Path(f"{database}-wal"), 0, LOOK_SECONDS
    with alone(f"{database}.log.lock"):
        while True:
            time.sleep(pause)
            changed = _changed(log)
            if changed != seen:
                seen = changed
                pause = _next_pause(pause, shorten(engine))


def _next_pause(pause: float, took: float) -> float:
    """Return how long to wait after a writing of so many seconds, behind such a pause."""
    return max(min(pause * WRITING_SECONDS / took, 2 * pause, LOOK_SECONDS), WRITING_SECONDS)


def shorten(engine: Engine) -> float:
    """Write the log back, and have it begin anew where it is long.

    Return how many seconds the first writing took, while which others went on.
    """
    with _connected(engine) as connection:
        begun = time.perf_counter()
        length, written = _write(connection)
        took = time.perf_counter() - begun
        for _ in range(ROUNDS):
            # Where somebody still reads what was before, it cannot begin anew.
            if length <= LONG or written < length:
                return took
            before = written
            length, written = _write(connection)
            if written - before <= SHORT:
                break
        if written - before <= SHORT or length > LONGEST:
            with turn(engine):
                _write(connection)
        return took


def _write(connection: Any) -> tuple[int, int]:
    """Return how many pages the log had, and how many of them are in the file now."""
    _, length, written = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return length, written


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@contextmanager
def _connected(engine: Engine) -> Iterator[Any]:
    """Give the driver's cursor outside a transaction, in which none of this is allowed."""
    connection = engine.raw_connection()
    try:
        yield connection.cursor()
    finally:
        connection.close()
