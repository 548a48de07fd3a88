"""What makes a schema, and how names, modes and empty values are read."""

from collections.abc import Mapping, Sequence

import pytest
from marshmallow import fields

from config import settings
from gateway.contract import RESERVED, CustomField, FormValue, Upload
from gateway.schema import DOCUMENTED, build, parse
from tests.schema.forms import CUSTOM, SCHEMA, SETTINGS, changes, codes, sent

# --- the schema -------------------------------------------------------------------------------


def test_schema_lists_documented_then_ours_then_custom() -> None:
    names = list(SCHEMA.fields)
    assert len(SCHEMA.documented) == 44
    assert set(names[:44]) == SCHEMA.documented
    siblings = ["tag_append", "admin_notes_append", "admin_notes_send", "admin_notes_set"]
    assert names[44:48] == siblings
    assert names[48:] == [field.name for field in CUSTOM]
    assert SCHEMA.custom == set(names[48:])
    assert SCHEMA.aliases == {"ownerid": "ownerID", "colour": "color"}
    assert SCHEMA.flags == {
        "match_update",
        "match_name_and_address",
        "match_name_and_phone",
        "match_vin",
    }
    assert {*names[:48], "ownerid"} == DOCUMENTED


@pytest.mark.parametrize("name", sorted(SCHEMA.documented - {"upload_file_contents", "lead_id"}))
def test_field_takes_its_own_example_on_insert(name: str) -> None:
    field = SCHEMA.fields[name]
    assert field.label
    assert field.help
    upload = Upload("upload_file_contents", "", b"x")
    uploads = (upload,) if name == "upload_file_name" else ()
    parsed = parse({"mode": "insert", name: field.example}, SCHEMA, uploads=uploads)
    assert parsed.rejected == ()


def test_only_the_government_id_is_sensitive() -> None:
    assert [field.name for field in SCHEMA.fields.values() if field.sensitive] == ["govt_id"]


@pytest.mark.parametrize(
    ("custom", "flags"),
    [
        ([CustomField("phone", fields.String())], []),
        ([CustomField("ownerid", fields.String())], []),
        ([CustomField("tag_append", fields.String())], []),
        ([CustomField("vin", fields.String()), CustomField("vin", fields.Integer())], []),
        ([CustomField("vin", fields.String(), aliases=("zip",))], []),
        ([CustomField("vin", fields.String(), aliases=("vin",))], []),
        ([CustomField("match_vin", fields.String())], ["match_vin"]),
        ([CustomField(sorted(RESERVED)[0], fields.String())], []),
        ([CustomField("Meta", fields.String())], []),
        ([], ["match_update"]),
        ([], ["email"]),
    ],
)
def test_name_that_is_taken_stops_the_start(
    custom: Sequence[CustomField], flags: Sequence[str]
) -> None:
    with pytest.raises(ValueError, match="is taken"):
        build(custom, flags, SETTINGS)


def test_the_documented_rules_may_be_among_the_flags() -> None:
    schema = build([], ["match_name_and_phone", "match_name_and_address"], SETTINGS)
    assert schema.flags == SCHEMA.flags - {"match_vin"}


def test_one_custom_field_serves_two_systems() -> None:
    field = CustomField("seen", fields.List(fields.Date()))
    one, other = build([field], [], SETTINGS), build([field], [], settings())
    for schema in (one, other):
        assert parse({"mode": "insert", "seen": "2020-01-02"}, schema).rejected == ()


# --- names and spellings ----------------------------------------------------------------------


def test_name_in_another_case_is_unknown_but_for_the_family_one() -> None:
    parsed = sent(Phone="1", ownerid="7", OWNERID="8", zz="x", **{"": "y"})
    assert parsed.changes == {"ownerID": "7"}
    assert parsed.unknown == ("", "OWNERID", "Phone", "zz")


def test_unknown_name_is_storable() -> None:
    assert sent(**{"a\x00\ud83d": "1"}).unknown == ("a\\ud83d",)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (("No", "Yes"), True),
        (("Yes", "No"), False),
        ({"0": "Yes"}, True),
        ({"0": "", "1": "Yes"}, True),
        ({"0": ("No", "Yes")}, True),
    ],
)
def test_the_last_one_of_a_repeated_name_counts(value: FormValue, kept: bool) -> None:
    assert changes(ok_to_text=value) == {"ok_to_text": kept}


def test_several_values_of_free_text_are_joined() -> None:
    assert changes(company={"0": " a ", "1": "", "x": "b"}) == {"company": "a, b"}
    assert changes(phone={"0": "503", "1": "504"}) == {"phone": "503, 504"}
    assert changes(remark={"0": "a", "1": "b"}) == {"remark": "a, b"}


@pytest.mark.parametrize("name", ["ip", "external_id", "ownerID", "pool", "lat", "match_update"])
def test_several_values_of_one_thing_are_refused(name: str) -> None:
    parsed = sent(**{name: {"0": "1", "1": "0"}})
    assert codes(parsed) == [(name, "invalid")]
    assert parsed.rejected[0].problem.message == f"{name}: takes one value, not several"
    assert parsed.rejected[0].sent == '{"0": "1", "1": "0"}'


@pytest.mark.parametrize("name", ["company", "tags", "sizes", "mode"])
def test_list_within_a_list_is_refused(name: str) -> None:
    parsed = parse({"mode": "insert"} | {name: {"0": {"0": "insert"}}}, SCHEMA)
    assert codes(parsed) == [(name, "invalid")]


@pytest.mark.parametrize(
    "value",
    ["a,b", ("a", "b"), {"0": "a", "1": "b"}, {"0": "a, b,"}, {"x": "a", "y": ("z", "b")}],
)
def test_tags_in_every_spelling(value: FormValue) -> None:
    assert changes(tags=value) == {"tags": ["a", "b"]}


def test_plus_is_given_back_where_it_means_something() -> None:
    form = {"mode": "insert", "phone": " 1 503", "cell": "+1", "fax": " ", "company": " 1"}
    form["gmt_offset"] = " 0530"
    plus = frozenset(form)
    assert parse(form, SCHEMA, leading_plus=plus).changes == {
        "phone": "+1 503",
        "cell": "+1",
        "company": "1",
        "gmt_offset": "+0530",
    }


def test_values_are_cleaned_before_they_are_counted() -> None:
    decomposed = "e\u0301" * 255
    assert changes(company=f" {decomposed}\x00\n") == {"company": "\u00e9" * 255}
    assert codes(sent(company="x" * 256)) == [("company", "too_long")]


def test_lines_are_kept_in_long_texts_only() -> None:
    form = dict.fromkeys(("note", "admin_notes", "admin_notes_append", "memo"), "a\r\n\tb")
    assert changes(**form) == form
    assert changes(address="a\r\n\tb", remark="a\nb") == {"address": "ab", "remark": "ab"}


# --- the mode and empty values ----------------------------------------------------------------


@pytest.mark.parametrize("form", [{}, {"mode": ""}, {"mode": " \x00"}])
def test_mode_is_required_and_the_rest_is_read(form: Mapping[str, str]) -> None:
    parsed = parse({**form, "ip": "x", "company": "a", "city": ""}, SCHEMA)
    assert parsed.mode == ""
    assert codes(parsed) == [("mode", "required"), ("ip", "invalid")]
    assert [each.keepable for each in parsed.rejected] == [False, True]
    assert parsed.changes == {"company": "a"}


def test_bad_mode_is_refused() -> None:
    parsed = sent(mode="delete")
    assert codes(parsed) == [("mode", "invalid")]
    assert not parsed.rejected[0].keepable
    assert sent(mode=" Update ").mode == "update"


EVERYTHING_EMPTY = {name: "" for name in [*SCHEMA.fields, "match_vin"] if name != "mode"}


def test_empty_values_of_an_insert_are_not_sent() -> None:
    parsed = sent(**EVERYTHING_EMPTY)
    assert (parsed.changes, parsed.flags, parsed.rejected) == ({}, frozenset(), ())


def test_empty_values_of_an_update_clear_but_for_some() -> None:
    cleared = changes(mode="update", **EVERYTHING_EMPTY)
    assert set(cleared.values()) == {None}
    not_cleared = set(
        """
        mode lead_id external_id ok_to_text ownerID note notes tag_append admin_notes_append
        admin_notes_send admin_notes_set upload_file_name upload_file_contents
    """.split()
    )
    assert SCHEMA.fields.keys() - cleared.keys() == not_cleared | (
        SCHEMA.flags & SCHEMA.fields.keys()
    )
    assert set(cleared) >= SCHEMA.custom


def test_login_may_ignore_empty_values() -> None:
    form = {"mode": "update", **EVERYTHING_EMPTY}
    assert parse(form, SCHEMA, ignore_empty=True).changes == {}


@pytest.mark.parametrize("value", [",", " , ,", (), {}, ("", ""), {"0": ""}, "\x00"], ids=repr)
def test_value_that_holds_no_tag_is_empty(value: FormValue) -> None:
    assert changes(tags=value) == {}
    assert changes(mode="update", tags=value) == {"tags": None}
    assert changes(mode="update", tag_append=value) == {}


def test_empty_custom_values() -> None:
    assert changes(mode="update", sizes={"0": ""}, maybe="") == {"sizes": None, "maybe": None}
    assert changes(notes="[]", note="\n") == {}


@pytest.mark.parametrize("value", ["0", "", "000"])
@pytest.mark.parametrize("mode", ["insert", "update"])
def test_lead_id_of_nothing_is_not_sent(mode: str, value: str) -> None:
    assert changes(mode=mode, lead_id=value) == {}


def test_lead_id_is_for_updates() -> None:
    assert changes(mode="update", lead_id="1001") == {"lead_id": 1001}
    parsed = sent(lead_id="1001")
    assert codes(parsed) == [("lead_id", "invalid")]
    assert parsed.rejected[0].problem.message == "lead_id: only with mode=update"
    assert not parsed.rejected[0].keepable
    assert parsed.changes == {}
