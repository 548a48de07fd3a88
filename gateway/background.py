"""What a worker does beside its posts: sees the logins, watches the database, drains the spool, and
sorts in the search keys of new posts."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from gateway import sqlite_log
from gateway.auth.snapshot import REFRESH_SECONDS
from gateway.contract import System
from gateway.database import engine_options, has_one_writer
from gateway.draining import drain
from gateway.journal import key_rows
from gateway.outage import Watchdog, can_write, is_away

log = logging.getLogger("gateway.spool")

TICK_SECONDS = 1.0
"""How often a worker looks whether the database is back and whether posts wait."""

SETTLE_SECONDS = 10.0
"""How often it looks whether the search keys of new posts can be sorted in."""


def start(system: System, *, see_logins: bool = True) -> None:
    """Start the threads of this process, unless they run; they end with it.

    Called in every worker after the fork, because threads do not survive one; the logins are seen
    before it takes a post. Under a server that does not call it, the first request does, and does
    not wait for the logins.
    """
    if not system.breaker.begin_probing():
        return
    logging.getLogger("sqlalchemy.pool.impl.QueuePool").addFilter(_in_one_line)
    if see_logins:
        _see_logins(system)
    _run("keeper", lambda: _keep(system))
    _run("sorter", lambda: _sort_in(system))
    if has_one_writer(system.engine):
        _run("log", lambda: _write_back(system))
    else:
        options = engine_options(system.settings.DATABASE_URL)
        watchdog = Watchdog(system.engine, system.breaker, options["connect_args"])
        _run("watchdog", watchdog.run)


def _in_one_line(record: logging.LogRecord) -> bool:
    """Cut the traceback from what the pool says of a connection that we or an outage have ended."""
    record.exc_info = None
    return True


def _run(name: str, work: Callable[[], None]) -> None:
    threading.Thread(target=work, name=f"gateway-{name}", daemon=True).start()


def _keep(system: System) -> None:
    """Refresh the snapshot, see whether the database is back, and drain; for ever."""
    seen_at = time.monotonic() if system.snapshot.is_taken else float("-inf")
    while True:
        try:
            if system.breaker.is_open and _is_back(system):
                log.warning("the database is back")
                system.breaker.close()
            due = REFRESH_SECONDS if system.snapshot.is_taken else TICK_SECONDS
            if not system.breaker.is_open and time.monotonic() - seen_at >= due:
                _see_logins(system)
                system.spool.sweep()
                seen_at = time.monotonic()
            if not system.breaker.is_open and not system.spool.is_empty():
                _drain(system)
        except OSError as error:
            # The machine's trouble, and mostly a passing one: no file left, or a disk that fails.
            log.warning("the keeper of the spool cannot work now; it goes on: %s", error.strerror)
        except Exception:
            log.exception("the keeper of the spool failed; it goes on")
        time.sleep(TICK_SECONDS)


def _drain(system: System) -> None:
    drained = drain(system, wait=False)
    if drained is None:
        return
    found = {name: number for name, number in asdict(drained).items() if number}
    # Where all that waits was put off, nothing has happened.
    if found.keys() - {"waiting"}:
        log.warning("the spool was drained: %s", found)
    if drained.is_away:
        system.breaker.trip()


def _sort_in(system: System) -> None:
    """Sort in the search keys of new posts, for ever; a thread of its own, for it may wait."""
    turn = partial(system.breaker.turn, is_post=False)
    while True:
        time.sleep(SETTLE_SECONDS)
        try:
            while not system.breaker.is_open and key_rows.settle(system.engine, turn=turn):
                pass
        except Exception as error:  # posts are found where their keys wait, too
            log.warning("search keys cannot be sorted in now: %s", type(error).__name__)


def _write_back(system: System) -> None:
    while True:
        try:
            sqlite_log.keep_short(system.engine)
            return
        except Exception as error:  # whoever commits does it then
            log.warning("SQLite's log cannot be written back now: %s", type(error).__name__)
        time.sleep(SETTLE_SECONDS)


def _is_back(system: System) -> bool:
    with system.breaker.turn(is_post=False):
        return can_write(system.engine)


def _see_logins(system: System) -> None:
    try:
        with system.breaker.turn(is_post=False):
            system.snapshot.refresh(system.engine)
    except Exception as error:
        # A database without tables is no reason not to start: readyz says what is missing.
        if is_away(error):
            system.breaker.trip()
        log.warning("the logins cannot be read now: %s", type(error).__name__)
