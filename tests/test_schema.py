"""A form becomes typed changes: what is sent how, what an empty value does, what is kept aside."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf

from config import settings
from gateway.contract import RESERVED, CustomField, FormValue, Parsed, Upload
from gateway.errors import CODES, FieldFault
from gateway.formats import Note
from gateway.normal import has_lone_surrogate
from gateway.schema import DOCUMENTED, build, parse
from plugins import example

SETTINGS = settings(GATEWAY_TIMEZONE="America/New_York")


class Memo(fields.String):
    """A plugin's long text."""

    multiline = True


CUSTOM = [
    CustomField("color", fields.String(validate=OneOf(["red", "blue"])), aliases=("colour",)),
    CustomField("remark", fields.String()),
    CustomField("memo", Memo()),
    CustomField("rooms", fields.Integer()),
    CustomField("sizes", fields.List(fields.Integer())),
    CustomField("price", fields.Decimal()),
    CustomField("seen", fields.Date()),
    CustomField("ratio", fields.Float(allow_nan=True)),
    CustomField("maybe", fields.Integer(allow_none=True, pre_load=lambda text: text.strip("-"))),
]
SCHEMA = build(CUSTOM, ["match_vin"], SETTINGS)


def sent(*, mode: str = "insert", **form: FormValue) -> Parsed:
    return parse({"mode": mode, **form}, SCHEMA)


def changes(*, mode: str = "insert", **form: FormValue) -> Mapping[str, Any]:
    """Return the changes of a form in which nothing is wrong."""
    parsed = sent(mode=mode, **form)
    assert [each.problem.message for each in parsed.rejected] == []
    return parsed.changes


def codes(parsed: Parsed) -> list[tuple[str, str]]:
    return [(each.problem.field, each.problem.code) for each in parsed.rejected]


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


# --- the other fields, as whole forms ----------------------------------------------------------


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


# --- uploads ----------------------------------------------------------------------------------


def uploaded(*uploads: Upload, name: FormValue | None = None) -> Parsed:
    form: dict[str, FormValue] = {"mode": "insert"}
    if name is not None:
        form["upload_file_name"] = name
    return parse(form, SCHEMA, uploads=uploads)


def contents(content: bytes = b"\x00\xff", name: str = "") -> Upload:
    return Upload("upload_file_contents", name, content, "application/pdf")


@pytest.mark.parametrize(
    ("uploads", "name", "stored"),
    [
        ([contents()], "a.pdf", "a.pdf"),
        ([contents()], r"C:\x\a.pdf", "a.pdf"),
        ([contents(name="b.pdf")], None, "b.pdf"),
        ([contents(name="C:\\x/b.pdf")], "", "b.pdf"),
        ([contents(name="b.pdf")], "a.pdf", "a.pdf"),
        ([contents(b"first"), contents()], "a.pdf", "a.pdf"),
        ([contents(name=f"{'x' * 300}.pdf")], None, f"{'x' * 251}.pdf"),
        ([contents(), contents(b"")], "a.pdf", "a.pdf"),
    ],
)
def test_upload_and_its_name(uploads: Sequence[Upload], name: str | None, stored: str) -> None:
    parsed = uploaded(*uploads, name=name)
    assert parsed.rejected == ()
    assert parsed.changes == {}
    assert parsed.uploads == (contents(name=stored),)


def test_file_without_bytes_is_a_file_where_it_has_a_name() -> None:
    assert uploaded(contents(b"", "empty.txt")).uploads == (contents(b"", "empty.txt"),)
    assert uploaded(contents(b"")) == uploaded()


@pytest.mark.parametrize(
    ("uploads", "name", "missing"),
    [
        ([], "a.pdf", "upload_file_contents"),
        ([contents(b"")], "a.pdf", "upload_file_contents"),
        ([Upload("photo", "p.png", b"x")], "a.pdf", "upload_file_contents"),
        ([contents()], None, "upload_file_name"),
        ([contents()], "", "upload_file_name"),
        ([contents(name="..")], None, "upload_file_name"),
    ],
)
def test_half_an_upload_is_refused(
    uploads: Sequence[Upload], name: str | None, missing: str
) -> None:
    parsed = uploaded(*uploads, name=name)
    assert codes(parsed) == [(missing, "incomplete_upload")]
    assert not parsed.rejected[0].keepable
    assert all(upload.field != "upload_file_contents" for upload in parsed.uploads)


@pytest.mark.parametrize("name", ["..", "a/", "n" * 256, "\ud83d"])
def test_bad_file_name_is_refused_once(name: str) -> None:
    for uploads in ([], [contents()], [contents(name="b.pdf")]):
        parsed = uploaded(*uploads, name=name)
        assert [each.problem.field for each in parsed.rejected] == ["upload_file_name"]
        assert parsed.uploads == ()


@pytest.mark.parametrize(
    ("field", "name", "stored"),
    [
        ("photo", "p.png", "p.png"),
        ("photo", "/tmp/p.png", "p.png"),
        ("photo", "", "photo"),
        ("photo", "..", "photo"),
        ("..", ".", "file"),
        ("", "", "file"),
        ("photo", f"{'x' * 300}.png", f"{'x' * 251}.png"),
        ("photo", "a\ud83d\x00.png", "a\\ud83d.png"),
        ("company", "p.png", "p.png"),
    ],
)
def test_other_file_is_stored_under_its_own_name(field: str, name: str, stored: str) -> None:
    parsed = uploaded(Upload(field, name, b"x"))
    assert [upload.name for upload in parsed.uploads] == [stored]
    assert (parsed.rejected, parsed.unknown) == ((), ())


def test_all_files_of_a_post_are_stored() -> None:
    photo = Upload("photo", "p.png", b"x")
    parsed = uploaded(photo, contents(), photo, Upload("photo", "", b""), name="a.pdf")
    assert parsed.uploads == (contents(name="a.pdf"), photo, photo)


def test_contents_are_no_value_of_the_form() -> None:
    parsed = sent(upload_file_contents={"0": "a"})
    assert codes(parsed) == [("upload_file_contents", "invalid")]
    assert not parsed.rejected[0].keepable


# --- custom fields ----------------------------------------------------------------------------


def test_custom_values_are_typed_and_can_be_stored_as_json() -> None:
    parsed = changes(
        colour="red",
        rooms="3",
        sizes={"0": "1", "1": "2"},
        price="1.50",
        seen="2020-01-02",
        ratio="inf",
        company="Acme",
    )
    assert parsed["price"] == Decimal("1.50")
    dumped = SCHEMA.dump_custom({**parsed, "memo": None})
    assert json.loads(json.dumps(dumped, allow_nan=False)) == {
        "color": "red",
        "rooms": 3,
        "sizes": [1, 2],
        "price": "1.50",
        "seen": "2020-01-02",
        "ratio": "inf",
        "memo": None,
    }


def test_containers_of_a_plugin_can_be_stored_as_json() -> None:
    class Odd(fields.Raw):
        def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
            return {"parts": {value}, 1: (0.5, None)}

    schema = build([CustomField("odd", Odd())], [], SETTINGS)
    assert schema.dump_custom({"odd": "x"}) == {"odd": {"parts": ["x"], "1": [0.5, None]}}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rooms", "many", "rooms: not a valid integer"),
        ("sizes", ("1", "x"), "sizes: entry 2: not a valid integer"),
        ("color", "green", "color: must be one of: red, blue"),
    ],
)
def test_refusal_of_a_plain_field_reads_like_ours(
    name: str, value: FormValue, message: str
) -> None:
    (rejected,) = sent(**{name: value}).rejected
    assert rejected.problem.message == message
    assert rejected.problem.code == "invalid"
    assert rejected.keepable


def test_all_that_a_plugin_says_is_said_in_one_line() -> None:
    def complain(value: str) -> None:
        raise ValidationError({"x": ["VIN is\nwrong.", "Bad \ud83d."], "y": "No"})

    field = CustomField("vin", fields.String(validate=[complain, Length(max=1)]))
    schema = build([field], [], SETTINGS)
    (rejected,) = parse({"mode": "insert", "vin": "ab"}, schema).rejected
    assert not has_lone_surrogate(rejected.problem.message)
    assert rejected.problem.message.startswith("vin: ")
    assert "VIN is wrong" in rejected.problem.message
    assert "longer than maximum length 1" in rejected.problem.message


def test_fault_of_a_plugin_is_no_refusal() -> None:
    def fail(value: str) -> None:
        raise ZeroDivisionError

    schema = build([CustomField("vin", fields.String(validate=fail))], [], SETTINGS)
    with pytest.raises(FieldFault, match="field vin: reading its value failed") as raised:
        parse({"mode": "insert", "vin": "x"}, schema)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


EXAMPLE = build(example.gateway_custom_fields(SETTINGS), [], SETTINGS)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("vin", "1HGCM82633A004352", "1HGCM82633A004352"),
        ("trade_in_year", "2015", 2015),
        ("interests", ("lease", "service"), ["lease", "service"]),
    ],
)
def test_example_plugin_takes(name: str, value: FormValue, kept: Any) -> None:
    parsed = parse({"mode": "insert", name: value}, EXAMPLE)
    assert (parsed.changes, parsed.rejected) == ({name: kept}, ())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "vin",
            "1HG-CM8",
            "vin: not a vehicle identification number (4 to 17 letters and digits)",
        ),
        ("trade_in_year", "1899", "trade_in_year: earlier than 1900"),
        (
            "trade_in_year",
            "3000",
            f"trade_in_year: later than the newest model year, {datetime.now(UTC).year + 1}",
        ),
        (
            "interests",
            "sell",
            "interests: entry 1: not one of: buy, lease, service, test drive",
        ),
    ],
)
def test_example_plugin_refuses(name: str, value: FormValue, message: str) -> None:
    (rejected,) = parse({"mode": "insert", name: value}, EXAMPLE).rejected
    assert rejected.problem.message == message


# --- laws -------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec=None, exclude_categories=()))
VALUE: st.SearchStrategy[FormValue] = st.recursive(
    TEXT | st.lists(TEXT, min_size=1).map(tuple),
    lambda inner: st.dictionaries(TEXT | st.sampled_from(["0", "Status", "Notes"]), inner),
    max_leaves=5,
)
NAME = st.sampled_from([*SCHEMA.readers, "zz"])
MODE = st.sampled_from(["insert", "update"])
FORM = st.dictionaries(NAME, VALUE)
UPLOAD = st.builds(
    Upload, st.sampled_from(["upload_file_contents", "photo", "\ud83d"]), TEXT, st.binary()
)


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for inner in value for text in texts(inner)] if isinstance(value, list) else []


@given(MODE, FORM, st.lists(UPLOAD), st.sets(NAME), st.booleans())
def test_any_form_is_read(
    mode: str, form: Any, uploads: Any, leading_plus: Any, ignore_empty: bool
) -> None:
    parsed = parse(
        {"mode": mode, **form},
        SCHEMA,
        uploads=uploads,
        leading_plus=leading_plus,
        ignore_empty=ignore_empty,
    )
    assert parsed.changes.keys() <= SCHEMA.fields.keys() - SCHEMA.flags
    assert parsed.flags <= SCHEMA.flags
    storable = [
        *(text for value in parsed.changes.values() for text in texts(value)),
        *(rejected.sent for rejected in parsed.rejected),
        *(rejected.problem.message for rejected in parsed.rejected),
        *(upload.name for upload in parsed.uploads),
        *parsed.unknown,
    ]
    assert [text for text in storable if "\x00" in text or has_lone_surrogate(text)] == []
    assert {rejected.problem.code for rejected in parsed.rejected} <= CODES.keys()
    assert all(0 < len(upload.name) <= 255 for upload in parsed.uploads)
    json.dumps(SCHEMA.dump_custom(parsed.changes), allow_nan=False)


@given(MODE, st.dictionaries(NAME, TEXT))
def test_order_of_names_does_not_matter(mode: str, form: dict[str, str]) -> None:
    # Names that are two ways to send one field are the exception: there the last one wins.
    for other_way in ("ownerid", "colour", "admin_notes_send", "admin_notes_set"):
        form.pop(other_way, None)
    forwards = {"mode": mode, **form}
    backwards = dict(reversed(forwards.items()))
    assert parse(forwards, SCHEMA) == parse(backwards, SCHEMA)
