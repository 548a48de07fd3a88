"""The driver's own connection, for statements that go past SQLAlchemy."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


@contextmanager
def driver_of(connection: Connection, doing: str) -> Iterator[Any]:
    """Give the driver's own connection; its errors become SQLAlchemy's, without any values.

    Who runs a transaction again knows those only. ``doing`` stands for the statement in them.
    """
    dialect: Any = connection.dialect
    driver: Any = connection.connection.driver_connection
    errors = dialect.loaded_dbapi.Error
    try:
        yield driver
    except errors as error:
        gone = dialect.is_disconnect(error, driver, None)
        if gone:
            connection.invalidate(error)
        raise DBAPIError.instance(
            doing,
            None,
            error,
            errors,
            hide_parameters=True,
            connection_invalidated=gone,
            dialect=dialect,
        ) from error
