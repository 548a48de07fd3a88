"""How the gateway talks to each engine: options, transactions, and when to run one again.

SQLite: WAL, an answered lead is on the disk (``synchronous=FULL``), and one file lock that writers
of all processes take in turn; SQLite's own busy loop is not fair and let single posts wait for
seconds. PostgreSQL and MariaDB: READ COMMITTED, because under MariaDB's default a read before a
lock hides what the other post has just stored.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
)

from gateway.conflicts import is_conflict
from gateway.driver import driver_of
from gateway.turns import turn

Result = TypeVar("Result")

ATTEMPTS = 10
"""How often a transaction is run before a conflict counts as a fault."""

IDLE_SECONDS = 1.0
"""After how long without use a connection is tried before it is used again."""

# An error of the database goes into the log; the person's data that it was about must not.
_QUIET = {"hide_parameters": True}
LOCK_SECONDS = 10
"""How long a post waits for a row that somebody holds, before it fails."""

TOGETHER_SECONDS = 0.1
"""How long posts that share a transaction wait for what another holds, before each goes alone."""

CONNECT_SECONDS = 2
"""How long a post waits for a connection; psycopg makes two of anything less."""

# A connection to a machine that has died is given up within a minute, not within hours.
_KEEPALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

_MARIADB_DRIVERS: dict[str, dict[str, Any]] = {
    # For the greeting of the server, too; a statement may then take as long as it likes.
    "pymysql": {"read_timeout": CONNECT_SECONDS},
    # Counts the greeting as connecting, and could not be given more time afterwards. Bytes are
    # marked as such: they are no text in the connection's charset.
    "mysqldb": {"binary_prefix": True},
}

# Where nothing else does it (gateway/sqlite_log.py), SQLite writes its log into its file at so many
# pages, 128 MB, and all writers wait.
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "wal_autocheckpoint=32000")

_ONLY_READS = "gateway_only_reads"
_USED_AT = "gateway_used_at"
_LEFT_AT = "gateway_was_left_at"
_ENDED = "gateway_has_ended_its_transaction"
# NO_AUTO_VALUE_ON_ZERO: a row may have the id 0, as on the other engines.
_MARIADB_MODE = (
    "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"
)


def engine_options(url: str) -> dict[str, Any]:
    """Return what SQLAlchemy's create_engine needs for ``url``."""
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        # Posts have a statement for each number of rows of each table.
        return {"connect_args": {"timeout": LOCK_SECONDS, "cached_statements": 512}, **_QUIET}
    options: dict[str, Any] = {
        **_QUIET,
        "isolation_level": "READ COMMITTED",
        # _reset does it.
        "pool_reset_on_return": None,
        "pool_size": 8,
        "max_overflow": 8,
        "pool_recycle": 1800,
        "pool_timeout": CONNECT_SECONDS,
    }
    if backend in ("mysql", "mariadb"):
        options["connect_args"] = {
            "charset": "utf8mb4",
            "connect_timeout": CONNECT_SECONDS,
            **_MARIADB_DRIVERS.get(parsed.get_driver_name(), {}),
            "init_command": (
                f"SET SESSION sql_mode='{_MARIADB_MODE}', time_zone='+00:00', "
                # The second for a whole table: one that a backup or a migration holds.
                f"innodb_lock_wait_timeout={LOCK_SECONDS}, lock_wait_timeout={LOCK_SECONDS}"
            ),
        }
    else:
        options["connect_args"] = {
            "connect_timeout": CONNECT_SECONDS,
            **_KEEPALIVE,
            "options": f"-c lock_timeout={patience(soon=False)}",
        }
    return options


def prepare(engine: Engine) -> None:
    """Make every connection of ``engine`` behave as this module promises."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return
    if engine.dialect.driver == "pymysql":
        event.listen(engine, "connect", _take_time)
    event.listen(engine, "checkin", _used)
    event.listen(engine, "reset", _reset)
    event.listen(engine, "checkout", partial(_ping_idle, engine.dialect))


def _set_up_sqlite(connection: Any, record: Any) -> None:
    # The driver must not begin transactions by itself: it would not begin them IMMEDIATE.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    begin = "BEGIN" if connection.get_execution_options().get(_ONLY_READS) else "BEGIN IMMEDIATE"
    # By SQLAlchemy it would cost more than all of a post's own statements but their work.
    with driver_of(connection, begin) as driver:
        driver.execute(begin)


def _take_time(connection: Any, record: Any) -> None:
    connection._read_timeout = None


def _reset(connection: Any, record: Any, state: Any) -> None:
    """Roll back what a connection comes back with, but not after a COMMIT: a way to the server."""
    if not record.info.pop(_ENDED, False):
        connection.rollback()


def _used(connection: Any, record: Any) -> None:
    record.info[_USED_AT] = record.info.pop(_LEFT_AT, None) or time.monotonic()


def _ping_idle(dialect: Dialect, connection: Any, record: Any, proxy: Any) -> None:
    """Have a connection replaced that the server has dropped while nobody used it.

    A ping before every use costs a tenth of a post; one that is in use is hardly ever stale, and a
    transaction that meets such a one is run again.
    """
    # One just made needs no trial. Were it lost in its trial, after another was, SQLAlchemy would
    # say something that nobody takes for a database that is away.
    used_at = record.info.get(_USED_AT)
    if used_at is not None and time.monotonic() - used_at > IDLE_SECONDS:
        try:
            alive = dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error:
            alive = False
        if not alive:
            raise DisconnectionError


def patience(*, soon: bool) -> str:
    """Return how long a post waits for what another holds, as PostgreSQL's lock_timeout has it:
    with ``soon`` one that shares its transaction."""
    return f"{TOGETHER_SECONDS if soon else LOCK_SECONDS}s"


def has_one_writer(engine: Engine) -> bool:
    """Whether only one transaction at a time can write."""
    return engine.dialect.name == "sqlite"


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection for look-ups, which takes no lock that a writer waits for."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            try:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")
            except NotSupportedError:
                connection.invalidate()  # without a rollback it would keep its stale plan
                raise
        else:
            yield connection.execution_options(**{_ONLY_READS: True})


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Give a connection whose every read sees the database as it was at the first one."""
    with engine.connect() as connection:
        if has_one_writer(engine):
            yield connection.execution_options(**{_ONLY_READS: True})
        else:
            yield connection.execution_options(isolation_level="REPEATABLE READ")


def look_up(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    """Return what ``work(connection)`` reads; read again where its connection was no good."""
    try:
        with reading(engine) as connection:
            return work(connection)
    except DBAPIError as error:
        if not (error.connection_invalidated or is_conflict(error)):
            raise
    with reading(engine) as connection:
        return work(connection)


def in_transaction(
    engine: Engine,
    work: Callable[[Connection], Result],
    *,
    is_committed: Callable[[Connection], bool] | None = None,
    connect: Callable[[Engine], AbstractContextManager[Connection]] = Engine.connect,
) -> Result:
    """Return what ``work(connection)`` returns, committed; conflicts with others are run again.

    ``work`` may run several times and must have no effects outside the transaction. A connection
    that breaks during COMMIT may have committed or not: ``is_committed`` then looks, on another
    one; without it that is a fault.
    """
    end = time.monotonic() + LOCK_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        done = False
        try:
            with turn(engine), connect(engine) as connection:
                with connection.begin():
                    result = work(connection)
                    done = True
                connection.info[_ENDED] = True
            return result
        except (OperationalError, IntegrityError, NotSupportedError) as error:
            broke = error.connection_invalidated
            if done and broke and is_committed is not None:
                if look_up(engine, is_committed):
                    return result
            elif attempt == ATTEMPTS or not ((broke and not done) or is_conflict(error)):
                raise
            if attempt == ATTEMPTS or time.monotonic() > end:
                raise
            # A moment, and not the same for all, or those who collided collide again.
            time.sleep(random.uniform(0, 0.005 * attempt))  # noqa: S311 no secret
    raise AssertionError("unreachable")


def connect_for_good(engine: Engine) -> Connection:
    """Return a connection for statements that commit by themselves.

    No BEGIN goes to the server and no COMMIT of ours. Where one fails, what it wrote may be
    committed or not.
    """
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    return engine.connect()


def note_return(connection: Connection, *, used_at: float, is_clean: bool) -> None:
    """Say of a connection that goes back to the pool when it was last used, which may be a while
    ago, and whether its transaction has ended."""
    # Of one that is lost there is nothing to say, and to ask for its notes would make another.
    if not connection.invalidated:
        connection.info[_ENDED] = is_clean
        connection.info[_LEFT_AT] = used_at
