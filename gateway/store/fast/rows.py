"""The rows of posts that make a lead, gathered before anything is written."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Connection, Delete, Dialect, Engine, Insert, Table, Update

from gateway.conflicts import AT_ONCE
from gateway.models import Lead, MatchKey

Row = dict[str, Any]

LEAD: Table = Lead.__table__
MATCH_KEY: Table = MatchKey.__table__
KEY = "lead_id"
_DIGEST = itemgetter("digest")
_NOT_YET = 0
"""Stands for the id of the lead until the database has given one."""


class NeedsConnection(Exception):
    """The post does more than add rows for one new lead."""


class Rows:
    """The rows of one post that makes a lead, in place of a connection that would write them.

    What is given to ``execute`` is its own from then on: the id of the lead is put into it.
    """

    inserted_primary_key = (_NOT_YET,)

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect = engine.dialect
        self.tables: dict[Table, list[Row]] = {}

    def execute(self, statement: Any, rows: Any = None) -> "Rows":
        """Keep ``rows`` of an insert. Raises NeedsConnection for every other statement."""
        if not isinstance(statement, Insert) or rows is None:
            raise NeedsConnection
        table: Any = statement.table
        some = rows if isinstance(rows, list) else [rows]
        kept = self.tables.setdefault(table, some)
        if kept is not some:
            kept += some
        return self

    def exec_driver_sql(self, statement: str, *_: Any) -> "Rows":
        """Raise NeedsConnection: what a text of SQL writes is not known here."""
        raise NeedsConnection

    def get_execution_options(self) -> Mapping[str, Any]:
        """Return what the engine gives every connection: the vault that seals values, too."""
        return self.engine.get_execution_options()

    def as_connection(self) -> Connection:
        """Return itself, for functions that take a connection and only insert through it."""
        return cast(Connection, self)


class MoreRows(Rows):
    """What a post adds to a lead that is there, its new values, and which keys go; all else runs at
    once.

    Nothing that the post reads or changes may rest on what it has written here itself. With
    ``soon`` nothing is waited for that another holds.
    """

    def __init__(self, connection: Connection, *, soon: bool = False) -> None:
        super().__init__(connection.engine)
        self._connection = connection
        # On PostgreSQL the transaction itself says so, and SQLite has one writer.
        self._must_hurry = soon and self.dialect.name in {"mariadb", "mysql"}
        self.changes: list[Row] = []
        self.gone: list[Row] = []

    def execute(self, statement: Any, rows: Any = None) -> Any:
        """Keep ``rows`` of a plain insert, of a change of the lead and of keys that go, and run all
        else.

        A change has the values by column, and the id of the lead as ``id``; a key that goes has its
        ``key_digest``, and its lead as ``lead``.
        """
        if rows is not None:
            if type(statement) is Insert:
                return super().execute(statement, rows)
            if type(statement) is Update and statement.table is LEAD:
                changed = dict(rows)
                self.changes.append({KEY: changed.pop("id"), **changed})
                return self
            if type(statement) is Delete and statement.table is MATCH_KEY:
                self.gone += [{"digest": each["key_digest"], KEY: each["lead"]} for each in rows]
                return self
            if self._must_hurry:
                return self._execute_at_once(statement, rows)
        return self._connection.execute(statement, rows)

    def _execute_at_once(self, statement: Any, rows: Row | list[Row]) -> Any:
        every: list[Any] = rows if isinstance(rows, list) else [rows]
        text, in_order = _compiled(statement, self.dialect, tuple(every[0]))
        if in_order is not None:
            every = [tuple([row[name] for name in in_order]) for row in every]
        return self._connection.exec_driver_sql(f"{AT_ONCE}{text}", every)

    def exec_driver_sql(self, statement: str, *parameters: Any) -> Any:
        """Run a text of SQL."""
        return self._connection.exec_driver_sql(statement, *parameters)


@lru_cache(maxsize=64)
def _compiled(
    statement: Any, dialect: Dialect, names: tuple[str, ...]
) -> tuple[str, Sequence[str] | None]:
    """Return the text of a prebuilt statement that is given values of these names, and the names in
    the order in which it takes them; ``None`` where it takes them by name."""
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    return str(compiled), compiled.positiontup


def together(posts: Sequence[Rows], ids: Iterable[Any]) -> dict[Table, list[Row]]:
    """Return the rows of all posts by table, the leads' first, each with the id of its lead, or
    what stands for it."""
    found: dict[Table, list[Row]] = {LEAD: []}
    for post, lead_id in zip(posts, ids, strict=True):
        for table, rows in post.tables.items():
            if _has(table, KEY):
                # In place: a post whose transaction is run again gets another id.
                for row in rows:
                    row[KEY] = lead_id
            _add(found, table, rows)
    return _sorted(found)


def merged(posts: Sequence[MoreRows]) -> tuple[dict[Table, list[Row]], list[Row], list[Row]]:
    """Return the rows of all posts by table, the changes of their leads, and the keys that go."""
    found: dict[Table, list[Row]] = {}
    for post in posts:
        for table, rows in post.tables.items():
            _add(found, table, rows)
    changes = [each for post in posts for each in post.changes]
    # Sorted as those that come.
    gone = sorted((each for post in posts for each in post.gone), key=_DIGEST)
    return _sorted(found), changes, gone


def _add(found: dict[Table, list[Row]], table: Table, rows: list[Row]) -> None:
    if table in found:
        found[table] += rows
    else:
        found[table] = rows.copy()


def _sorted(found: dict[Table, list[Row]]) -> dict[Table, list[Row]]:
    for table, rows in found.items():
        if len(rows) > 1 and _has(table, "digest"):
            # Sorted, so that two transactions never lock index entries in two orders.
            rows.sort(key=_DIGEST)
    return found


@lru_cache(maxsize=64)
def _has(table: Table, name: str) -> bool:
    return name in table.c
