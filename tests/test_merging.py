"""Merges: what stays, what moves, and that the merged ids go on working."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event
from stored_rows import add, everything, history, keys_are_right, lead, rows

from gateway.models import LeadMerge
from gateway.store.merging import CannotMerge, merge
from gateway.testing import Gateway


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return make_gateway("plugins.example")


def test_first_value_that_is_not_empty_stays_in_the_order_given(gateway: Gateway) -> None:
    keep = add(gateway, full_name="Ann Lee", phone="555-010-0001")
    second = add(gateway, phone="555-010-0002", company="Second", vin="AAA1", interests="buy")
    third = add(gateway, company="Third", city="Third", vin="BBB1", trade_in_year=2015)
    merged = merge(gateway.system, keep, [third, second])
    found = lead(gateway, keep)
    names = ("full_name", "phone", "company", "city")
    assert [found[name] for name in names] == ["Ann Lee", "555-010-0001", "Third", "Third"]
    assert found["custom"] == {"vin": "BBB1", "trade_in_year": 2015, "interests": ["buy"]}
    assert merged.merged == (third, second)
    assert gateway.count() == 1
    assert keys_are_right(gateway)


def test_zero_and_no_are_values(gateway: Gateway) -> None:
    keep = add(gateway, ok_to_text="No", lat=0, lng=0)
    other = add(gateway, ok_to_text="Yes", lat=1, lng=1)
    merge(gateway.system, keep, [other])
    found = lead(gateway, keep)
    assert (found["ok_to_text"], found["lat"], found["lng"]) == ("No", "0", "0")


def test_what_hangs_on_the_leads_goes_over(gateway: Gateway) -> None:
    keep = add(gateway, external_id="A", note="one", tags="web,Spring")
    other = add(
        gateway, external_id="B", note="two", tags="SPRING,new",
        followup_date="2030-01-02 03:04:05", upload_file_name="a.txt", upload_file_contents="abc",
    )  # fmt: skip
    gateway.send(mode="update", lead_id=other, external_id="C", city="Reno")
    gateway.send(mode="update", lead_id=keep, note="three")
    merged = merge(gateway.system, keep, [other])
    found = lead(gateway, keep)
    assert found["external_ids"] == ["A", "B", "C"]
    assert found["external_id"] == "A"
    assert [note["text"] for note in found["notes"]] == ["one", "two", "three"]
    assert found["tags"] == ["web", "Spring", "new"]
    assert [event["at"] for event in found["events"]] == ["2030-01-02T03:04:05+00:00"]
    assert [file["name"] for file in found["files"]] == ["a.txt"]
    assert {"notes": 1, "events": 1, "files": 1, "external_ids": 2}.items() <= merged.moved.items()
    assert ("city", None, "Reno") in [change[1:] for change in history(gateway, keep)]


def test_every_value_that_came_or_gave_way_is_in_the_history(gateway: Gateway) -> None:
    keep = add(gateway, phone="1", govt_id="123-45-6789", tags="a")
    other = add(gateway, phone="2", city="Reno", govt_id="987-65-4321", tags="b")
    merge(gateway.system, keep, [other])
    assert history(gateway, keep) == [
        (f"merge of lead {other}", "city", None, "Reno"),
        (f"merge of lead {other}", "govt_id", "*******4321", "*******6789"),
        (f"merge of lead {other}", "phone", "2", "1"),
        (f"merge of lead {other}", "tags", ["a"], ["a", "b"]),
    ]


def test_name_in_two_parts_is_not_given_a_full_name_that_says_another(gateway: Gateway) -> None:
    keep = add(gateway, first_name="Ann", last_name="Lee")
    other = add(gateway, full_name="Anna Leigh")
    merge(gateway.system, keep, [other])
    assert lead(gateway, keep)["full_name"] == "Ann Lee"
    nameless = add(gateway, phone="5")
    another = add(gateway, full_name="Anna Leigh")
    merge(gateway.system, nameless, [another])
    assert lead(gateway, nameless)["last_name"] == "Leigh"


def test_merged_ids_go_on_working(gateway: Gateway) -> None:
    first = add(gateway, external_id="A", full_name="Ann Lee", phone="555-010-0001")
    second = add(gateway, external_id="B", full_name="Ann Lee", phone="555-010-0002")
    third = add(gateway, external_id="C", full_name="Ann Lee", phone="555-010-0003")
    merge(gateway.system, second, [first])
    merge(gateway.system, third, [second])
    assert {row["lead_id"]: row["survivor_id"] for row in rows(gateway, LeadMerge)} == {
        first: third,
        second: third,
    }
    for known in ({"lead_id": first}, {"lead_id": second}, {"external_id": "A"}):
        answer = gateway.send(mode="update", city="Reno", **known)
        assert (answer.status, answer.lead_id) == (0, third)
    answer = gateway.send(match_update=1, full_name="Ann Lee", phone="555-010-0003")
    assert answer.lead_id == third


@pytest.mark.parametrize(
    ("keep", "others", "why"),
    [
        (1001, [1001], "Lead 1001 cannot be merged with itself."),
        (1001, [1002, 1001], "Lead 1001 cannot be merged with itself."),
        (1001, [1002, 1002], "A lead is named twice."),
        (1001, [1002, 1999], "There is no lead 1999."),
        (1999, [1002], "There is no lead 1999."),
        (1001, [1003], "Lead 1003 was merged into lead 1002 already."),
        (1003, [1001], "Lead 1003 was merged into lead 1002 already."),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_what_cannot_be_merged_says_why_and_changes_nothing(
    gateway: Gateway, keep: int, others: list[int], why: str, dry_run: bool
) -> None:
    for number in range(3):
        add(gateway, phone=f"555-010-000{number}", tags="a", note="b")
    merge(gateway.system, 1002, [1003])
    unchanged = everything(gateway)
    with pytest.raises(CannotMerge) as refusal:
        merge(gateway.system, keep, others, dry_run=dry_run)
    assert str(refusal.value) == why
    assert everything(gateway) == unchanged


def test_dry_run_tells_the_same_and_changes_nothing(gateway: Gateway) -> None:
    keep = add(gateway, phone="1", tags="a", note="x")
    other = add(gateway, phone="2", city="Reno", tags="b", note="y", external_id="B")
    unchanged = everything(gateway)
    tried = merge(gateway.system, keep, [other], dry_run=True)
    assert everything(gateway) == unchanged
    assert merge(gateway.system, keep, [other]) == tried


def test_merge_that_fails_on_the_way_changes_nothing(gateway: Gateway) -> None:
    keep, other = add(gateway, phone="1"), add(gateway, city="Reno", note="y", tags="b")
    unchanged = everything(gateway)

    def fail(*arguments: Any) -> None:
        if arguments[2].startswith("INSERT INTO lead_merge"):
            raise OSError("the machine is gone")

    event.listen(gateway.system.engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(OSError, match="machine is gone"):
            merge(gateway.system, keep, [other])
    finally:
        event.remove(gateway.system.engine, "before_cursor_execute", fail)
    assert everything(gateway) == unchanged
