"""SQLite's log is written into its file beside the posts, and begins anew."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from gateway import sqlite_log
from gateway.database import snapshot
from gateway.testing import Gateway
from gateway.turns import turn

MakeGateway = Callable[..., Gateway]
PATIENCE = 30


@pytest.fixture
def gateway(make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    gateway = make_gateway()
    if gateway.system.engine.dialect.name != "sqlite":
        pytest.skip("only SQLite has a log that somebody must write back")
    monkeypatch.setattr(sqlite_log, "LONG", 0)
    return gateway


def pages(gateway: Gateway) -> int:
    """Return how many pages were written into the log since it last began."""
    connection = gateway.system.engine.raw_connection()
    try:
        found = connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    finally:
        connection.close()
    return int(found[1])


def stands_in_file(gateway: Gateway, text: str) -> bool:
    return text.encode() in Path(str(gateway.system.engine.url.database)).read_bytes()


def test_nothing_is_left_of_the_log_while_posts_come_in(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, found, ends = sqlite_log._write, [], threading.Event()
    left = []

    @contextmanager
    def looking(engine: Engine) -> Iterator[None]:
        with turn(engine):
            yield
            left.append(pages(gateway) - found[-1][1])

    def noted(connection: Any) -> tuple[int, int]:
        found.append(write(connection))
        return found[-1]

    def post() -> None:
        while not ends.is_set():
            gateway.send(last_name="Lee")

    monkeypatch.setattr(sqlite_log, "_write", noted)
    monkeypatch.setattr(sqlite_log, "turn", looking)
    gateway.send(last_name="Lee")
    with ThreadPoolExecutor() as posts:
        posting = posts.submit(post)
        try:
            # Where the post just reads what was before, there is no turn.
            while len(left) < 20 and not posting.done():
                sqlite_log.shorten(gateway.system.engine)
        finally:
            ends.set()
        posting.result()
    assert left == [0] * 20


def test_log_begins_anew_when_nothing_is_left_of_it(gateway: Gateway) -> None:
    for _ in range(5):
        gateway.send(last_name="Lee")
    before = pages(gateway)
    sqlite_log.shorten(gateway.system.engine)
    gateway.send(last_name="Meanwhile")
    assert 0 < pages(gateway) < before
    assert stands_in_file(gateway, "Meanwhile")


def test_posts_wait_once_little_is_left(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []

    def noted(engine: Any) -> Any:
        waited.append(1)
        return turn(engine)

    monkeypatch.setattr(sqlite_log, "turn", noted)
    gateway.send(last_name="Lee")
    sqlite_log.shorten(gateway.system.engine)
    assert waited == [1]
    monkeypatch.setattr(sqlite_log, "LONG", 10_000)
    gateway.send(last_name="Lee")
    sqlite_log.shorten(gateway.system.engine)
    assert waited == [1]


def test_posts_do_not_wait_while_somebody_reads_what_was_before(
    gateway: Gateway,
) -> None:
    engine = gateway.system.engine
    gateway.send(last_name="Lee")
    with snapshot(engine) as reader:
        assert reader.scalar(text("SELECT count(*) FROM lead")) == 1
        gateway.send(last_name="Meanwhile")
        # It would wait here for ever.
        with turn(engine):
            shortening = threading.Thread(target=sqlite_log.shorten, args=(engine,), daemon=True)
            shortening.start()
            shortening.join(PATIENCE)
            assert not shortening.is_alive()
        assert reader.scalar(text("SELECT count(*) FROM lead")) == 1
    sqlite_log.shorten(engine)
    assert stands_in_file(gateway, "Meanwhile")


@pytest.mark.parametrize(
    ("pause", "took", "then"),
    [(0.5, 0.001, 0.5), (0.5, 0.03, 0.5), (0.5, 0.06, 0.25), (0.5, 3.0, 0.03), (0.1, 0.001, 0.2)],
)
def test_log_is_written_more_often_where_that_takes_long(
    pause: float, took: float, then: float
) -> None:
    assert sqlite_log._next_pause(pause, took) == pytest.approx(then)
