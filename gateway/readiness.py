"""Whether this node can take posts: database, migrations, files."""

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from config import ROOT
from gateway.contract import System
from gateway.database import reading

MIGRATIONS = ROOT / "migrations"


def check(system: System) -> list[str]:
    """Return what is missing, one line each, without inner texts; empty where the node is ready."""
    missing = []
    try:
        with reading(system.engine) as connection:
            if _is_older(connection):
                missing.append(
                    "database: its tables are older than the program; run flask db upgrade"
                )
    except SQLAlchemyError:
        missing.append("database: cannot be reached")
    try:
        system.files.check()
    except OSError:
        missing.append("files: cannot be written")
    return missing


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
