"""``gateway_after_commit``: what is told to whom, once, and what its failing costs."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway import LeadEvent, Refused
from tests.hooks.asked import JOHN, MATCH, Start


def test_after_commit_tells_what_happened_to_the_lead(start: Start) -> None:
    events: list[LeadEvent] = []
    gateway = start(
        {"after_commit": lambda event: events.append(event)},
        logins=[{"name": "web", "password": "secret", "defaults": {"source": "shop"}}],
    )
    made = gateway.send(full_name="Ann Lee", city="Rome", tags="a", note="hello")
    changed = gateway.send(mode="update", lead_id=1001, city="Oslo", source="")
    first, second = events
    assert (first.lead_id, first.action) == (1001, "created")
    assert first.request_id == made.headers["X-Request-Id"]
    assert first.lead["city"] == "Rome"
    assert first.lead["source"] == "shop"
    assert dict(first.changes) == {
        "full_name": "Ann Lee", "first_name": "Ann", "last_name": "Lee", "city": "Rome",
        "source": "shop", "tags": ["a"], "notes": [("Note", "hello")],
    }  # fmt: skip
    assert (second.lead_id, second.action) == (1001, "updated")
    assert second.request_id == changed.headers["X-Request-Id"]
    assert dict(second.changes) == {"city": "Oslo", "source": None}
    assert (second.lead["full_name"], second.lead["city"]) == ("Ann Lee", "Oslo")


def test_after_commit_sees_what_is_committed(start: Start) -> None:
    counts = []
    gateway = start({"after_commit": lambda event: counts.append(gateway.count())})
    gateway.send(**JOHN)
    gateway.send(**JOHN)
    assert counts == [1, 2]


@pytest.mark.parametrize(
    "post",
    [
        {**JOHN, "dry_run": 1},
        {"lat": "north", "mode": "update", "lead_id": 1001},
        {"mode": "update", "lead_id": 1001, "full_name": "John Doe"},
        {**JOHN, **MATCH, "tags": "a"},
        {"mode": "update", "lead_id": 5, "city": "Rome"},
    ],
)
def test_after_commit_is_not_told_where_nothing_was_changed(
    start: Start, post: dict[str, Any]
) -> None:
    events: list[LeadEvent] = []
    gateway = start({"after_commit": lambda event: events.append(event)})
    gateway.send(**JOHN, tags="a")
    gateway.send(**post)
    assert len(events) == 1


@pytest.mark.parametrize(
    ("post", "changes"),
    [
        ({"note": "x"}, {"notes": [("Note", "x")]}),
        ({"tag_append": "b"}, {"tags": ["a", "b"]}),
        ({"external_id": "E1"}, {"external_id": "E1"}),
        (
            {"upload_file_name": "a.txt", "upload_file_contents": "abc"},
            {"files": ["a.txt"]},
        ),
    ],
)
def test_after_commit_is_told_what_hangs_on_a_lead(
    start: Start, post: dict[str, Any], changes: dict[str, Any]
) -> None:
    events: list[LeadEvent] = []
    gateway = start({"after_commit": lambda event: events.append(event)})
    gateway.send(**JOHN, tags="a")
    assert gateway.send(mode="update", lead_id=1001, **post).status == 0
    assert dict(events[1].changes) == changes


def test_after_commit_that_fails_is_logged_and_the_others_still_run(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    told = []

    def refuses(event: LeadEvent) -> None:
        raise Refused("too late")

    gateway = start(
        {"after_commit": lambda event: told.append("first")},
        {"after_commit": lambda event: 1 / 0},
        {"after_commit": refuses},
        {"after_commit": lambda event: told.append("last")},
    )
    answer = gateway.send(**JOHN)
    assert (answer.status, answer.lead_id) == (0, 1001)
    assert told == ["first", "last"]
    reference = answer.headers["X-Request-Id"]
    lines = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert [line.partition(", ")[2] for line in lines] == [
        "plugin plug_2: gateway_after_commit raised ZeroDivisionError",
        "plugin plug_3: gateway_after_commit refused",
    ]
    assert all(line.startswith(reference) for line in lines)
    assert [row["outcome"] for row in gateway.journal()] == ["accepted"]


def test_after_commit_is_told_once_a_post_by_its_own_thread(start: Start) -> None:
    """Under group commit another thread may have committed what this one is told of."""
    told: list[tuple[int, int]] = []
    here = threading.local()

    def after_commit(event: LeadEvent) -> None:
        told.append((event.lead_id, here.number))

    gateway = start({"after_commit": after_commit})

    def send(number: int) -> tuple[int | None, int]:
        here.number = number
        return gateway.send(city=f"City {number}").lead_id, number

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(send, range(64)))
    assert sorted(told) == sorted(answers)  # type: ignore[type-var]
    assert len({lead_id for lead_id, _ in told}) == 64


def test_after_commit_is_told_once_of_one_lead_that_many_post(start: Start) -> None:
    actions = []
    gateway = start({"after_commit": lambda event: actions.append(event.action)})

    def send(number: int) -> int | None:
        return gateway.send(**JOHN, **MATCH, city=f"City {number}").lead_id

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, range(24))) == {1001}
    assert sorted(actions) == ["created", *["updated"] * 23]
