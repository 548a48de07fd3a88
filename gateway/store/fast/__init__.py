"""Rows in few statements: the rows of many posts at once, past SQLAlchemy's statements.

What is written is not said here a second time. A post writes into ``Rows`` as it would into a
connection, by the same functions; here is only how those rows then reach the database: on
PostgreSQL all of them in one statement, elsewhere in one a table. Whatever needs to read, change or
delete is no business of ``Rows``, which raises NeedsConnection; such a post goes the plain way. Of
a post that changes a lead ``MoreRows`` takes what it adds, the lead's new values and the keys that
it loses.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, Table

from gateway.driver import driver_of
from gateway.store.fast import in_block, in_json
from gateway.store.fast.columns import Columns, columns_named, columns_of, insert_into
from gateway.store.fast.rows import (
    KEY,
    LEAD,
    MoreRows,
    NeedsConnection,
    Row,
    Rows,
    merged,
    together,
)

__all__ = [
    "MoreRows",
    "NeedsConnection",
    "Rows",
    "add",
    "can_write",
    "write",
]


def can_write(engine: Engine) -> bool:
    """Whether this engine gives the ids of several new leads at once."""
    return engine.dialect.name in _WRITE and (
        engine.dialect.name == "sqlite" or bool(getattr(engine.dialect, "insert_returning", False))
    )


def write(
    connection: Connection,
    posts: Sequence[Rows],
    *,
    soon: bool = False,
    commit: bool = False,
    begun: bool = False,
) -> list[int]:
    """Write the rows of ``posts``, a new lead each, and return the ids of the leads in order.

    With ``soon`` it raises rather than wait long for what another holds: the row of a pool, say.
    With ``commit``, which SQLite does not know, the transaction ends with the last of them; where
    that raises, all may be written or nothing. ``begun`` says that the transaction holds what the
    posts rest on: where it has gone PostgreSQL and MariaDB refuse to write in another one.
    """
    dialect, how = connection.dialect, {"soon": soon, "commit": commit, "begun": begun}
    with driver_of(connection, "a new lead") as driver:
        return _WRITE[dialect.name](driver, dialect, posts, kept=connection.info, **how)


def add(
    connection: Connection, posts: Sequence[MoreRows], *, soon: bool = False, commit: bool = False
) -> None:
    """Write what ``posts`` add to leads that are there, another lead each, what they change, and
    which keys go.

    ``soon`` and ``commit`` are as for ``write``; on PostgreSQL the transaction is in a hurry since
    its claims.
    """
    rows, changes, gone = merged(posts)
    with driver_of(connection, "what becomes of a lead") as driver:
        if rows or changes or gone:
            _ADD[connection.dialect.name](
                driver, connection.dialect, rows, changes, gone=gone, soon=soon, commit=commit
            )
        elif commit:
            driver.commit()


def _write_sqlite(driver: Any, dialect: Dialect, posts: Sequence[Rows], **_: Any) -> list[int]:
    # Nobody else writes until this transaction ends, so the ids can be counted here.
    (last,) = driver.execute(_LAST_ID).fetchone()
    ids = [last + number for number in range(1, len(posts) + 1)]
    _insert_sqlite(driver, dialect, together(posts, ids))
    return ids


def _add_sqlite(
    driver: Any,
    dialect: Dialect,
    rows: Mapping[Table, Sequence[Row]],
    changes: Sequence[Row],
    *,
    gone: Sequence[Row],
    soon: bool,
    commit: bool,
) -> None:
    for key in gone:
        driver.execute(_DELETE_KEY, (key["digest"], key[KEY]))
    for change in changes:
        names = tuple(name for name in change if name != KEY)
        columns = columns_named(LEAD, dialect, (*names, KEY))
        driver.execute(_change(dialect, columns.names), columns.values([change]))
    _insert_sqlite(driver, dialect, rows)


def _insert_sqlite(driver: Any, dialect: Dialect, rows: Mapping[Table, Sequence[Row]]) -> None:
    for table, each in rows.items():
        # As few as can be: at each of them, and of executemany at every row, another thread may run
        # and is then waited for, with the lock that all writers need.
        for start in range(0, len(each), _MOST_ROWS):
            some = each[start : start + _MOST_ROWS]
            statement, columns = _insertion(table, dialect, len(some))
            driver.execute(statement, columns.values(some))


_MOST_ROWS = 64
"""Rows in one statement of SQLite; more make none of them cheaper."""

_DELETE_KEY = "DELETE FROM match_key WHERE digest = ? AND lead_id = ?"
_LAST_ID = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'lead'"
_WRITE: Mapping[str, Callable[..., list[int]]] = {
    "sqlite": _write_sqlite,
    "postgresql": in_json.write,
    "mysql": in_block.write,
    "mariadb": in_block.write,
}
_ADD: Mapping[str, Callable[..., None]] = {
    "sqlite": _add_sqlite,
    "postgresql": in_json.add,
    "mysql": in_block.add,
    "mariadb": in_block.add,
}


@lru_cache(maxsize=1024)
def _insertion(table: Table, dialect: Dialect, rows: int) -> tuple[str, Columns]:
    """Return the statement for so many rows, with a mark for each value, and its columns."""
    columns = columns_of(table, dialect, with_key=True)
    row = f"({', '.join(['?'] * len(columns.names))})"
    return f"{_insert_or_fail(table, dialect, columns)} {', '.join([row] * rows)}", columns


def _insert_or_fail(table: Table, dialect: Dialect, columns: Columns) -> str:
    """Return the beginning of the statement, which leaves what it has written where it fails.

    The transaction ends there in any case; and to be able to undo the statement alone, SQLite
    would keep a copy of each page that it changes, in a file where there are many.
    """
    return insert_into(table, dialect, columns).replace("INSERT", "INSERT OR FAIL", 1)


@lru_cache(maxsize=1024)
def _change(dialect: Dialect, names: tuple[str, ...]) -> str:
    """Return the statement that changes a lead; the last of ``names`` is that of its id."""
    values = ", ".join(f"{dialect.identifier_preparer.quote(name)} = ?" for name in names[:-1])
    return f"UPDATE lead SET {values} WHERE lead_id = ?"  # noqa: S608
