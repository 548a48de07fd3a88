"""The migrations make the tables of the models, to the letter, and take them away again."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import Connection, Engine, inspect, select, text

from config import ROOT, settings
from gateway.app import create_app
from gateway.journal import key_rows
from gateway.models import Lead, db
from gateway.testing.databases import Databases

FIRST = 5001


@pytest.fixture
def app(bare_database: str) -> Iterator[Flask]:
    """An application on a database without tables."""
    made = create_app(settings(DATABASE_URL=bare_database, GATEWAY_FIRST_LEAD_ID=FIRST))
    with made.app_context():
        yield made
        db.engine.dispose()


def add_lead(connection: Connection) -> int:
    now = datetime.now(UTC)
    return connection.execute(
        Lead.__table__.insert(), {"created_at": now, "updated_at": now}
    ).inserted_primary_key[0]


def upgrade(database_url: str) -> subprocess.CompletedProcess[str]:
    """Run ``flask db upgrade`` as an operator does."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "db", "upgrade"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
    )


def structure(engine: Engine) -> dict[str, object]:
    """Return the database's own words for every table of ours; where ids stand is not in them."""
    with engine.connect() as connection:
        return {table: _words(connection, table) for table in db.metadata.tables}


def _words(connection: Connection, table: str) -> object:
    if connection.dialect.name == "sqlite":
        words = "SELECT sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL"
        return sorted(map(_parts, connection.scalars(text(words), {"table": table})))
    if connection.dialect.name == "postgresql":
        columns = (
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull, "
            "pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_attrdef "
            "ON adrelid = attrelid AND adnum = attnum "
            "WHERE attrelid = to_regclass(quote_ident(:table)) AND attnum > 0 ORDER BY attnum"
        )
        constraints = (
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = to_regclass(quote_ident(:table)) ORDER BY conname"
        )
        indexes = "SELECT indexdef FROM pg_indexes WHERE tablename = :table ORDER BY indexname"
        return [
            [tuple(row) for row in connection.execute(text(words), {"table": table})]
            for words in (columns, constraints, indexes)
        ]
    words = connection.execute(text(f"SHOW CREATE TABLE `{table}`")).one()[1]
    words = re.sub(r" AUTO_INCREMENT=\d+", "", words)
    return sorted(line.rstrip(",") for line in words.splitlines())


def _parts(words: str) -> list[str]:
    """Return the columns and constraints of a table: SQLite writes an added column behind all."""
    head, _, rest = words.partition("(")
    inner, _, options = rest.rpartition(")")
    parts = re.split(r",(?![^(]*\))", inner)
    return [*sorted(" ".join(part.split()) for part in (head, *parts)), options.strip()]


def test_models_equal_migrations(app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, db.metadata) == []


def test_tables_are_made_to_the_letter_as_the_models_say(
    app: Flask, engine: str, databases: Databases
) -> None:
    # The comparison above sees neither collations, nor AUTOINCREMENT, nor names of constraints.
    flask_migrate.upgrade()
    other = create_app(settings(DATABASE_URL=databases.make(engine)))
    with other.app_context():
        db.create_all()
        wanted = structure(db.engine)
        db.engine.dispose()
    assert structure(db.engine) == wanted


def test_down_again_leaves_no_table(app: Flask) -> None:
    flask_migrate.upgrade()
    flask_migrate.downgrade(revision="base")
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    flask_migrate.upgrade()
    assert set(inspect(db.engine).get_table_names()) == {"alembic_version", *db.metadata.tables}


def test_step_that_mariadb_took_half_can_be_taken_again(app: Flask, engine: str) -> None:
    if engine != "mariadb":
        pytest.skip("the others take a half step back by themselves")
    to_run = (
        "ADD COLUMN run BIGINT NOT NULL DEFAULT 1, "
        "DROP PRIMARY KEY, ADD PRIMARY KEY (run, digest, request_id)"
    )
    to_none = "DROP PRIMARY KEY, ADD PRIMARY KEY (digest, request_id), DROP COLUMN run"
    flask_migrate.upgrade(revision="0007")
    _alter(to_run)
    flask_migrate.upgrade()
    whole = structure(db.engine)
    digests = [bytes([number]) * 16 for number in range(3)]
    with db.engine.begin() as connection:
        key_rows.add(connection, "a" * 36, digests)
    _alter(to_none)
    with db.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO submission_key (digest, request_id) VALUES (:digest, :id)"),
            {"digest": digests[1], "id": "a" * 36},
        )
    flask_migrate.downgrade(revision="0007")
    flask_migrate.upgrade()
    assert structure(db.engine) == whole
    with db.engine.connect() as connection:
        kept = connection.execute(select(key_rows.KEYS.c.digest)).scalars()
        assert sorted(map(bytes, kept)) == digests


def _alter(how: str) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE submission_key {how}")


def test_up_twice_changes_nothing_and_keeps_the_rows(app: Flask) -> None:
    flask_migrate.upgrade()
    before = structure(db.engine)
    with db.engine.begin() as connection:
        assert add_lead(connection) == FIRST
    flask_migrate.upgrade()
    assert structure(db.engine) == before
    with db.engine.begin() as connection:
        assert add_lead(connection) == FIRST + 1


def test_raised_first_lead_id_counts_from_the_next_upgrade(app: Flask, bare_database: str) -> None:
    flask_migrate.upgrade()
    for first, expected in ((FIRST + 1000, FIRST + 1000), (FIRST, FIRST + 1001)):
        again = create_app(settings(DATABASE_URL=bare_database, GATEWAY_FIRST_LEAD_ID=first))
        with again.app_context():
            flask_migrate.upgrade()
            with db.engine.begin() as connection:
                assert add_lead(connection) == expected
            db.engine.dispose()


def test_looking_at_the_version_writes_nothing(app: Flask) -> None:
    flask_migrate.current()
    assert inspect(db.engine).get_table_names() == []


def test_upgrades_at_once_are_one(bare_database: str) -> None:
    with ThreadPoolExecutor(4) as at_once:
        done = list(at_once.map(upgrade, [bare_database] * 4))
    assert [each.returncode for each in done] == [0] * 4, [each.stderr for each in done]
    assert "".join(each.stderr for each in done).count("Running upgrade  -> 0001") == 1


def test_database_that_does_not_answer_is_one_line() -> None:
    done = upgrade("postgresql://postgres:secret@127.0.0.1:1/gateway")
    assert done.returncode == 1
    assert "The database does not answer: connection failed" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "secret" not in done.stderr


def test_script_for_a_database_administrator(
    app: Flask, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flask_migrate.upgrade(sql=True)
    script = re.sub('[`"]| IF NOT EXISTS', "", capsys.readouterr().out)
    for table in db.metadata.tables:
        assert f"CREATE TABLE {table} (" in script
    assert ("utf8mb4_nopad_bin" in script) == (engine == "mariadb")
