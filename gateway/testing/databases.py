"""Databases for tests: a few for each engine and worker, their tables made once by the migrations.

Making a database takes a second, emptying one takes milliseconds. So every test gets one that
others have used before it, empty, with lead ids from the start again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import flask_migrate
from flask import Flask
from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    NullPool,
    Table,
    create_engine,
    literal_column,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import OperationalError

from config import ROOT, database_url
from gateway.models import db
from gateway.store.ids import reset_lead_ids

_MAKE = {
    "postgresql": "CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0",
    "mariadb": "CREATE DATABASE {} CHARACTER SET utf8mb4",
}
_DROP = {
    "postgresql": "DROP DATABASE {} WITH (FORCE)",
    "mariadb": "DROP DATABASE {}",
}

_ASKED: dict[str, str] = {}


def engine_name(url: str) -> str:
    """Return which engine ``url`` means: sqlite, postgresql or mariadb."""
    name = make_url(database_url(url)).get_backend_name()
    return "mariadb" if name == "mysql" else name


def answers(url: str) -> bool:
    """Return whether the database server at ``url`` can be reached."""
    try:
        with _server(make_url(database_url(url))).connect():
            return True
    except OperationalError:
        return False


def _server(url: URL) -> Engine:
    return create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": 5},
    )


def _without_tls(url: URL) -> URL:
    """Return ``url``, for PyMySQL and a server on this machine without TLS.

    It offers TLS to a server that has none, too, and reads all certificates of the machine for each
    connection, which takes 20 ms of the processor.
    """
    here = url.host in ("127.0.0.1", "localhost") and not url.query
    if here and url.drivername.endswith("+pymysql"):
        return url.update_query_dict({"ssl_disabled": "true"})
    return url


class Databases:
    """The databases of one test process; ``servers`` are URLs by engine name."""

    def __init__(self, servers: dict[str, str], folder: Path) -> None:
        self._servers = {
            name: _without_tls(make_url(database_url(url))) for name, url in servers.items()
        }
        self._folder = folder
        self._made: list[tuple[str, URL]] = []
        self._free: dict[str, list[str]] = defaultdict(list)
        self._with_tables: set[str] = set()

    @contextmanager
    def lend(self, engine: str) -> Iterator[str]:
        """Give the URL of a database that nobody else has until the block ends."""
        url = self._free[engine].pop() if self._free[engine] else self.make(engine)
        yield url
        self._free[engine].append(url)

    def make(self, engine: str) -> str:
        """Return the URL of a new database without tables; it goes when the session ends."""
        name = f"gateway_test_{uuid4().hex[:12]}"
        if engine == "sqlite":
            return f"sqlite:///{self._folder / name}.db"
        server = self._servers[engine]
        self._run(server, _MAKE[engine].format(name))
        url = server.set(database=name)
        self._made.append((engine, url))
        return url.render_as_string(hide_password=False)

    def prepare(self, app: Flask, url: str, first_lead_id: int) -> None:
        """Leave the database of ``app`` with all its tables, and nothing in them."""
        with app.app_context():
            if url not in self._with_tables:
                flask_migrate.upgrade(str(ROOT / "migrations"))
                self._with_tables.add(url)
            with db.engine.begin() as connection:
                empty(connection)
                reset_lead_ids(connection, first_lead_id)

    def drop(self) -> None:
        """Drop every database that was made on a server."""
        for engine, url in self._made:
            self._run(self._servers[engine], _DROP[engine].format(url.database))

    @staticmethod
    def _run(server: URL, statement: str) -> None:
        with _server(server).connect() as connection:
            connection.execute(text(statement))


@cache
def _tables() -> Mapping[str, Table]:
    """Return all tables by name, those that others point to last."""
    return {table.name: table for table in reversed(db.metadata.sorted_tables)}


def _have_rows(dialect: Dialect) -> str:
    """Return the statement that asks of each table whether it has rows.

    Each system has an engine of its own, which would compile it anew.
    """
    if dialect.name not in _ASKED:
        asked = (
            select(literal_column("1")).select_from(table).exists().label(name)
            for name, table in _tables().items()
        )
        _ASKED[dialect.name] = str(select(*asked).compile(dialect=dialect))
    return _ASKED[dialect.name]


def empty(connection: Connection) -> None:
    """Delete every row; of most tables a test has used none, and one question tells which."""
    asked = connection.exec_driver_sql(_have_rows(connection.dialect))
    have_rows = asked.mappings().one()
    for name, table in _tables().items():
        if have_rows[name]:
            connection.execute(table.delete())
