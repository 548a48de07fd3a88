"""Step 5, the pure half: what a post makes of a lead, without a database."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import fields

import config
from gateway.contract import CustomField, Parsed, Rejected
from gateway.errors import problem
from gateway.formats import Note
from gateway.models import LONG_TEXT
from gateway.schema import build
from gateway.store.planning import NOT_STORED, Plan, Stored, plan

SCHEMA = build(
    [CustomField("age", fields.Integer()), CustomField("day", fields.Date())],
    (),
    config.settings(),
)
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DUE = datetime(2030, 1, 1, tzinfo=UTC)


def planned(changes: dict[str, Any], stored: Stored | None = None, **options: Any) -> Plan:
    parsed = Parsed(mode="update" if stored else "insert", changes=changes)
    return plan(parsed, stored, SCHEMA, now=NOW, zone=ZoneInfo("America/New_York"), **options)


def test_new_lead_gets_what_was_sent_by_column() -> None:
    made = planned({"company": "Acme", "ownerID": 7, "pool": 3, "custom_status": 2})
    assert made.values == {"company": "Acme", "owner_id": 7, "pool_id": 3, "custom_status_id": 2}
    assert made.changed == ("company", "ownerID", "pool", "custom_status")


def test_same_values_again_change_nothing() -> None:
    row = {"company": "Acme", "followup_date": DUE, "custom": {"age": 5}}
    made = planned(
        {"company": "Acme", "followup_date": DUE, "age": 5, "tags": ["a"]},
        Stored(row=row, tags=["a"]),
    )
    assert made == Plan(values={}, changed=(), same=("age", "company", "followup_date", "tags"))


def test_follow_up_is_made_when_the_date_changes_and_not_when_it_is_cleared() -> None:
    stored = Stored(row={"followup_date": DUE})
    later = DUE.replace(year=2031)
    assert planned({"followup_date": DUE}).followup_at == DUE
    assert planned({"followup_date": later}, stored).followup_at == later
    cleared = planned({"followup_date": None}, stored)
    assert cleared.values == {"followup_date": None}
    assert cleared.followup_at is None


def test_custom_values_are_merged_and_stored_as_json_takes_them() -> None:
    stored = Stored(row={"custom": {"age": 5, "left_by_a_plugin_that_is_gone": 1}})
    made = planned({"age": None, "day": datetime(2020, 2, 29).date()}, stored)
    assert made.values["custom"] == {"left_by_a_plugin_that_is_gone": 1, "day": "2020-02-29"}
    assert made.changed == ("age", "day")


def test_last_custom_value_that_is_cleared_leaves_none() -> None:
    assert planned({"age": None}, Stored(row={"custom": {"age": 5}})).values == {"custom": None}


def test_tags_replace_and_appended_ones_come_after() -> None:
    stored = Stored(tags=["one", "Two"])
    assert planned({"tags": ["x"]}, stored).tags == ("x",)
    assert planned({"tags": None}, stored).tags == ()
    assert planned({"tag_append": ["TWO", "three"]}, stored).tags == ("one", "Two", "three")
    assert planned({"tags": ["x"], "tag_append": ["X", "y"]}, stored).tags == ("x", "y")
    assert planned({"tag_append": ["two"]}, stored).tags is None
    assert planned({"company": "x"}, stored).tags is None


def test_admin_notes_are_appended_last_and_with_a_date_of_the_systems_zone() -> None:
    line = "[2026-03-04 00:06:07] called"
    append = {"admin_notes_append": "called"}
    assert planned(append).values == {"admin_notes": line}
    stored = Stored(row={"admin_notes": "old"})
    assert planned(append, stored).values == {"admin_notes": f"old\n{line}"}
    both = planned({"admin_notes": "new", **append}, stored)
    assert both.values == {"admin_notes": f"new\n{line}"}


def test_note_comes_before_notes_and_values_kept_aside_after_both() -> None:
    kept = Rejected(problem("lat", "invalid", "not a number"), "north")
    made = planned({"note": "a", "notes": [Note("Email", "b")]}, kept=[kept])
    assert made.notes == (
        Note("Note", "a"),
        Note("Email", "b"),
        Note(NOT_STORED, "lat: not a number. Sent: north"),
    )


def test_sensitive_value_that_is_kept_aside_is_masked() -> None:
    kept = Rejected(problem("govt_id", "too_long", "long"), "123456789" * 9)
    (note,) = planned({}, kept=[kept]).notes
    assert note.text == f"govt_id: long. Sent: {'*' * 77}6789"


def test_value_that_is_too_long_for_one_note_is_kept_in_several() -> None:
    sent = "x" * (2 * LONG_TEXT)
    notes = planned({}, kept=[Rejected(problem("company", "too_long", "long"), sent)]).notes
    assert [len(note.text) for note in notes][:2] == [LONG_TEXT, LONG_TEXT]
    assert "".join(note.text for note in notes).endswith(sent)


def test_shown_external_id_is_the_first_one_unless_an_update_by_lead_id_says_otherwise() -> None:
    stored = Stored(row={"external_id": "old"})
    by_match = planned({"external_id": "new"}, stored, new_external_id=True)
    assert (by_match.values, by_match.new_external_id) == ({}, "new")
    by_id = planned({"external_id": "new", "lead_id": 1001}, stored, new_external_id=True)
    assert by_id.values == {"external_id": "new"}
    again = planned({"external_id": "old", "lead_id": 1001}, stored)
    assert again.new_external_id is None
