"""Which errors say that the database cannot take the post now, whatever stands in the post."""

import errno
import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.outage.breaker import Away

_POSTGRESQL = {
    "25006",  # read only
    "55P03",  # a lock that did not come free
    "57014",  # cancelled, also by statement_timeout
    "57P01",  # shut down by an administrator
    "57P02",  # crashed
    "57P03",  # starting up or shutting down
    "57P05",  # idle session ended
}
_POSTGRESQL_CLASSES = ("08", "53", "58")
"""Connections; disk, memory and connections used up; the server's own disk."""

_MARIADB = {
    *(3, 5, 1004, 1021, 1026, 1030, 1037, 1041, 1114),  # disk full, disk errors, memory
    *(1040, 1203, 1226),  # too many connections
    *(1044, 1045, 1049, 1129, 1130),  # the server is there and does not let us in
    *(1047, 1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927),  # it leaves
    *(1205, 1969, 3024),  # a lock that did not come free, a statement that took too long
    *(1290, 1792, 1836),  # read only
    *(2002, 2003, 2005, 2006, 2012, 2013, 2014, 2055, 4031),  # no connection
}
_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
_WAITS = {"55P03", "57014", 1205, 1969, 3024}

_FILES = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EIO,
    errno.ENOSPC,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOTCONN,
    errno.EROFS,
    errno.ESTALE,
}
"""What a disk that is full, broken or gone says, under SQLite or under the file store."""


def is_away(error: BaseException) -> bool:
    """Whether the same post may well be stored later, because the trouble is not its own."""
    if isinstance(error, Away | PoolTimeout):
        return True
    if isinstance(error, OSError):
        return error.errno in _FILES
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    cause: Any = error.orig
    if isinstance(cause, sqlite3.Error):
        # The lower byte is the kind; what is above says more of it.
        return (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF in _SQLITE
    code = _code(cause)
    if isinstance(code, str):
        return code in _POSTGRESQL or code.startswith(_POSTGRESQL_CLASSES)
    if code is None:
        # psycopg gives no code to a connection that is refused, lost, or not let in.
        return isinstance(error, OperationalError)
    return code in _MARIADB or (code == 0 and "Interface" in type(cause).__name__)


def is_wait(error: BaseException) -> bool:
    """Whether the post only waited too long for what another held: the database itself is there."""
    if isinstance(error, OSError):
        return True
    return isinstance(error, DBAPIError) and _code(error.orig) in _WAITS


def _code(cause: Any) -> str | int | None:
    """Return MariaDB's number or PostgreSQL's SQL state."""
    arguments = getattr(cause, "args", ())
    if arguments and isinstance(arguments[0], int):
        return arguments[0]
    state: str | None = getattr(cause, "sqlstate", None)
    return state
