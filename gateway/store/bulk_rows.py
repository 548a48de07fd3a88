"""Many rows of one table in as few statements as the engine has for it."""

import json
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import JSON, Connection, LargeBinary, Table
from sqlalchemy.exc import DBAPIError

ROWS_AT_ONCE = 200
"""Rows of one statement on MariaDB; 25 columns of 200 leads are about 100 kB."""

Convert = Callable[[Any], Any] | None


def write_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert ``rows`` in their order; a column that a row lacks is NULL."""
    if not rows:
        return
    names = _names(table, rows)
    tuples = _tuples(connection, table, names, rows)
    columns = ", ".join(map(_quoting(connection), names))
    if connection.dialect.name == "postgresql":
        _copy(connection, f"COPY {table.name} ({columns}) FROM STDIN", tuples)
    elif connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(names))
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({columns}) VALUES ({places})",  # noqa: S608 own names
            tuples,
        )
    else:
        _insert_chunks(connection, table, names, tuples)


def _copy(connection: Connection, statement: str, tuples: Sequence[Sequence[Any]]) -> None:
    driver: Any = connection.connection.driver_connection
    errors: Any = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor().copy(statement) as copy:
            for values in tuples:
                copy.write_row(values)
    except errors as error:
        # SQLAlchemy does not see the driver's own statement; who retries knows its errors only.
        lost = connection.dialect.is_disconnect(error, driver, None)
        raise DBAPIError.instance(
            statement, None, error, errors, hide_parameters=True, connection_invalidated=lost
        ) from error


def write_numbered(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Insert ``rows``, which the database numbers, and return their ids in order; MariaDB only.

    One statement that says its rows gets consecutive ids, also where the cluster leaves gaps
    between those of its nodes (``auto_increment_increment``).
    """
    if not rows:
        return []
    names = _names(table, rows)
    step = connection.exec_driver_sql("SELECT @@auto_increment_increment").scalar_one()
    tuples = _tuples(connection, table, names, rows)
    ids: list[int] = []
    for first, count in _insert_chunks(connection, table, names, tuples):
        ids.extend(range(first, first + count * step, step))
    return ids


def _insert_chunks(
    connection: Connection, table: Table, names: Sequence[str], tuples: Sequence[Sequence[Any]]
) -> list[tuple[int, int]]:
    """Insert on MariaDB; return for each statement its first id and its number of rows."""
    columns = ", ".join(map(_quoting(connection), names))
    one = f"({', '.join(['%s'] * len(names))})"
    made = []
    for start in range(0, len(tuples), ROWS_AT_ONCE):
        some = tuples[start : start + ROWS_AT_ONCE]
        done = connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({columns}) VALUES {', '.join([one] * len(some))}",  # noqa: S608
            tuple(value for values in some for value in values),
        )
        made.append((int(done.lastrowid or 0), len(some)))
    return made


def _names(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the columns that any row has, in the order of the table: most leads have few."""
    used = set().union(*rows)
    return [column.name for column in table.c if column.name in used]


def _tuples(
    connection: Connection,
    table: Table,
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
) -> list[Sequence[Any]]:
    """Return the values of ``rows`` in the order of ``names``, as the driver takes them."""
    # Of one name it would give the value itself; every table of ours has more columns.
    nothing, in_order = dict.fromkeys(names), itemgetter(*names)
    tuples = [in_order({**nothing, **row}) for row in rows]
    converts = [
        (at, convert)
        for at, name in enumerate(names)
        if (convert := _convert(connection, table, name)) is not None
    ]
    if not converts:
        return tuples
    lists = list(map(list, tuples))
    for at, convert in converts:
        for values in lists:
            if values[at] is not None:
                values[at] = convert(values[at])
    return list(map(tuple, lists))


def _convert(connection: Connection, table: Table, name: str) -> Convert:
    """Return what SQLAlchemy itself does to a value of the column before the driver gets it."""
    kind: Any = table.c[name].type
    if isinstance(kind, JSON):
        # A text is one that was made already: most leads of a batch have the same trace.
        return lambda value: value if isinstance(value, str) else json.dumps(value)
    if isinstance(kind, LargeBinary):
        return None  # each of our drivers takes bytes as they are
    found: Convert = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return found


def _quoting(connection: Connection) -> Callable[[str], str]:
    return connection.dialect.identifier_preparer.quote
