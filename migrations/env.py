"""Runs the migrations for ``flask db …`` on the database of the app.

One at a time: on every engine the second of two upgrades waits, and then finds nothing to do.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError

from gateway.contract import System
from gateway.models import db
from gateway.store.ids import raise_first_lead_id

LOCK_KEY = 7_033_815_022
"""The number of our advisory lock on PostgreSQL; any that no other program uses."""

LOCK_SECONDS = 600
"""How long an upgrade waits for another one."""

# Shows progress on the command line; does nothing where the process logs already.
logging.basicConfig(format="%(levelname)-5.5s [%(name)s] %(message)s")
logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)


def run_offline() -> None:
    """Print the SQL instead of running it (``flask db upgrade --sql``).

    Where lead ids start is not in it: run ``flask db upgrade`` once after the script.
    """
    context.configure(
        dialect_name=_system().engine.dialect.name,
        target_metadata=db.metadata,
        literal_binds=True,
        **_options(),
    )
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run the migrations, alone."""
    system = _system()
    with _connect(system.engine) as connection, _alone(connection):
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            compare_server_default=True,
            # SQLite rolls back tables as well; its driver hid that, so Alembic does not expect it.
            transactional_ddl=connection.dialect.name in ("sqlite", "postgresql"),
            **_options(),
        )
        with context.begin_transaction():
            context.run_migrations()
            _start_lead_ids(connection, system.settings.GATEWAY_FIRST_LEAD_ID)
        connection.commit()


def _system() -> System:
    return cast(System, current_app.extensions["gateway"])


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except OperationalError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        raise CommandError(f"The database does not answer: {reason}") from None


def _options() -> dict[str, Any]:
    """Return what Flask-Migrate asks of Alembic: compare types, write batches for SQLite."""
    return dict(current_app.extensions["migrate"].configure_args)


def _start_lead_ids(connection: Connection, first: int) -> None:
    only_reads = context.get_context().opts.get("dont_mutate", False)
    if not only_reads and inspect(connection).has_table("lead"):
        raise_first_lead_id(connection, first)


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Hold off other upgrades until the block ends.

    On SQLite the transaction does it, which begins IMMEDIATE. Elsewhere it takes a lock of the
    session, because one of the transaction would go with MariaDB's first CREATE TABLE.
    """
    if connection.dialect.name == "sqlite":
        yield
        return
    if connection.dialect.name == "postgresql":
        take, give = "SELECT pg_advisory_lock(:key)", "SELECT pg_advisory_unlock(:key)"
        values = {"key": LOCK_KEY}
    else:
        # Names of locks are the server's, ours must be the database's; MD5 keeps it short enough.
        name = "CONCAT('gateway-upgrade-', MD5(DATABASE()))"
        take, give = f"SELECT GET_LOCK({name}, :seconds)", f"SELECT RELEASE_LOCK({name})"
        values = {"seconds": LOCK_SECONDS}
    taken = connection.execute(text(take), values).scalar_one()
    connection.commit()
    if taken == 0:
        raise CommandError(f"Another upgrade has been running for {LOCK_SECONDS} seconds.")
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text(give), values)
        connection.commit()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
