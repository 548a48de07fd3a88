"""``gateway_before_store``: what it gets, may change and refuse; faults and retries."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from marshmallow import fields
from sqlalchemy import func, select

from gateway import CustomField, LeadEvent, Refused
from gateway.formats import Note
from gateway.matching import digest
from gateway.models import Pool
from tests.hooks.asked import JOHN, MATCH, Start, is_fault, stored_keys


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


@pytest.mark.parametrize(
    ("changed", "tags"),
    [
        ({"tag_append": ["new"]}, ["gold", "vip", "new"]),
        ({"tags": None}, []),
        ({}, ["gold", "vip"]),
    ],
)
def test_tags_of_a_plugin_rest_on_those_of_the_lead(
    start: Start, changed: dict[str, Any], tags: list[str]
) -> None:
    gateway = start({"before_store": lambda changes, lead: changes.update(changed if lead else {})})
    gateway.send(**JOHN, tags="gold,vip")
    gateway.send(mode="update", lead_id=1001, source="x")
    lead = gateway.lead(1001)
    assert lead is not None
    assert lead["tags"] == tags


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
