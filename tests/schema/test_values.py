"""Whole forms become typed values; bad ones are told and kept aside."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.formats import Note
from gateway.schema import parse
from tests.schema.forms import SCHEMA, changes, codes, sent

# --- names of people --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "form", "names"),
    [
        ("insert", {"full_name": "Ana María de la Vega"}, ("Ana María", "de la Vega")),
        ("insert", {"full_name": "Ann Lee", "last_name": "Li"}, ("Ann", "Li")),
        ("insert", {"full_name": "Ann Lee", "last_name": ""}, ("Ann", "Lee")),
        ("insert", {"first_name": "Jo", "full_name": "Ann Lee"}, ("Jo", "Lee")),
        ("insert", {"full_name": "Madonna"}, ("Madonna", ...)),
        ("insert", {"full_name": ","}, (..., ...)),
        ("update", {"full_name": "Ann Lee"}, ("Ann", "Lee")),
        ("update", {"full_name": "Ann Lee", "first_name": ""}, (None, "Lee")),
        ("update", {"full_name": "Madonna"}, ("Madonna", None)),
        ("update", {"full_name": "Madonna", "last_name": "C"}, ("Madonna", "C")),
        ("update", {"full_name": ""}, (None, None)),
        ("update", {"full_name": "", "first_name": "Ann"}, ("Ann", None)),
        ("update", {"first_name": "Ann"}, ("Ann", ...)),
        ("delete", {"full_name": "Madonna"}, ("Madonna", ...)),
    ],
)
def test_parts_of_a_full_name(mode: str, form: Mapping[str, str], names: tuple[Any, Any]) -> None:
    parsed = parse({"mode": mode, **form}, SCHEMA)
    assert (
        parsed.changes.get("first_name", ...),
        parsed.changes.get("last_name", ...),
    ) == names
    if "full_name" in form:
        assert parsed.changes["full_name"] == (form["full_name"] or None)


def test_derived_part_that_is_too_long_is_cut() -> None:
    full_name = f"{'Ann ' * 30}{'x' * 120}"
    parsed = changes(full_name=full_name)
    assert parsed["full_name"] == full_name
    assert parsed["last_name"] == "x" * 100
    assert parsed["first_name"] == ("Ann " * 25).rstrip()


def test_bad_first_name_leaves_that_of_the_full_name() -> None:
    parsed = sent(full_name="Ann Lee", first_name="x" * 101)
    assert codes(parsed) == [("first_name", "too_long")]
    assert parsed.changes == {"full_name": "Ann Lee", "first_name": "Ann", "last_name": "Lee"}


# --- the other fields, as whole forms ---------------------------------------------------------


def test_typed_values() -> None:
    assert changes(
        zip="02134",
        lat="45,5231",
        ok_to_text="y",
        ip="::FFFF, 1.2.3.4",
        followup_date="1/6/2030 7:00",
        status="0",
        custom_status="0",
        gmt_offset="-1000",
        govt_id="123-45-6789",
        birth_date="2-29",
        note=" one ",
        notes={"0": {"Status": "Message", "Notes": "two"}},
        tag_append="x,y",
        ownerID="0",
        pool="Main",
        external_id="A\u0301",
    ) == {
        "zip": "02134",
        "lat": 45.5231,
        "ok_to_text": True,
        "ip": "::ffff",
        "followup_date": datetime(2030, 1, 6, 12, tzinfo=UTC),
        "status": 0,
        "custom_status": 0,
        "gmt_offset": "-1000",
        "govt_id": "123-45-6789",
        "birth_date": "02-29",
        "note": "one",
        "notes": [Note("Message", "two")],
        "tag_append": ["x", "y"],
        "ownerID": "0",
        "pool": "Main",
        "external_id": "\u00c1",
    }


LENGTHS = {
    **dict.fromkeys(("full_name", "company", "address", "address_2"), 255),
    **dict.fromkeys(("first_name", "last_name", "city", "state", "country", "skype"), 100),
    **dict.fromkeys(("ownerID", "pool", "custom_status"), 100),
    **dict.fromkeys(("phone", "cell", "fax", "besttime", "priority", "govt_id"), 50),
    **dict.fromkeys(("external_id", "source", "sub_id", "sub_id2"), 191),
    **dict.fromkeys(("note", "admin_notes", "admin_notes_append", "remark", "memo"), 1_000_000),
    "zip": 20,
}


@pytest.mark.parametrize(("name", "longest"), LENGTHS.items())
def test_text_is_as_long_as_the_store_holds(name: str, longest: int) -> None:
    assert changes(**{name: "é" * longest})[name] == "é" * longest
    (rejected,) = sent(**{name: "é" * (longest + 1)}).rejected
    assert rejected.problem.code == "too_long"
    assert rejected.problem.message == (
        f"{name}: longer than {longest} characters (this one has {longest + 1})"
    )
    assert rejected.sent == "é" * (longest + 1)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ({"admin_notes": "a", "admin_notes_set": "b", "admin_notes_send": "c"}, "c"),
        ({"admin_notes_send": "c", "admin_notes": "a"}, "a"),
        ({"admin_notes_set": "b"}, "b"),
        ({"admin_notes": "a", "admin_notes_set": ""}, "a"),
    ],
)
def test_the_last_way_to_replace_admin_notes_wins(form: Mapping[str, str], value: str) -> None:
    assert changes(**form) == {"admin_notes": value}


def test_flags_that_are_on() -> None:
    parsed = sent(
        match_update="1", match_vin="on", match_name_and_phone="0", match_name_and_address=""
    )
    assert parsed.flags == {"match_update", "match_vin"}
    assert parsed.changes == {}


@pytest.mark.parametrize("name", ["match_update", "match_vin"])
def test_flag_that_is_neither_is_refused(name: str) -> None:
    (rejected,) = sent(**{name: "maybe"}).rejected
    assert rejected.problem.message == f"{name}: neither on nor off (1 or 0)"
    assert not rejected.keepable


# --- rejected values --------------------------------------------------------------------------


BAD = {
    "lead_id": "x",
    "external_id": "x" * 192,
    "full_name": "x" * 256,
    "lat": "north",
    "ok_to_text": "perhaps",
    "ip": "x",
    "followup_date": "soon",
    "status": "new",
    "custom_status": "x" * 101,
    "gmt_offset": "x",
    "email": "x",
    "birth_date": "x",
    "notes": "x",
    "tags": "x" * 101,
    "ownerID": "x" * 101,
    "pool": "x" * 101,
    "upload_file_name": "..",
    "match_update": "x",
    "tag_append": "x" * 101,
    "color": "green",
    "rooms": "many",
    "match_vin": "x",
}


NEVER_KEPT = {
    "lead_id",
    "external_id",
    "custom_status",
    "notes",
    "upload_file_name",
    "match_update",
    "match_vin",
}


def test_all_bad_values_are_named_at_once_in_page_order() -> None:
    backwards = dict(reversed(BAD.items()))
    parsed = sent(**backwards)
    found = [each.problem.field for each in parsed.rejected]
    order = [*SCHEMA.fields, "match_vin"]
    assert found == sorted(BAD, key=order.index)
    assert {each.problem.field for each in parsed.rejected if not each.keepable} == NEVER_KEPT
    assert [each.sent for each in parsed.rejected] == [BAD[name] for name in found]
    assert parsed.changes == {}


def test_messages_never_repeat_the_value() -> None:
    secret = "s3cret" * 50
    for name in SCHEMA.fields:
        for rejected in sent(**{name: secret}).rejected:
            assert "s3cret" not in rejected.problem.message


@pytest.mark.parametrize("name", ["company", "govt_id", "tags", "remark", "email", "note", "color"])
def test_half_a_character_is_refused_and_can_be_stored_aside(name: str) -> None:
    (rejected,) = sent(**{name: "a\ud83d\x00b"}).rejected
    assert rejected.problem.code == "invalid"
    assert "lone surrogate" in rejected.problem.message
    assert rejected.sent == "a\\ud83db"
    assert rejected.keepable


def test_half_a_character_in_notes_may_be_kept_aside() -> None:
    (rejected,) = sent(notes='[{"Notes":"\\ud83d"}]').rejected
    assert rejected.keepable
    (broken,) = sent(notes="[\ud83d").rejected
    assert not broken.keepable
    assert broken.sent == "[\\ud83d"


def test_rejected_arrays_are_kept_as_json_and_repeats_as_the_last() -> None:
    assert sent(ip=("1.2.3.4", "é")).rejected[0].sent == "é"
    assert sent(tags=("a", "é" * 101)).rejected[0].sent == json.dumps(
        ["a", "é" * 101], ensure_ascii=False
    )
