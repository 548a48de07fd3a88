"""A database that goes away: posts are saved and told so, at once."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pymysql
import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

import config
from gateway import database, outage
from gateway.database import CONNECT_SECONDS
from tests.outage.outages import LOCK_SECONDS, SOON, Outage, assert_saved, request_id


def test_post_is_saved_and_done_when_the_database_is_back(out: Outage) -> None:
    begun = time.monotonic()
    with out.away():
        saved = assert_saved(out.gateway.send(full_name="Ann Lee", tags="a,b", note="Hello"))
        assert time.monotonic() - begun < SOON
        assert len(out.files) == 1
    drained = out.drain()
    assert (drained.accepted, drained.waiting, drained.is_away) == (1, 0, False)
    lead = out.gateway.lead(1001)
    assert lead is not None
    assert (lead["full_name"], lead["tags"]) == ("Ann Lee", ["a", "b"])
    (row,) = out.gateway.journal()
    assert (row["request_id"], row["caller"], row["outcome"]) == (saved, "web", "accepted")
    assert (row["flags"], row["lead_id"]) == ("drained", 1001)
    assert row["recorded_at"] > row["received_at"]
    assert row["body"] == b"command=lead_set&mode=insert&full_name=Ann+Lee&tags=a%2Cb&note=Hello"


def test_only_the_first_post_of_an_outage_tries(
    out: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(outage.breaker, "time", SimpleNamespace(monotonic=lambda: now))
    tries: list[object] = []
    dialect = out.gateway.system.engine.dialect
    connect = dialect.connect

    def counted(*given: Any, **named: Any) -> Any:
        tries.append(given)
        return connect(*given, **named)

    with out.away():
        assert_saved(out.gateway.send(city="A"))
        assert out.gateway.system.breaker.is_open
        monkeypatch.setattr(dialect, "connect", counted)
        for _ in range(10):
            assert_saved(out.gateway.send(city="B"))
        assert tries == []
    # Nothing here looks whether it is back but the posts themselves, once a second.
    out.gateway.system.breaker.trip()
    assert_saved(out.gateway.send(city="C"))
    assert tries == []
    now += outage.breaker.RETRY_SECONDS
    assert out.gateway.send(city="D").status == 0
    assert tries
    assert not out.gateway.system.breaker.is_open
    assert out.drain().accepted + out.drain().superseded > 0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"mode": "neither"}, "invalid"),
        ({"mode": "update"}, "required"),
        ({"mode": "update", "lead_id": "x"}, "invalid"),
        ({"command": "lead_get"}, "unknown_command"),
        ({"ai_login_id": "web", "ai_login_password": "wrong"}, "authentication_failed"),
        ({"ai_login_id": "nobody", "ai_login_password": "secret"}, "authentication_failed"),
        ({"dry_run": "1"}, "unavailable"),
    ],
)
def test_what_must_be_refused_is_refused_at_once_and_journalled_later(
    out: Outage, fields: dict[str, str], code: str
) -> None:
    body = urlencode({"command": "lead_set", "mode": "insert", **fields}).encode()
    with out.away():
        out.gateway.system.breaker.trip()
        answer = out.gateway.post(body, anonymous="ai_login_id" in fields)
        assert (answer.status, answer.headers["X-Gateway-Error"]) == (1, code)
    assert out.drain().refused == 1
    (row,) = out.gateway.journal()
    assert (row["request_id"], row["outcome"]) == (request_id(answer), "refused")
    assert row["codes"] == code
    assert row["problems"][0][2] == answer.status_message
    assert row["caller"] == (None if code == "authentication_failed" else "web")
    assert out.gateway.count() == 0


def test_full_spool_tells_the_caller_to_come_again(make_outage: Callable[..., Outage]) -> None:
    out = make_outage(GATEWAY_SPOOL_MAX=8_000)
    with out.away():
        answers = [out.gateway.send(note="x" * 1_000) for _ in range(12)]
        codes = [answer.headers["X-Gateway-Error"] for answer in answers]
        assert set(codes[:4]) == {"spooled"}
        assert codes[-1] == "spool_full"
        assert answers[-1].status_message == ("The post cannot be saved now; send it again later")
        assert out.gateway.system.spool.waiting().bytes <= 8_000
    assert out.drain().accepted + out.drain().superseded >= 1


def test_refused_posts_leave_room_for_others(make_outage: Callable[..., Outage]) -> None:
    out = make_outage(GATEWAY_SPOOL_MAX=16_000)
    with out.away():
        out.gateway.system.breaker.trip()
        for _ in range(20):
            out.gateway.send(note="x" * 1_000, lead_id="x", mode="update")
        assert out.gateway.system.spool.waiting().bytes <= 4_000
        assert_saved(out.gateway.send(note="x" * 1_000))


def test_disk_that_takes_nothing_is_an_answer_too(
    out: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    out.gateway.system.spool.folder.write_text("in its place")
    with out.away():
        answer = out.gateway.send(city="X")
    assert (answer.status, answer.headers["X-Gateway-Error"]) == (1, "spool_full")
    assert "cannot be written to the spool" in caplog.text


def test_outage_is_503_where_http_errors_are_on(make_outage: Callable[..., Outage]) -> None:
    out = make_outage(GATEWAY_HTTP_ERRORS=True)
    with out.away():
        assert out.gateway.send(city="X").http_status == 503


def test_page_and_probes_go_on_and_say_what_waits(out: Outage) -> None:
    client = out.gateway.app.test_client()
    with out.away():
        assert_saved(out.gateway.send(city="X"))
        assert client.get("/service?show=lead_set").status_code == 200
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert ready.data.startswith(b"ready\ndatabase: cannot be reached\nspool: 1 posts of ")
        # A node that has never reached it may have a wrong address, and is not ready.
        out.gateway.system.snapshot._rows = None
        assert client.get("/readyz").status_code == 503
    out.drain()
    assert client.get("/readyz").data == b"ready"


def test_database_that_only_reads_counts_as_away(out: Outage, engine: str) -> None:
    database = out.gateway.system.engine
    if engine == "mariadb":
        pytest.skip("read_only is the whole server's, and other tests run on it")
    only_reads(database)
    assert_saved(out.gateway.send(city="X"))
    assert not outage.can_write(database)
    writes_again(database)
    assert out.drain().accepted == 1


def only_reads(database: Engine) -> None:
    """Have every new connection only read, as those to a standby do."""
    event.listen(database, "connect", _only_read)
    database.dispose()


def writes_again(database: Engine) -> None:
    event.remove(database, "connect", _only_read)
    database.dispose()


def _only_read(connection: Any, record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA query_only = ON")
    else:
        connection.execute("SET default_transaction_read_only = on")
        connection.commit()


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1290, True), (1114, True), (1040, True), (2013, True), (1062, False), (1054, False)],
)
def test_mariadb_says_by_number_that_it_is_away(number: int, expected: bool) -> None:
    error = OperationalError("INSERT", {}, pymysql.err.OperationalError(number, "said so"))
    assert outage.is_away(error) is expected


def assert_saved_when_the_lock_is_given_up(out: Outage) -> None:
    begun = time.monotonic()
    assert_saved(out.gateway.send(city="X"))
    assert time.monotonic() - begun < 2 * LOCK_SECONDS + SOON


def test_sqlite_that_another_program_locks_counts_as_away(
    make_outage: Callable[..., Outage], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine != "sqlite":
        pytest.skip("a lock of the whole database is SQLite's")
    monkeypatch.setattr(database, "LOCK_SECONDS", LOCK_SECONDS)
    out = make_outage()
    holder = sqlite3.connect(str(out.gateway.system.engine.url.database), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert_saved_when_the_lock_is_given_up(out)
    holder.execute("ROLLBACK")
    holder.close()
    assert out.drain().accepted == 1


def test_spool_that_takes_nothing_is_not_ready(out: Outage) -> None:
    folder = out.gateway.system.spool.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("in its place")
    ready = out.gateway.app.test_client().get("/readyz")
    assert (ready.status_code, ready.data) == (503, b"spool: cannot be written")


def test_table_that_a_backup_holds_makes_nobody_wait_for_ever(
    make_outage: Callable[..., Outage], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine != "mariadb":
        pytest.skip("the other engines wait for a table as they wait for a row")
    monkeypatch.setattr(database, "LOCK_SECONDS", LOCK_SECONDS)
    out = make_outage()
    with out.gateway.system.engine.connect() as holder:
        holder.exec_driver_sql("LOCK TABLES lead READ")
        assert_saved_when_the_lock_is_given_up(out)
        holder.exec_driver_sql("UNLOCK TABLES")
    assert out.drain().accepted == 1


def test_any_server_starts_the_threads_at_its_first_request(tmp_path: Path) -> None:
    program = (
        "import threading, wsgi\n"
        "names = lambda: sorted(t.name for t in threading.enumerate() if 'gateway' in t.name)\n"
        "before = names()\n"
        "for _ in range(3): wsgi.app.test_client().get('/healthz')\n"
        "print(before, names())"
    )
    environment = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/gateway.db",
        "GATEWAY_SPOOL_DIR": f"{tmp_path}/spool",
        "PATH": os.environ["PATH"],
    }
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=config.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "[] ['gateway-keeper', 'gateway-log', 'gateway-sorter']\n"


def test_post_that_waits_for_a_connection_is_let_go(out: Outage) -> None:
    proxy, system = out.proxy, out.gateway.system
    if proxy is None:
        pytest.skip("SQLite has no connection that is waited for")
    system.engine.dispose()
    proxy.stall()
    threading.Timer(0.2, system.breaker.trip).start()
    begun = time.monotonic()
    assert_saved(out.gateway.send(city="X"))
    assert time.monotonic() - begun < CONNECT_SECONDS
    proxy.flow()
    system.breaker.close()
    assert out.drain().accepted == 1
