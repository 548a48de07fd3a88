"""The late guard: whenever a post is stored, what a later post has set stays."""

import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from gateway.contract import Call, Caller, Done
from gateway.dispatch import perform
from gateway.models import Lead, LeadChange, Submission
from gateway.testing import Gateway
from tests.cli_runner import done as command
from tests.cli_runner import with_commands

_submission = Submission.__table__
WEB = Caller(name="web")
START = datetime(2026, 3, 1, tzinfo=UTC)
numbers = itertools.count()


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway("plugins.example"))


def post(gateway: Gateway, at: int, form: Mapping[str, str], *, late: bool = False) -> Done:
    call = Call(
        request_id=f"r-{next(numbers)}",
        received_at=START + timedelta(seconds=at),
        command="lead_set",
        form=form,
        late=late,
    )
    return perform(call, gateway.system, lambda: WEB)


def decision(gateway: Gateway) -> dict[str, Any]:
    rows = sorted(gateway.journal(), key=lambda row: row["recorded_at"])
    return dict(rows[-1]["decision"])


def lead(gateway: Gateway, lead_id: int | None = 1001) -> dict[str, Any]:
    assert lead_id is not None
    found = gateway.lead(lead_id)
    assert found is not None
    return found


FIELDS = ("city", "company", "followup_date", "vin", "tags", "admin_notes")
VALUES = {
    "followup_date": ("", "2030-01-01 00:00:00", "2031-01-01 00:00:00"),
    "vin": ("", "1HGCM82633A004352", "1M8GDM9AXKP042788"),
    "tags": ("", "a", "b,a"),
}
forms = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(VALUES.get(name, ("", "A", "B"))) for name in FIELDS}
)
posts = st.lists(st.tuples(forms, st.integers(0, 4)), min_size=1, max_size=6)


def in_order(sent: list[dict[str, str]]) -> dict[str, str]:
    """Return what each field holds when all posts are done as they came; the first makes it."""
    held: dict[str, str] = {}
    for number, form in enumerate(sent):
        held |= {name: value for name, value in form.items() if value or number}
    return {name: value for name, value in held.items() if value}


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(posts)
@example([({"city": "A"}, 0), ({"city": "B"}, 2), ({"city": "A"}, 0)])
@example([({}, 0), ({"city": "B"}, 2), ({"city": ""}, 0)])
@example([({"tags": "a"}, 0), ({"tags": "b,a"}, 1), ({"tags": "a"}, 0)])
def test_posts_done_late_give_what_posts_in_order_give(
    gateway: Gateway, sent: list[tuple[dict[str, str], int]]
) -> None:
    """Each post but the first is done so many posts later than it came, then as a late one."""
    external_id = f"x-{next(numbers)}"
    turns = sorted(
        (number + delay, number, form, delay > 0) for number, (form, delay) in enumerate(sent[1:])
    )
    made = post(gateway, 0, {"mode": "insert", "external_id": external_id, **sent[0][0]})
    for _, number, form, is_delayed in turns:
        # One that was delayed is late even where nothing has overtaken it.
        update_form = {"mode": "update", "external_id": external_id, **form}
        result = post(gateway, number + 1, update_form, late=is_delayed)
        assert result.outcome == "accepted"
    wanted = in_order([form for form, _ in sent])
    stored = lead(gateway, made.reply.lead_id)
    got = {name: stored[name] for name in ("city", "company", "admin_notes")}
    got |= {"vin": stored["custom"].get("vin"), "tags": ",".join(stored["tags"])}
    due = stored["followup_date"]
    got["followup_date"] = due and datetime.fromisoformat(due).strftime("%Y-%m-%d %H:%M:%S")
    assert {name: value for name, value in got.items() if value} == wanted


def test_lead_made_by_a_later_post_keeps_what_that_set(gateway: Gateway) -> None:
    post(gateway, 10, {"mode": "insert", "external_id": "x", "city": "Rome", "tags": "a"})
    form = {"mode": "insert", "match_update": "1", "external_id": "x"}
    form |= {"city": "Oslo", "company": "Acme", "tag_append": "b", "note": "hi"}
    assert post(gateway, 5, form, late=True).reply.lead_id == 1001
    stored = lead(gateway)
    assert (stored["city"], stored["company"], stored["tags"]) == ("Rome", "Acme", ["a"])
    assert [note["text"] for note in stored["notes"]] == ["hi"]
    assert decision(gateway)["held_back"] == ["city", "tags"]


def test_lead_made_by_an_earlier_post_that_was_stored_later_is_changed(gateway: Gateway) -> None:
    # created_at is after both, and the journal knows that its post came first.
    post(gateway, 1, {"mode": "insert", "external_id": "x", "city": "Rome"})
    post(gateway, 5, {"mode": "update", "external_id": "x", "city": "Oslo"}, late=True)
    assert lead(gateway)["city"] == "Oslo"
    assert "held_back" not in decision(gateway)


def test_held_follow_up_makes_no_event(gateway: Gateway) -> None:
    post(gateway, 1, {"mode": "insert", "external_id": "x"})
    post(gateway, 9, {"mode": "update", "external_id": "x", "followup_date": "2030-01-01"})
    late = {"mode": "update", "external_id": "x", "followup_date": "2029-01-01"}
    post(gateway, 5, late, late=True)
    assert [event["at"] for event in lead(gateway)["events"]] == ["2030-01-01T00:00:00+00:00"]
    assert decision(gateway)["held_back"] == ["followup_date"]


def test_shown_external_id_of_a_later_post_stays_and_the_other_finds_the_lead(
    gateway: Gateway,
) -> None:
    post(gateway, 1, {"mode": "insert", "external_id": "a"})
    post(gateway, 9, {"mode": "update", "lead_id": "1001", "external_id": "c"})
    post(gateway, 5, {"mode": "update", "lead_id": "1001", "external_id": "b"}, late=True)
    stored = lead(gateway)
    assert (stored["external_id"], stored["external_ids"]) == ("c", ["a", "b", "c"])
    assert decision(gateway)["held_back"] == ["external_id"]


def test_appended_admin_notes_are_dated_by_the_post(gateway: Gateway) -> None:
    post(gateway, 1, {"mode": "insert", "external_id": "x"})
    post(gateway, 9, {"mode": "update", "external_id": "x", "admin_notes": "new"})
    late = {
        "mode": "update",
        "external_id": "x",
        "admin_notes": "old",
        "admin_notes_append": "more",
    }
    post(gateway, 5, late, late=True)
    assert lead(gateway)["admin_notes"] == "new\n[2026-03-01 00:00:05] more"
    assert decision(gateway)["held_back"] == ["admin_notes"]


def test_post_that_is_not_late_overwrites(gateway: Gateway) -> None:
    post(gateway, 9, {"mode": "insert", "external_id": "x", "city": "Rome"})
    post(gateway, 5, {"mode": "update", "external_id": "x", "city": "Oslo"})
    assert lead(gateway)["city"] == "Oslo"


def test_merge_counts_as_later(gateway: Gateway) -> None:
    post(gateway, 1, {"mode": "insert", "external_id": "x"})
    post(gateway, 2, {"mode": "insert", "city": "Rome"})
    post(gateway, 3, {"mode": "insert", "company": "Acme"})
    command(gateway, "lead", "merge", "1001", "1002", "1003")
    late = {"mode": "update", "lead_id": "1002", "city": "Oslo", "company": "B", "zip": "1"}
    post(gateway, 2, late, late=True)
    stored = lead(gateway)
    assert (stored["city"], stored["company"], stored["zip"]) == ("Rome", "Acme", "1")


@pytest.mark.parametrize("is_later", [True, False])
def test_history_and_times_tell_where_the_journal_was_purged(
    gateway: Gateway, is_later: bool
) -> None:
    form = {"mode": "insert", "external_id": "x", "city": "Rome", "vin": "1HGCM82633A004352"}
    post(gateway, 1, form | {"tags": "a"})
    post(gateway, 2, {"mode": "update", "external_id": "x", "company": "Acme"})
    post(gateway, 3, {"mode": "update", "external_id": "x", "fax": "1", "city": ""})
    stored_at = START + timedelta(seconds=90 if is_later else 3)
    with gateway.system.engine.begin() as connection:
        connection.execute(delete(_submission))
        connection.execute(update(LeadChange).values(changed_at=stored_at))
        connection.execute(update(Lead).values(created_at=stored_at))
    late = {"mode": "update", "external_id": "x", "city": "Oslo", "company": "B", "zip": "1"}
    late |= {"vin": "1M8GDM9AXKP042788", "tags": "b"}
    post(gateway, 10, late, late=True)
    stored = lead(gateway)
    got = (stored["city"], stored["company"], stored["custom"]["vin"], stored["tags"])
    if is_later:
        assert got == (None, "Acme", "1HGCM82633A004352", ["a"])
        assert decision(gateway)["held_back"] == ["city", "company", "vin", "tags"]
    else:
        assert got == ("Oslo", "B", "1M8GDM9AXKP042788", ["b"])
    assert stored["zip"] == "1"


def test_second_line_of_an_older_address_does_not_join_a_newer_one(gateway: Gateway) -> None:
    ann = {"mode": "insert", "match_update": "1", "full_name": "Ann Lee", "phone": "503-555-0100"}
    post(gateway, 0, {**ann, "address": "1 First St"})
    post(gateway, 10, {**ann, "address": "9 New St"})
    post(gateway, 5, {**ann, "address": "1 First St", "address_2": "Apt 4"}, late=True)
    found = lead(gateway)
    assert (found["address"], found["address_2"]) == ("9 New St", None)
    assert decision(gateway)["held_back"] == ["address", "address_2"]
