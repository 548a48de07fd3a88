"""Real workers lose their database and get it back: no post is lost and none is done twice."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest
from live_gateway import PATIENCE, Answer, LiveGateway, form, prepared, request, running
from sqlalchemy import create_engine, make_url, text

from bench.proxy import Proxy
from config import ROOT, database_url
from gateway.testing.databases import Databases

SOON = 15
"""The contract says two seconds; a machine that runs other tests as well may need more. What
bench/outage measures is the figure."""

STALL_SECONDS = 10
"""As long as a post waits for a lock before it is saved."""


class Load:
    """Clients that post until they are told to stop, each post with an id of its own."""

    def __init__(self, gateway: LiveGateway, clients: int = 6, pause: float = 0.01) -> None:
        self.answers: dict[str, Answer] = {}
        self.longest = 0.0
        self._gateway = gateway
        self._pause = pause
        self._numbers = count()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._running = [self._pool.submit(self._post) for _ in range(clients)]

    def _post(self) -> None:
        while not self._stop.is_set():
            external_id = f"p{next(self._numbers)}"
            begun = time.monotonic()
            body = form(external_id=external_id, tags="a,b", note="Hello", phone="132-123-1234")
            self.answers[external_id] = self._gateway.exchange(request(body))
            self.longest = max(self.longest, time.monotonic() - begun)
            time.sleep(self._pause)

    def wait_for(self, code: str, number: int) -> None:
        """Wait until so many more posts have been answered with ``code`` (empty: a success)."""
        wanted = self.number_of(code) + number
        end = time.monotonic() + PATIENCE
        while self.number_of(code) < wanted:
            assert time.monotonic() < end, f"no {number} answers {code!r}"
            time.sleep(0.02)

    def number_of(self, code: str) -> int:
        answers = list(self.answers.values())
        return sum(answer.headers.get("X-Gateway-Error", "") == code for answer in answers)

    def stop(self) -> None:
        self._stop.set()
        for each in self._running:
            each.result(PATIENCE)
        self._pool.shutdown()


def start_behind_proxy(
    at_end: ExitStack, databases: Databases, engine: str, folder: Path
) -> tuple[LiveGateway, Proxy, str]:
    """Return a gateway whose way to its database leads through a proxy, and the straight way."""
    inside = at_end.enter_context(prepared(databases, engine))
    url = make_url(database_url(inside.system.settings.DATABASE_URL))
    proxy = at_end.enter_context(Proxy((url.host or "127.0.0.1", url.port or 0)))
    led = url.set(host="127.0.0.1", port=proxy.port)
    way = led.render_as_string(hide_password=False)
    gateway = at_end.enter_context(running(inside, folder, database_url=way))
    return gateway, proxy, url.render_as_string(hide_password=False)


@pytest.fixture
def behind_proxy(
    databases: Databases, tmp_path: Path, engine: str
) -> Iterator[Callable[[], tuple[LiveGateway, Proxy, str]]]:
    """A function that starts a gateway whose way to its database leads through a proxy."""
    if engine == "sqlite":
        pytest.skip("a file has no server that goes away")
    with ExitStack() as at_end:
        yield lambda: start_behind_proxy(at_end, databases, engine, tmp_path)


class Stallable(Protocol):
    """What can be made to let nothing through for a while."""

    def stall(self) -> None: ...

    def flow(self) -> None: ...


class Lock:
    """Another program that locks the file of SQLite, and so stalls everybody who writes."""

    def __init__(self, url: str) -> None:
        path = make_url(url).database or ""
        self._connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)

    def stall(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def flow(self) -> None:
        self._connection.rollback()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def on_stallable(
    databases: Databases, tmp_path: Path, engine: str
) -> Iterator[tuple[LiveGateway, Stallable, str]]:
    """A gateway, what stalls its database, and the way to it that stays open."""
    with ExitStack() as at_end:
        if engine != "sqlite":
            yield start_behind_proxy(at_end, databases, engine, tmp_path)
            return
        inside = at_end.enter_context(prepared(databases, engine))
        url = inside.system.settings.DATABASE_URL
        lock = Lock(url)
        at_end.callback(lock.close)
        yield at_end.enter_context(running(inside, tmp_path)), lock, url


def stored(url: str) -> tuple[dict[str, str], dict[str, int]]:
    """Return the outcome of each post in the journal, and how many leads each external id has."""
    engine = create_engine(url)
    with engine.connect() as connection:
        outcomes = {
            row.request_id: row.outcome
            for row in connection.execute(text("SELECT request_id, outcome FROM submission"))
        }
        leads: dict[str, int] = {}
        for external_id in connection.scalars(text("SELECT external_id FROM lead")):
            leads[external_id] = leads.get(external_id, 0) + 1
    engine.dispose()
    return outcomes, leads


def assert_none_lost_none_doubled(load: Load, url: str) -> None:
    outcomes, leads = stored(url)
    codes = {answer.headers.get("X-Gateway-Error", "") for answer in load.answers.values()}
    assert codes <= {"", "spooled"}
    ids = {each: answer.headers["X-Request-Id"] for each, answer in load.answers.items()}
    assert {each for each in ids if outcomes.get(ids[each]) != "accepted"} == set()
    assert leads == dict.fromkeys(load.answers, 1)


def spooled(gateway: LiveGateway) -> list[Path]:
    return list((gateway.folder / "spool").rglob("*.post"))


def wait_until_drained(gateway: LiveGateway) -> None:
    end = time.monotonic() + PATIENCE
    while spooled(gateway):
        assert time.monotonic() < end, gateway.log[-3000:]
        time.sleep(0.1)


def test_workers_save_and_drain_what_comes_while_the_server_refuses(
    behind_proxy: Callable[[], tuple[LiveGateway, Proxy, str]],
) -> None:
    gateway, proxy, url = behind_proxy()
    load = Load(gateway)
    load.wait_for("", 20)
    for _ in range(2):
        proxy.cut_commits(3)
        load.wait_for("", 5)
        proxy.refuse()
        load.wait_for("spooled", 20)
        proxy.accept()
        load.wait_for("", 20)
    load.stop()
    wait_until_drained(gateway)
    assert load.longest < SOON
    assert_none_lost_none_doubled(load, url)
    assert not [each for each in (gateway.folder / "spool").rglob("*") if each.suffix == ".part"]


def test_workers_save_what_comes_while_the_server_is_silent(
    behind_proxy: Callable[[], tuple[LiveGateway, Proxy, str]],
) -> None:
    gateway, proxy, url = behind_proxy()
    load = Load(gateway)
    load.wait_for("", 20)
    proxy.stall()
    load.wait_for("spooled", 20)
    assert load.longest < SOON
    proxy.flow()
    load.wait_for("", 20)
    load.stop()
    wait_until_drained(gateway)
    assert_none_lost_none_doubled(load, url)


def balance(gateway: LiveGateway) -> dict[str, object]:
    """Return what ``flask journal status`` counts on this node."""
    said = subprocess.run(
        [sys.executable, "-m", "flask", "journal", "status", "--json"],
        cwd=ROOT,
        env=gateway.environment,
        capture_output=True,
        check=True,
    )
    found = json.loads(said.stdout)
    return {name: found[name] for name in ("posts", "unhandled", "spool")}


def test_posts_of_sixteen_clients_outlive_a_database_that_stalls_for_ten_seconds(
    on_stallable: tuple[LiveGateway, Stallable, str], engine: str
) -> None:
    gateway, way, url = on_stallable
    # A pause, because all that is saved in the stall has to be drained after it.
    load = Load(gateway, clients=16, pause=0.5)
    load.wait_for("", 50)
    way.stall()
    stalled_at = time.monotonic()
    if engine != "sqlite":
        load.wait_for("spooled", 50)
    time.sleep(max(0.0, stalled_at + STALL_SECONDS - time.monotonic()))
    way.flow()
    load.wait_for("", 50)
    load.stop()
    if engine == "sqlite":
        # A lock looks like a long transaction: posts wait, and are done or saved when it goes.
        assert STALL_SECONDS / 2 < load.longest < 2 * STALL_SECONDS
    else:
        assert load.longest < SOON
    wait_until_drained(gateway)
    assert_none_lost_none_doubled(load, url)
    assert balance(gateway) == {
        "posts": {"accepted": len(load.answers)},
        "unhandled": 0,
        "spool": {"posts": 0, "bytes": 0},
    }


def test_gateway_that_starts_without_its_database_takes_posts(
    behind_proxy: Callable[[], tuple[LiveGateway, Proxy, str]],
) -> None:
    gateway, proxy, url = behind_proxy()
    assert gateway.exchange(request(form(external_id="before"))).lead_id
    gateway.wait_for_workers()
    proxy.refuse()
    os.kill(gateway.process.pid, signal.SIGHUP)
    gateway.wait_for_log("the logins cannot be read now")
    # The workers of before go on for a moment, and know the logins.
    unproven = gateway.folder / "spool" / "unproven"
    posts = {"before": 1}
    while not list(unproven.glob("*.post")):
        name = f"p{len(posts)}"
        posts[name] = 1
        answer = gateway.exchange(request(form(external_id=name)))
        assert answer.headers["X-Gateway-Error"] == "spooled"
        assert len(posts) < 1_000
    wrong = gateway.exchange(request(form(external_id="no", ai_login_password="guess")))
    assert wrong.headers["X-Gateway-Error"] in ("spooled", "authentication_failed")
    proxy.accept()
    wait_until_drained(gateway)
    outcomes, leads = stored(url)
    assert leads == posts
    assert outcomes[wrong.headers["X-Request-Id"]] == "refused"


def test_drain_that_is_killed_in_the_middle_goes_on(
    behind_proxy: Callable[[], tuple[LiveGateway, Proxy, str]],
) -> None:
    gateway, proxy, url = behind_proxy()
    load = Load(gateway)
    load.wait_for("", 5)
    proxy.refuse()
    load.wait_for("spooled", 60)
    load.stop()
    proxy.accept()
    waiting = len(spooled(gateway))
    for _ in range(3):
        # As soon as some are drained and, mostly, before all are.
        while (left := len(spooled(gateway))) == waiting and left:
            time.sleep(0.005)
        waiting = left
        for worker in gateway.workers:
            os.kill(worker, signal.SIGKILL)
    wait_until_drained(gateway)
    assert_none_lost_none_doubled(load, url)
