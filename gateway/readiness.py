"""Whether this node can take posts: database, migrations, files."""

from dataclasses import dataclass

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from config import ROOT
from gateway.contract import System
from gateway.database import reading
from gateway.outage import is_away

MIGRATIONS = ROOT / "migrations"

_AWAY = "database: cannot be reached"


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is ``missing``, one line each, without inner texts: nothing where the node is ready.

    ``notes`` are what an operator should know all the same.
    """

    missing: tuple[str, ...]
    notes: tuple[str, ...]


def check(system: System) -> Readiness:
    """Return whether the node can take posts.

    A node whose database goes away takes them into its spool. It stays ready: one that a load
    balancer takes out loses the posts that it could have kept. One that has never seen the logins
    is not ready, so a wrong address of the database does not pass for an outage.
    """
    missing: list[str] = []
    notes: list[str] = []
    if system.breaker.is_open:
        (notes if system.snapshot.is_taken else missing).append(_AWAY)
    else:
        _check_database(system, missing, notes)
    waiting = system.spool.waiting()
    if waiting.posts:
        notes.append(f"spool: {waiting.posts} posts of {waiting.bytes} bytes wait")
    if waiting.bytes >= system.spool.most:
        missing.append("spool: full")
    try:
        system.spool.check()
    except OSError:
        missing.append("spool: cannot be written")
    try:
        system.files.check()
    except OSError:
        missing.append("files: cannot be written")
    return Readiness(tuple(missing), tuple(notes))


def _check_database(system: System, missing: list[str], notes: list[str]) -> None:
    try:
        with system.breaker.turn(is_post=False), reading(system.engine) as connection:
            if _is_older(connection):
                missing.append(
                    "database: its tables are older than the program; run flask db upgrade"
                )
    except SQLAlchemyError as error:
        is_outage = is_away(error) and system.snapshot.is_taken
        (notes if is_outage else missing).append(_AWAY)


def _is_older(connection: Connection) -> bool:
    """Whether migrations are missing; a database newer than the program is fine (only adds)."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    applied = set(MigrationContext.configure(connection).get_current_heads())
    known = {script.revision for script in scripts.walk_revisions()}
    if applied - known:
        return False
    return applied != set(scripts.get_heads())
