"""Posts that get in between, or hold what is needed: not to wait for them, and what engines say of
them."""

from sqlalchemy.exc import DBAPIError, IntegrityError

# The last says that a plan was kept of a table whose columns have changed since; at the rollback
# psycopg forgets it.
_POSTGRESQL_CONFLICTS = {"40001", "40P01", "0A000"}
_MARIADB_CONFLICTS = {1020, 1213}
_POSTGRESQL_TIMEOUT, _MARIADB_TIMEOUT = "55P03", 1205

AT_ONCE = "SET STATEMENT innodb_lock_wait_timeout=0 FOR "
"""Before a statement of MariaDB that waits for no row. It knows no wait between this and a second.
"""


def waited_too_long(error: DBAPIError) -> bool:
    """Whether a statement gave up because somebody else holds a row for longer than it waits."""
    if getattr(error.orig, "sqlstate", None) == _POSTGRESQL_TIMEOUT:
        return True
    return _MARIADB_TIMEOUT in getattr(error.orig, "args", ())[:1]


def is_conflict(error: DBAPIError) -> bool:
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
