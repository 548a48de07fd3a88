"""How the gateway talks to each engine: options, transactions, and when to run one again.

SQLite: WAL, an answered lead is on the disk (``synchronous=FULL``), and one file lock that writers
of all processes take in turn; SQLite's own busy loop is not fair and let single posts wait for
seconds. PostgreSQL and MariaDB: READ COMMITTED, because under MariaDB's default a read before a
lock hides what the other post has just stored.
"""

import fcntl
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, OperationalError

Result = TypeVar("Result")

ATTEMPTS = 10
"""How often a transaction is run before a conflict counts as a fault."""

IDLE_SECONDS = 1.0
"""After how long without use a connection is tried before it is used again."""

# An error of the database goes into the log; the person's data that it was about must not.
_QUIET = {"hide_parameters": True}
LOCK_SECONDS = 10
"""How long a post waits for a row that somebody holds, before it fails."""

_ONLY_READS = "gateway_only_reads"
_USED_AT = "gateway_used_at"
_POSTGRESQL_CONFLICTS = {"40001", "40P01"}
_MARIADB_CONFLICTS = {1020, 1213}
# NO_AUTO_VALUE_ON_ZERO: a row may have the id 0, as on the other engines.
_MARIADB_MODE = (
    "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"
)


def engine_options(url: str) -> dict[str, Any]:
    """Return what SQLAlchemy's create_engine needs for ``url``."""
    backend = make_url(url).get_backend_name()
    if backend == "sqlite":
        return {"connect_args": {"timeout": 30}, **_QUIET}
    options: dict[str, Any] = {
        **_QUIET,
        "isolation_level": "READ COMMITTED",
        "pool_size": 8,
        "max_overflow": 8,
        "pool_recycle": 1800,
    }
    if backend in ("mysql", "mariadb"):
        options["connect_args"] = {
            "charset": "utf8mb4",
            "connect_timeout": 5,
            "init_command": (
                f"SET SESSION sql_mode='{_MARIADB_MODE}', time_zone='+00:00', "
                f"innodb_lock_wait_timeout={LOCK_SECONDS}"
            ),
        }
    else:
        options["connect_args"] = {
            "connect_timeout": 5,
            "options": f"-c lock_timeout={LOCK_SECONDS}s",
        }
    return options


def prepare(engine: Engine) -> None:
    """Make every connection of ``engine`` behave as this module promises."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return
    event.listen(engine, "checkin", _used)
    event.listen(engine, "checkout", partial(_ping_idle, engine.dialect))


def _set_up_sqlite(connection: Any, record: Any) -> None:
    # The driver must not begin transactions by itself: it would not begin them IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    only_reads = connection.get_execution_options().get(_ONLY_READS)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def _used(connection: Any, record: Any) -> None:
    record.info[_USED_AT] = time.monotonic()


def _ping_idle(dialect: Dialect, connection: Any, record: Any, proxy: Any) -> None:
    """Have a connection replaced that the server has dropped while nobody used it.

    A ping before every use costs a tenth of a post; one that is in use is hardly ever stale, and a
    transaction that meets such a one is run again.
    """
    idle = time.monotonic() - record.info.get(_USED_AT, 0)
    if idle > IDLE_SECONDS:
        try:
            alive = dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error:
            alive = False
        if not alive:
            raise DisconnectionError


def has_one_writer(engine: Engine) -> bool:
    """Whether only one transaction at a time can write."""
    return engine.dialect.name == "sqlite"


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection for look-ups, which takes no lock that a writer waits for."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
        else:
            yield connection.execution_options(**{_ONLY_READS: True})


def look_up(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    """Return what ``work(connection)`` reads; read again where the connection was a broken one."""
    try:
        with reading(engine) as connection:
            return work(connection)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    with reading(engine) as connection:
        return work(connection)


def in_transaction(
    engine: Engine,
    work: Callable[[Connection], Result],
    *,
    is_committed: Callable[[Connection], bool] | None = None,
) -> Result:
    """Return what ``work(connection)`` returns, committed; conflicts with others are run again.

    ``work`` may run several times and must have no effects outside the transaction. A connection
    that breaks during COMMIT may have committed or not: ``is_committed`` then looks, on another
    one; without it that is a fault.
    """
    for attempt in range(1, ATTEMPTS + 1):
        done = False
        try:
            with turn(engine), engine.begin() as connection:
                result = work(connection)
                done = True
            return result
        except (OperationalError, IntegrityError) as error:
            broke = error.connection_invalidated
            if done and broke and is_committed is not None:
                if look_up(engine, is_committed):
                    return result
            elif attempt == ATTEMPTS or not ((broke and not done) or _is_conflict(error)):
                raise
            if attempt == ATTEMPTS:
                raise
            # A moment, and not the same for all, or those who collided collide again.
            time.sleep(random.uniform(0, 0.005 * attempt))  # noqa: S311 no secret
    raise AssertionError("unreachable")


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """Wait until no other process writes, where only one can."""
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or database == ":memory:":
        yield
        return
    # A file of its own for each turn: threads of one process exclude each other like processes.
    with open(f"{database}.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_conflict(error: DBAPIError) -> bool:
    """Whether another post got in between, so that the same work may succeed now."""
    if isinstance(error, IntegrityError):
        return True
    cause = error.orig
    if getattr(cause, "sqlstate", None) in _POSTGRESQL_CONFLICTS:
        return True
    arguments = getattr(cause, "args", ())
    if arguments and arguments[0] in _MARIADB_CONFLICTS:
        return True
    return "database is locked" in str(cause)
