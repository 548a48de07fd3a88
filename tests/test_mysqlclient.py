"""MariaDB by mysqlclient, where that is installed: what it does otherwise than PyMySQL.

The whole suite runs on it by ``bin/test --database-url mariadb+mysqldb://root@127.0.0.1:3306/``.
"""

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from cli_runner import done, with_commands
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from gateway import journal, outage
from gateway.testing import SERVERS, Gateway
from gateway.testing.databases import Databases

pytest.importorskip("MySQLdb")

ODD = 'O\'Neil \\ "x" %s {} 😀 José'
BYTES = bytes(range(256)) + b"'\\\x1a"


@pytest.fixture(scope="module")
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """Databases of MariaDB alone, reached by mysqlclient."""
    server = request.config.stash[SERVERS].get("mariadb", "mariadb://")
    url = make_url(server).set(drivername="mariadb+mysqldb")
    made = Databases(
        {"mariadb": url.render_as_string(hide_password=False)},
        tmp_path_factory.mktemp("mysqlclient"),
    )
    yield made
    made.drop()


@pytest.fixture
def gateway(engine: str, make_gateway: Callable[..., Gateway]) -> Gateway:
    if engine != "mariadb":
        pytest.skip("mysqlclient is a driver of MariaDB")
    gateway = make_gateway()
    assert gateway.system.engine.dialect.driver == "mysqldb"
    return gateway


def test_posts_of_one_batch_are_stored_as_they_came(gateway: Gateway) -> None:
    def send(number: int) -> int | None:
        return gateway.send(
            full_name=f"Ann {number}", company=ODD, note=ODD, lat="1.234567"
        ).lead_id

    with ThreadPoolExecutor(16) as senders:
        ids = list(senders.map(send, range(64)))
    assert sorted(filter(None, ids)) == list(range(1001, 1065))
    for number, lead_id in enumerate(ids):
        lead = gateway.lead(lead_id or 0)
        assert lead is not None
        assert (lead["full_name"], lead["company"]) == (f"Ann {number}", ODD)
        assert lead["lat"] == "1.234567"
        assert [note["text"] for note in lead["notes"]] == [ODD]


def test_bytes_of_a_body_come_out_as_they_went_in(gateway: Gateway) -> None:
    body = b"command=lead_set&mode=insert&city=x&note=" + BYTES.replace(b"&", b"")
    lead = gateway.post(body).lead_id
    (row,) = gateway.journal()
    assert row["lead_id"] == lead
    assert journal.read_body(row, gateway.system) == body


def test_imported_leads_are_stored_as_they_stand_in_the_file(
    gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("leads") / "leads.csv"
    quoted = ODD.replace('"', '""')
    path.write_text(f'full_name,company\nAnn Lee,"{quoted}"\nBo Yu,"{quoted}"\n', encoding="utf-8")
    done(with_commands(gateway), "lead", "import", str(path))
    assert [lead and lead["company"] for lead in map(gateway.lead, (1001, 1002))] == [ODD, ODD]


def test_thread_that_waits_for_the_server_is_let_go(gateway: Gateway) -> None:
    system = gateway.system
    errors: list[Exception] = []

    def wait() -> None:
        try:
            with system.breaker.turn(is_post=True), system.engine.connect() as connection:
                connection.exec_driver_sql("SELECT SLEEP(60)").all()
        except OperationalError as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    end = time.monotonic() + 50
    while waiting.is_alive() and time.monotonic() < end:
        # Again and again: only a connection that is there already can be shut.
        system.breaker.abort()
        waiting.join(0.05)
    assert not waiting.is_alive()
    assert outage.is_away(errors[0])


def test_closed_connections_leave_no_open_files(gateway: Gateway) -> None:
    engine = gateway.system.engine
    engine.dispose()
    used = set()
    for _ in range(5):
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1").all()
            handle = connection.connection.dbapi_connection.fileno()  # type: ignore[union-attr]
            used.add(os.readlink(f"/proc/self/fd/{handle}"))
        engine.dispose()
    gc.collect()
    # By their names: other threads of this process may open and close files of their own.
    assert len(used) == 5
    assert used.isdisjoint(open_files())


def open_files() -> Iterator[str]:
    for handle in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            yield os.readlink(f"/proc/self/fd/{handle}")
