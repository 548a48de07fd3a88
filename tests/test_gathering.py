"""The first post of a batch waits for those that are on their way, and for no other."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from batch_sizes import batch_sizes
from stored_rows import count

from gateway.models import Lead
from gateway.store import group
from gateway.store.group import Group
from gateway.testing import Gateway

MakeGateway = Callable[..., Gateway]
LONG = 60.0
"""Seconds that no test waits for."""


@contextmanager
def another(posts: Group[Any], end: Callable[[], Any]) -> Iterator[tuple[Any, threading.Thread]]:
    """Have another thread whose post is on its way, and that calls ``end`` once the event is set.

    Gives both.
    """
    started, may_end = threading.Event(), threading.Event()

    def work() -> None:
        posts.expect()
        started.set()
        may_end.wait(LONG)
        end()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait(LONG)
    yield may_end, thread
    may_end.set()
    thread.join(LONG)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "GATHER_SECONDS", LONG)


@pytest.mark.usefixtures("patient")
def test_post_that_is_alone_does_not_wait() -> None:
    posts: Group[Any] = Group(lambda _: None)
    posts._gather()


@pytest.mark.usefixtures("patient")
def test_who_waits_goes_on_when_the_last_post_turns_out_to_be_refused() -> None:
    posts: Group[Any] = Group(lambda _: None)
    with another(posts, posts.leave) as (one, first), another(posts, posts.leave) as (other, _):
        leader = threading.Thread(target=posts._gather)
        leader.start()
        one.set()
        first.join(LONG)
        assert leader.is_alive()
        other.set()
        leader.join(LONG / 2)
        assert not leader.is_alive()


def test_post_that_takes_long_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    posts: Group[Any] = Group(lambda _: None)
    monkeypatch.setattr(group, "GATHER_SECONDS", 0.05)
    with another(posts, posts.leave):
        begun = time.monotonic()
        posts._gather()
        assert time.monotonic() - begun >= 0.05
        monkeypatch.setattr(group, "GATHER_SECONDS", LONG)
        posts._gather()


@pytest.mark.usefixtures("patient")
def test_posts_that_are_being_read_share_the_transaction(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = make_gateway()
    gateway.send(full_name="The first connection finds out what the server can do")
    sizes = batch_sizes(monkeypatch)
    posts = gateway.system.group
    with another(posts, lambda: gateway.send(full_name="Bob Ray")) as (may_come, _):
        ann = threading.Thread(target=lambda: gateway.send(full_name="Ann Lee"))
        ann.start()
        end = time.monotonic() + LONG / 2
        while not posts._queue and time.monotonic() < end:
            time.sleep(0.001)
        may_come.set()
        ann.join(LONG / 2)
        assert not ann.is_alive()
    assert sizes == [2]
    assert count(gateway, Lead.__table__) == 3


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "sent",
    [
        {"mode": "neither"},
        {"match_update": "1", "match_email": "1", "email": "ann@example.com"},
        {"dry_run": "1"},
        {"ai_login_id": "nobody", "ai_login_password": "wrong"},
    ],
)
def test_nobody_waits_for_a_post_that_has_been_answered(
    make_gateway: MakeGateway, sent: dict[str, str]
) -> None:
    gateway = make_gateway()
    gateway.send(full_name="Ann Lee", **sent)
    assert not gateway.system.group._coming
    gateway.send(full_name="Bob Ray")
