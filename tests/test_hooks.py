"""The hooks that are asked at each post: order, None, refusals, faults, retries, slowness."""

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from types import ModuleType
from typing import Any

import pytest
from marshmallow import fields
from sqlalchemy import func, select

from gateway import (
    Caller,
    Command,
    CustomField,
    LeadEvent,
    MatchRule,
    Refused,
    Reply,
    hookimpl,
    hooks,
    hookspecs,
)
from gateway.errors import Problem
from gateway.formats import Note
from gateway.matching import digest
from gateway.models import MatchKey, Pool
from gateway.testing import Gateway

JOHN = {"full_name": "John Doe", "phone": "132-123-1234"}
MATCH = {"match_update": "1"}

Start = Callable[..., Gateway]


@pytest.fixture
def start(make_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch) -> Start:
    """A function that gives a system of plugins, each a dict of its hooks by short name."""

    def make(*plugins: Mapping[str, Callable[..., Any]], **options: Any) -> Gateway:
        names = []
        for number, functions in enumerate(plugins, start=1):
            plugin = ModuleType(f"plug_{number}")
            for name, function in functions.items():
                vars(plugin)[f"gateway_{name}"] = hookimpl(function)
            monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
            names.append(plugin.__name__)
        return make_gateway(*names, **options)

    return make


def raises(**_: Any) -> None:
    raise ZeroDivisionError("inner text")


def is_fault(answer: Any) -> bool:
    reference = answer.headers["X-Request-Id"]
    return bool(answer.status_message == f"Internal error, reference {reference}")


def stored_keys(gateway: Gateway) -> set[bytes]:
    with gateway.system.engine.connect() as connection:
        return {bytes(each) for each in connection.scalars(select(MatchKey.digest))}


def test_every_hook_has_a_test() -> None:
    names = [name for name in vars(hookspecs) if name.startswith("gateway_")]
    assert len(names) == 7
    tests = [name for name in globals() if name.startswith("test_")]
    missing = [
        name
        for name in names
        if not any(each.startswith(f"test_{name.removeprefix('gateway_')}") for each in tests)
    ]
    # tests/test_registry.py and tests/test_plugin_rules.py are all about these two.
    assert missing == ["gateway_custom_fields", "gateway_match_rules"]


# --- gateway_commands


def command(run: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    def commands(settings: Any) -> list[Command]:
        return [Command("lead.count-1", run)]

    return {"commands": commands}


def test_commands_get_call_system_and_caller(start: Start) -> None:
    def run(call: Any, system: Any, caller: Any) -> Reply:
        assert system is gateway.system
        return Reply(status=0, status_message=f"{call.form['x']} {caller.name}")

    gateway = start(command(run))
    assert gateway.send(command="lead.count-1", x="é").status_message == "é web"


def test_commands_may_hand_on_to_ours(start: Start) -> None:
    def run(call: Any, system: Any, caller: Any) -> Reply:
        reply: Reply = system.commands["lead_set"].run(call, system, caller)
        return reply

    gateway = start(command(run))
    assert gateway.send(command="lead.count-1", **JOHN).lead_id == 1001
    assert [row["command"] for row in gateway.journal()] == ["lead.count-1"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "must return a Reply, not NoneType"),
        ({"status": 0}, "must return a Reply, not dict"),
        (Reply(status="0", status_message="x"), "a number as status"),  # type: ignore[arg-type]
        (Reply(status=0, status_message=None), "a number as status"),  # type: ignore[arg-type]
        (Reply(status=0, status_message="x", lead_id=2**63), "no id of a lead"),
        (Reply(status=0, status_message="x", decision={"x": {1}}), "no JSON object"),
        (Reply(status=0, status_message="x", problems=("x",)), "problems"),  # type: ignore[arg-type]
    ],
)
def test_commands_that_answer_something_else_are_a_fault(
    start: Start, answer: Any, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start(command(lambda *_: answer))
    assert is_fault(gateway.send(command="lead.count-1"))
    assert [row["outcome"] for row in gateway.journal()] == ["failed"]
    assert "plugin plug_1: command lead.count-1 " in caplog.text
    assert says in caplog.text


def test_commands_that_raise_are_a_fault(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    gateway = start(command(lambda *_: 1 / 0))
    answer = gateway.send(command="lead.count-1")
    assert is_fault(answer)
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.getMessage() == (
        f"{answer.headers['X-Request-Id']} "
        "plugin plug_1: command lead.count-1 raised ZeroDivisionError"
    )


def test_commands_may_refuse_with_texts_that_no_header_or_database_holds(start: Start) -> None:
    def run(*_: Any) -> None:
        raise Refused("half \ud800 and \0", field="\ud800", code="a\r\nSet-Cookie: x=1")

    gateway = start(command(run))
    answer = gateway.send(command="lead.count-1")
    assert answer.status_message == "half \\ud800 and "
    assert answer.headers["X-Gateway-Error"] == "a  Set-Cookie: x=1"
    assert [row["outcome"] for row in gateway.journal()] == ["refused"]


# --- gateway_authenticate


def test_authenticate_asks_in_the_order_of_the_list_and_the_first_answer_wins(
    start: Start,
) -> None:
    asked = []

    def plugin(name: str, answer: Caller | None) -> dict[str, Callable[..., Any]]:
        def authenticate(call: Any, settings: Any) -> Caller | None:
            asked.append(name)
            return answer

        return {"authenticate": authenticate}

    gateway = start(
        plugin("a", None), plugin("b", Caller(name="bee")), plugin("c", Caller(name="sea"))
    )
    answer = gateway.post(b"command=lead_set&mode=insert&city=Rome", anonymous=True)
    assert answer.lead_id == 1001
    assert asked == ["a", "b"]
    assert [row["caller"] for row in gateway.journal()] == ["bee"]


def test_authenticate_is_asked_once_a_call_and_ours_last(start: Start) -> None:
    asked = []

    def abstains(call: Any, settings: Any) -> None:
        asked.append(call.request_id)

    gateway = start({"authenticate": abstains})
    assert gateway.send(**JOHN).lead_id == 1001
    assert len(asked) == 1
    refused = gateway.post(b"command=lead_set&mode=insert&city=Rome", anonymous=True)
    assert refused.status_message == "Authentication failed"
    assert len(asked) == 2
    gateway.post(b"command=lead_set&command[]=a", anonymous=True)
    gateway.post(b"", method="GET")
    assert len(asked) == 2


def test_authenticate_may_refuse_whom_our_login_would_take(start: Start) -> None:
    def refuses(call: Any, settings: Any) -> None:
        raise Refused("not on Sundays", code="closed")

    gateway = start({"authenticate": refuses}, {"authenticate": raises})
    answer = gateway.send(**JOHN)
    assert (answer.status, answer.status_message) == (1, "not on Sundays")
    assert answer.headers["X-Gateway-Error"] == "closed"
    assert [(row["outcome"], row["caller"]) for row in gateway.journal()] == [("refused", None)]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("web", "must return a Caller or None, not str"),
        (False, "must return a Caller or None, not bool"),
        (Caller(name=""), "whose name is no text"),
        (Caller(name="x" * 192), "whose name is no text"),
        (Caller(name="\ud800"), "whose name is no text"),
        (Caller(name="x", login_id=1), "with a login_id"),
        (Caller(name="x", format="yaml"), "whose format"),
        (Caller(name="x", on_invalid="no"), "whose on_invalid"),
        (Caller(name="x", defaults=["source"]), "defaults"),  # type: ignore[arg-type]
        (Caller(name="x", defaults={"nothing": "x"}), "default 'nothing'"),
        (Caller(name="x", defaults={"source": "x" * 192}), "default 'source'"),
        (Caller(name="x", defaults={"pool": "Main"}), "default 'pool'"),
    ],
)
def test_authenticate_that_answers_something_else_is_a_fault(
    start: Start, answer: Any, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start({"authenticate": lambda call, settings: answer})
    assert is_fault(gateway.send(**JOHN))
    assert gateway.count() == 0
    assert [row["outcome"] for row in gateway.journal()] == ["failed"]
    assert says in caplog.text


def test_authenticate_that_raises_is_a_fault_and_lets_nobody_in(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start({"authenticate": lambda call: 1 / 0})
    assert is_fault(gateway.send(**JOHN))
    assert gateway.count() == 0
    assert "plugin plug_1: gateway_authenticate raised ZeroDivisionError" in caplog.text


# --- gateway_before_store


def test_before_store_asks_in_order_each_with_what_the_one_before_left(start: Start) -> None:
    def adds(letter: str) -> dict[str, Callable[..., Any]]:
        def before_store(changes: Any) -> None:
            changes["city"] = changes.get("city", "") + letter

        return {"before_store": before_store}

    gateway = start(adds("a"), {"before_store": lambda changes, lead, caller: None}, adds("b"))
    gateway.send(**JOHN)
    lead = gateway.lead(1001)
    assert lead is not None
    assert lead["city"] == "ab"


def test_before_store_gets_typed_changes_the_stored_lead_and_the_caller(start: Start) -> None:
    seen: list[Any] = []

    def before_store(changes: Any, lead: Any, caller: Any) -> None:
        seen.append((dict(changes), lead and (lead["city"], lead["lead_id"]), caller.name))
        if lead is not None:
            with pytest.raises(TypeError):
                lead["city"] = "Turin"

    gateway = start({"before_store": before_store})
    gateway.send(city="Rome", ok_to_text="yes", tags="a,b")
    gateway.send(mode="update", lead_id=1001, city="", lat="1.50")
    gateway.send(mode="update", lead_id=1001, city="Oslo", dry_run=1)
    assert seen == [
        ({"city": "Rome", "ok_to_text": True, "tags": ["a", "b"]}, None, "web"),
        ({"lead_id": 1001, "city": None, "lat": 1.5}, ("Rome", 1001), "web"),
        ({"lead_id": 1001, "city": "Oslo"}, (None, 1001), "web"),
    ]


def test_before_store_may_change_everything_that_a_lead_holds(start: Start) -> None:
    setup = {
        "custom_statuses": [{"label": "Sold", "id": 1}],
        "users": [{"label": "ann", "id": 1}],
        "pools": [{"label": "Main", "id": 1}],
    }
    when = datetime.fromisoformat("2030-01-02T03:04:05+02:00")

    def before_store(changes: Any) -> None:
        del changes["city"]
        changes.update(
            company="Acme", lat=1, ok_to_text=False, followup_date=when, status=7, ownerID=1,
            pool=1, custom_status=1, vin="ABC1", interests=["buy"], note="one",
            notes=[("Call", "two"), Note("Note", "three")], tags=("x",), tag_append=["y"],
            admin_notes_append="z", email="",
        )  # fmt: skip

    def custom_fields(settings: Any) -> list[CustomField]:
        return [
            CustomField("vin", fields.String()),
            CustomField("interests", fields.List(fields.String())),
        ]

    gateway = start({"before_store": before_store, "custom_fields": custom_fields}, setup=setup)
    answer = gateway.send(**JOHN, city="Rome", email="ann@example.com")
    assert answer.lead_id == 1001
    lead = gateway.lead(1001)
    assert lead is not None
    names = (
        "city", "email", "company", "lat", "ok_to_text", "status", "ownerID", "pool",
        "custom_status", "tags", "custom", "followup_date",
    )  # fmt: skip
    assert [lead[name] for name in names] == [
        None, None, "Acme", "1", "No", 7, "ann", "Main", "Sold", ["x", "y"],
        {"vin": "ABC1", "interests": ["buy"]}, "2030-01-02T01:04:05+00:00",
    ]  # fmt: skip
    assert [note["text"] for note in lead["notes"]] == ["one", "two", "three"]
    assert [event["kind"] for event in lead["events"]] == ["followup"]


def test_before_store_decides_which_match_keys_are_stored(start: Start) -> None:
    def before_store(changes: Any) -> None:
        changes["phone"] = "503-555-0100"

    gateway = start({"before_store": before_store})
    gateway.send(**JOHN)
    assert digest("match_phone", "+15035550100") in stored_keys(gateway)
    assert digest("match_phone", "+11321231234") not in stored_keys(gateway)


UNFIT = [
    ("colour", "red", "no value of a lead"),
    ("ownerid", "1", "no value of a lead"),
    (7, "x", "no value of a lead"),
    ("mode", "update", "no value of a lead"),
    ("match_update", True, "no value of a lead"),
    ("upload_file_name", "x", "no value of a lead"),
    ("custom", {}, "no field of this system"),
    ("match", {}, "no field of this system"),
    ("lead_id", 5, "finds the lead"),
    ("external_id", "E2", "finds the lead"),
    ("city", 5, "must be text"),
    ("city", b"x", "must be text"),
    ("city", "x" * 101, "longer than 100 characters"),
    ("city", "a\0b", "holds NUL"),
    ("city", "\ud83d", "half a character"),
    ("govt_id", "1" * 51, "longer than 50"),
    ("admin_notes", "x" * 1_000_001, "longer than 1000000"),
    ("ok_to_text", "Yes", "True or False"),
    ("ok_to_text", 1, "True or False"),
    ("status", 2**63, "whole number"),
    ("status", True, "whole number"),
    ("status", "1", "whole number"),
    ("ownerID", 99, "a row that does not exist"),
    ("pool", "Main", "whole number"),
    ("lat", "1.5", "must be a number"),
    ("lat", float("nan"), "must be a number"),
    ("lat", float("inf"), "must be a number"),
    ("lat", Decimal("1"), "must be a number"),
    ("followup_date", "2030-01-02", "time zone"),
    ("followup_date", datetime(2030, 1, 2), "time zone"),
    ("note", ["x"], "must be text"),
    ("notes", "x", "must be a list"),
    ("notes", ["x"], "list of (status, text)"),
    ("notes", [("Note", "")], "empty text"),
    ("notes", [("x" * 101, "x")], "longer than 100"),
    ("tags", "a,b", "must be a list"),
    ("tags", ["x" * 101], "longer than 100"),
    ("tags", [5], "must be text"),
    ("tag_append", [" "], "empty text"),
    ("vin", 5, "must be text"),
    ("vin", "\0", "cannot be stored"),
    ("vin", "x" * 1_000_001, "cannot be stored"),
    ("year", "last", "cannot be stored"),
    ("year", 2**63, "whole number"),
    ("day", "today", "cannot be stored"),
    ("anything", {"a": ["\ud800"]}, "cannot be stored"),
    ("anything", {"a\0": 1}, "cannot be stored"),
    ("anything", [2**64], "whole number"),
    ("anything", object(), "cannot be stored"),
]


@pytest.mark.parametrize(
    ("name", "value", "says"), UNFIT, ids=[f"{n}-{each[0]}" for n, each in enumerate(UNFIT)]
)
def test_before_store_that_leaves_what_no_store_holds_is_a_fault(
    start: Start, name: Any, value: Any, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    def before_store(changes: Any) -> None:
        changes[name] = value

    def custom_fields(settings: Any) -> list[CustomField]:
        return [
            CustomField("vin", fields.String()),
            CustomField("year", fields.Integer()),
            CustomField("day", fields.Date()),
            CustomField("anything", fields.Raw()),
        ]

    gateway = start({"before_store": before_store, "custom_fields": custom_fields})
    answer = gateway.send(**JOHN, external_id="E1", tags="a", status=1)
    assert is_fault(answer)
    assert gateway.count() == 0
    assert [row["outcome"] for row in gateway.journal()] == ["failed"]
    (line,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert f"plugin plug_1: gateway_before_store left {str(name)!r}" in line
    assert says in line


def test_before_store_may_not_take_away_what_finds_the_lead(start: Start) -> None:
    gateway = start({"before_store": lambda changes: changes.pop("external_id") and None})
    assert is_fault(gateway.send(**JOHN, external_id="E1"))
    assert gateway.count() == 0


def test_before_store_that_returns_its_changes_is_a_fault(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start({"before_store": lambda changes: changes})
    assert is_fault(gateway.send(**JOHN))
    assert "returned dict; it must change `changes`" in caplog.text


def test_before_store_that_raises_is_a_fault_and_nothing_is_stored(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start({"before_store": lambda changes: 1 / 0})
    assert is_fault(gateway.send(**JOHN, note="x", tags="a"))
    assert (gateway.count(), stored_keys(gateway)) == (0, set())
    assert [row["outcome"] for row in gateway.journal()] == ["failed"]
    assert "plugin plug_1: gateway_before_store raised ZeroDivisionError" in caplog.text


def test_before_store_that_refuses_leaves_no_pool_behind(start: Start) -> None:
    """The pool that a post names is made with its lead: refused is refused before that."""
    seen = []

    def before_store(changes: Any) -> None:
        seen.append(changes["pool"])
        if len(seen) == 1:
            raise Refused("full", field="pool")

    gateway = start({"before_store": before_store}, GATEWAY_CREATE_POOLS=True)

    def pools() -> int:
        with gateway.system.engine.connect() as connection:
            return int(connection.scalar(select(func.count(Pool.pool_id))) or 0)

    assert gateway.send(**JOHN, pool="East").status_message == "full"
    assert pools() == 0
    assert gateway.send(**JOHN, pool="East").lead_id == 1001
    assert pools() == 1
    lead = gateway.lead(1001)
    assert lead is not None
    assert lead["pool"] == "East"
    # Once a post: not again after the pool is made.
    assert len(seen) == 2


def test_before_store_runs_again_on_a_retry_with_the_changes_as_they_were(
    start: Start, engine: str
) -> None:
    """Keys that the post did not claim at first: it is rolled back and begins again."""
    seen = []
    events: list[LeadEvent] = []

    def before_store(changes: Any) -> None:
        seen.append((changes["phone"], list(changes["tags"])))
        changes["phone"] = "503-555-0100"
        changes["tags"].append("seen")

    gateway = start(
        {"before_store": before_store, "after_commit": lambda event: events.append(event)}
    )
    answer = gateway.send(**JOHN, **MATCH, tags="a")
    assert answer.lead_id == 1001
    assert seen == [("132-123-1234", ["a"])] * (1 if engine == "sqlite" else 2)
    lead = gateway.lead(1001)
    assert lead is not None
    assert (lead["phone"], lead["tags"]) == ("503-555-0100", ["a", "seen"])
    assert [event.lead_id for event in events] == [1001]


def test_before_store_that_refuses_some_leaves_their_neighbours_alone(start: Start) -> None:
    """Under group commit several posts share a transaction; a refusal is one post's own."""

    def before_store(changes: Any) -> None:
        if changes["city"] == "Rome":
            raise Refused("full", field="city")
        if changes["city"] == "Oslo":
            raise ZeroDivisionError

    gateway = start({"before_store": before_store})
    cities = ["Rome", "Bern", "Oslo", "Bern"] * 8
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda city: gateway.send(city=city), cities))
    outcomes = {(city, answer.status) for city, answer in zip(cities, answers, strict=True)}
    assert outcomes == {("Rome", 1), ("Oslo", 1), ("Bern", 0)}
    assert gateway.count() == 16
    kept = [row["outcome"] for row in gateway.journal()]
    assert {each: kept.count(each) for each in kept} == {"refused": 8, "failed": 8, "accepted": 16}


# --- gateway_after_commit


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


# --- gateway_render


def test_render_first_answer_wins(start: Start) -> None:
    gateway = start(
        {"render": lambda reply, call: None},
        {"render": lambda reply, call: (b"%d" % reply.lead_id, "text/x-id")},
        {"render": lambda reply, call: (b"never", "text/plain")},
    )
    answer = gateway.send(**JOHN)
    assert (answer.body, answer.headers["Content-Type"]) == (b"1001", "text/x-id")
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "rendered",
    [
        "text",
        b"bytes",
        ("text", "text/plain"),
        (b"x",),
        (b"x", None),
        (b"x", ""),
        (b"x", "text/plain\r\nSet-Cookie: x=1"),
        [b"x", "text/plain"],
        ZeroDivisionError(),
        Refused("no"),
    ],
)
def test_render_that_fails_is_logged_and_the_answer_is_ours(
    start: Start, rendered: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def render(reply: Reply, call: Any) -> Any:
        if isinstance(rendered, Exception):
            raise rendered
        return rendered

    gateway = start({"render": render})
    answer = gateway.send(**JOHN)
    assert answer.body == b"status=0&status_message=Lead+Creation+Successful&lead_id=1001"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    (line,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert line.startswith(answer.headers["X-Request-Id"])
    assert "plugin plug_1: gateway_render" in line
    assert [row["outcome"] for row in gateway.journal()] == ["accepted"]


# --- all of them


def test_hook_that_takes_long_is_named_in_the_log(
    start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "SLOW_SECONDS", 0.3)

    def slow(*_: Any, **__: Any) -> None:
        time.sleep(0.35)

    def keys(lead: Any) -> list[str]:
        slow()
        return ["x"]

    def confirm(new: Any, old: Any) -> bool:
        slow()
        return True

    gateway = start(
        {
            "authenticate": lambda call: slow(),
            "before_store": lambda changes: slow(),
            "after_commit": lambda event: slow(),
            "render": lambda reply: slow(),
            "match_rules": lambda settings: [MatchRule("match_slow", keys, confirm=confirm)],
        },
        {"before_store": lambda changes: None},
        command(lambda *_: (slow(), Reply(status=0, status_message="x"))[1]),
    )
    gateway.send(**JOHN)
    gateway.send(**JOHN, **MATCH, match_slow=1)
    gateway.send(command="lead.count-1")
    warned = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    told = {re.sub(r"took (\d\d+) ms", "", line) for line in warned}
    assert told == {
        "plugin=plug_1 gateway_authenticate ",
        "plugin=plug_1 gateway_before_store ",
        "plugin=plug_1 gateway_after_commit ",
        "plugin=plug_1 gateway_render ",
        f"plugin={__name__} rule match_slow ",
        "plugin=plug_3 command lead.count-1 ",
    }


def test_hook_of_the_start_that_takes_long_is_named_in_the_log(
    start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "SLOW_SECONDS", 0.3)
    start({"custom_fields": lambda settings: time.sleep(0.35)})
    (line,) = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert line.startswith("plugin=plug_1 gateway_custom_fields took ")


def test_quick_hook_is_not_named(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    gateway = start({"before_store": lambda changes: None})
    gateway.send(**JOHN)
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_trace_names_every_hook_that_is_asked_and_no_value(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start(
        {
            "authenticate": lambda call: None,
            "before_store": lambda changes: None,
            "after_commit": lambda event: None,
            "render": lambda reply: None,
        },
        GATEWAY_TRACE_HOOKS=True,
    )
    caplog.clear()
    with caplog.at_level(logging.INFO, "gateway.plugins"):
        gateway.send(**JOHN)
    lines = [each.getMessage() for each in caplog.records if each.name == "gateway.plugins"]
    assert lines == [
        f"hook=gateway_{name} plugins=plug_1"
        for name in ("authenticate", "before_store", "after_commit", "render")
    ]


def test_after_commit_of_the_handbook_logs_new_leads_only(
    make_gateway: Callable[..., Gateway], caplog: pytest.LogCaptureFixture
) -> None:
    gateway = make_gateway("tests.plugins.announce")
    with caplog.at_level(logging.INFO, "announce"):
        reference = gateway.send(**JOHN).headers["X-Request-Id"]
        gateway.send(mode="update", lead_id=1001, city="Rome")
    lines = [each.getMessage() for each in caplog.records if each.name == "announce"]
    assert lines == [f"lead 1001 came in by post {reference}"]


class Priority(str, Enum):  # noqa: UP042 the older kind is meant
    """A text that says its name to str(), as Python's own do where they are not StrEnum."""

    HOT = "Hot"


def quits(**_: Any) -> None:
    sys.exit("inner text")


@pytest.mark.parametrize("hook", ["authenticate", "before_store"])
def test_hook_that_quits_the_process_is_a_fault_of_its_post(start: Start, hook: str) -> None:
    gateway = start({hook: lambda: quits()})
    answer = gateway.send(**JOHN)
    assert (answer.status, gateway.count()) == (1, 0)
    assert str(answer.status_message).startswith("Internal error, reference ")
    assert [row["outcome"] for row in gateway.journal()] == ["failed"]


@pytest.mark.parametrize("hook", ["after_commit", "render"])
def test_hook_that_quits_after_the_commit_leaves_the_answer(start: Start, hook: str) -> None:
    gateway = start({hook: lambda: quits()})
    assert gateway.send(**JOHN).lead_id == 1001


def test_rule_and_field_that_quit_are_faults(start: Start) -> None:
    class Quitting(fields.String):
        def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
            return quits()

    gateway = start(
        {
            "custom_fields": lambda: [CustomField("quitting", Quitting())],
            "match_rules": lambda: [
                MatchRule("match_q", lambda lead: quits() if lead.get("city") else [])
            ],
        }
    )
    for sent in ({"quitting": "1"}, {"city": "Salem"}):
        assert str(gateway.send(**sent).status_message).startswith("Internal error, reference ")
    assert [row["outcome"] for row in gateway.journal()] == ["failed", "failed"]


def test_command_that_stores_two_leads_is_a_fault_that_keeps_the_first(start: Start) -> None:
    def twice(call: Any, system: Any, caller: Any) -> Reply:
        replies = [
            system.commands["lead_set"].run(
                replace(call, form={"mode": "insert", "full_name": name}), system, caller
            )
            for name in ("Ann Lee", "Bob Ray")
        ]
        return replies[-1]

    gateway = start({"commands": lambda: [Command("twice", twice, help="Stores two.")]})
    answer = gateway.send(command="twice")
    assert str(answer.status_message).startswith("Internal error, reference ")
    assert [(row["outcome"], row["lead_id"]) for row in gateway.journal()] == [("accepted", 1001)]


def test_command_that_fails_after_it_stored_leaves_one_row(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def refusing(call: Any, system: Any, caller: Any) -> Reply:
        system.commands["lead_set"].run(call, system, caller)
        raise Refused("no more of these")

    gateway = start({"commands": lambda: [Command("once", refusing, help="Stores one.")]})
    assert gateway.send(command="once", **JOHN).status_message == "no more of these"
    assert [row["lead_id"] for row in gateway.journal()] == [1001]
    assert "could not be written" not in caplog.text


def test_reply_that_says_it_is_recorded_still_has_its_row(start: Start) -> None:
    reply = Reply(status=0, status_message="OK", recorded=True)
    gateway = start({"commands": lambda: [Command("liar", lambda *_: reply, help="Lies.")]})
    assert gateway.send(command="liar").status == 0
    assert [row["command"] for row in gateway.journal()] == ["liar"]


@pytest.mark.parametrize(
    "bad",
    [
        {"status": 10**5000},
        {"problems": (Problem(1, 2, 3),)},  # type: ignore[arg-type]
        {"problems": (Problem("a", "b", "\ud800"),)},
        {"problems": (each for each in ())},
        {"warnings": (Problem(None, None, None),)},  # type: ignore[arg-type]
        {"decision": {"a": float("nan")}},
        {"decision": {"a": "\0"}},
        {"decision": {"a": "\ud800"}},
    ],
    ids=["status", "numbers", "half", "generator", "nothing", "nan", "nul", "half_in_decision"],
)
def test_reply_that_cannot_be_told_or_kept_is_a_fault(start: Start, bad: dict[str, Any]) -> None:
    reply = Reply(**{"status": 1, "status_message": "no", **bad})
    gateway = start({"commands": lambda: [Command("odd", lambda *_: reply, help="Odd.")]})
    answer = gateway.send(command="odd")
    assert answer.http_status == 200
    assert str(answer.status_message).startswith("Internal error, reference ")
    assert [row["outcome"] for row in gateway.journal()] == ["failed"]


def test_refusal_without_problems_is_told(start: Start) -> None:
    def refuse(**_: Any) -> None:
        refusal = Refused("no")
        refusal.problems = ()
        raise refusal

    gateway = start({"before_store": lambda: refuse()})
    answer = gateway.send(**JOHN)
    assert (answer.http_status, answer.status_message) == (200, "Refused")
    assert [row["outcome"] for row in gateway.journal()] == ["refused"]


def test_refusal_of_a_field_is_kept_whatever_its_text(start: Start) -> None:
    class Refusing(fields.String):
        def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
            raise Refused("not\0 this \ud800", field="odd")

    gateway = start({"custom_fields": lambda: [CustomField("odd", Refusing())]})
    assert gateway.send(odd="1", **JOHN).status_message == "not this \\ud800"
    assert [row["outcome"] for row in gateway.journal()] == ["refused"]


def test_text_of_an_enum_is_stored_as_its_text(start: Start) -> None:
    def set_all(changes: dict[str, Any]) -> None:
        changes |= {"priority": Priority.HOT, "word": Priority.HOT, "tags": [Priority.HOT]}

    gateway = start(
        {
            "custom_fields": lambda: [CustomField("word", fields.String())],
            "before_store": lambda changes: set_all(changes),
        }
    )
    lead = gateway.lead(gateway.send(**JOHN).lead_id or 0) or {}
    assert (lead["priority"], lead["custom"], lead["tags"]) == ("Hot", {"word": "Hot"}, ["Hot"])


def test_number_that_no_column_holds_names_its_field(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start({"before_store": lambda changes: changes.update(lat=10**400)})
    assert gateway.send(**JOHN).status == 1
    assert "gateway_before_store left 'lat', which must be a number" in caplog.text
