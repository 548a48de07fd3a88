"""Fields of a client's own: aliases, what must be there or go together, defaults."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from marshmallow import ValidationError, fields
from marshmallow.validate import Length

from gateway.contract import Alias, CustomField
from gateway.errors import FieldFault, Refused
from gateway.schema import parse
from gateway.testing import check_plugin
from tests.own_fields import HOUSE, messages, read, schema


def text(name: str, **options: Any) -> CustomField:
    known = {"check", "required_if", "sensitive", "aliases", "example"}
    own = {key: options.pop(key) for key in known & options.keys()}
    return CustomField(name, fields.String(**options), **own)


# --- aliases ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "of", ["mode", "match_update", "upload_file_contents", "colour", "x", "ownerid"]
)
def test_alias_of_what_takes_none_stops_the_start(of: str) -> None:
    with pytest.raises(ValueError, match="takes none"):
        schema(Alias("other", of))


@pytest.mark.parametrize("name", ["phone", "ownerid", "command", "show"])
def test_alias_cannot_take_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="is taken"):
        schema(Alias(name, "cell"))


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ("[Alias('mobile', 'cel')]", "'mobile' is an alias of 'cel', which is no documented field"),
        ("[Alias('mobile phone', 'cell')]", "'mobile phone' is no name"),
        ("[Alias('phone', 'cell')]", "'phone' is a documented field"),
        ("[Alias('ai_cell', 'cell')]", "'ai_cell' is reserved"),
        ("[Alias('m', 'cell'), Alias('m', 'phone')]", "'m' is already taken by plugin"),
        ("[CustomField('m', fields.String()), Alias('m', 'phone')]", "'m' is already taken"),
        ("[CustomField('m', fields.String(), check='x')]", "check of field 'm' is no function"),
        ("[CustomField('m', fields.String(), required_if=1)]", "required_if of field 'm' is no"),
        ("['m']", "every entry must be a CustomField or Alias"),
    ],
)
def test_wrong_entry_stops_the_start(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, entries: str, told: str
) -> None:
    (tmp_path / "wrong_entries.py").write_text(
        "from marshmallow import fields\n"
        "from gateway import Alias, CustomField, hookimpl\n"
        f"@hookimpl\ndef gateway_custom_fields(settings):\n    return {entries}\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "wrong_entries", raising=False)
    with pytest.raises(AssertionError, match="plugin wrong_entries") as raised:
        check_plugin("wrong_entries")
    assert told in str(raised.value)


def test_a_field_may_have_several_aliases_beside_its_own() -> None:
    made = schema(Alias("owner", "ownerID"), Alias("agent", "ownerID"))
    assert made.fields["ownerID"].aliases == ("ownerid", "owner", "agent")
    assert read(made, agent="7").changes == {"ownerID": "7"}


def test_bad_value_under_one_name_leaves_the_good_one_under_another() -> None:
    made = schema(Alias("mobile", "cell"))
    parsed = read(made, cell="1", mobile="x" * 51)
    assert parsed.changes == {"cell": "1"}
    assert len(parsed.rejected) == 1


# --- what must be there -----------------------------------------------------------------------


def test_missing_fields_are_told_in_page_order() -> None:
    made = schema(*(text(name, required=True) for name in ("zeta", "alpha", "mid")))
    assert messages(read(made, ip="x")) == [
        "ip: not an IPv4 or IPv6 address (such as 192.0.2.10)",
        "zeta: missing (this system requires it)",
        "alpha: missing (this system requires it)",
        "mid: missing (this system requires it)",
    ]


def test_required_is_met_by_an_alias() -> None:
    made = schema(text("vin", required=True, aliases=("VIN",)))
    assert messages(read(made, VIN="1")) == []
    assert messages(read(made, VIN="")) == ["vin: missing (this system requires it)"]


def test_ignored_empty_value_clears_no_required_field() -> None:
    made = schema(text("vin", required=True))
    parsed = parse({"mode": "update", "vin": ""}, made, ignore_empty=True)
    assert (parsed.changes, parsed.rejected) == ({}, ())


def test_condition_sees_typed_values_under_their_own_names() -> None:
    seen: list[Mapping[str, Any]] = []
    made = schema(
        CustomField("rooms", fields.Integer(), aliases=("Rooms",)),
        text("why", required_if=lambda values: seen.append(dict(values)) or False),
        Alias("mobile", "cell"),
    )
    read(made, Rooms="3", mobile="1", full_name="Ann Lee", city="", ip="bad")
    name = {"full_name": "Ann Lee", "first_name": "Ann", "last_name": "Lee"}
    assert seen == [{"rooms": 3, "cell": "1", **name}]


def test_condition_and_check_cannot_change_what_was_sent() -> None:
    def change(values: Any) -> None:
        values["city"] = "Rome"

    made = schema(text("vin", check=change))
    with pytest.raises(FieldFault):
        read(made, vin="1")


def test_neither_is_asked_where_the_mode_is_bad() -> None:
    def never(values: Any) -> bool:
        raise AssertionError

    made = schema(text("vin", required_if=never), text("other", required=True, check=never))
    assert [each.problem.field for each in read(made, mode="x", other="1").rejected] == ["mode"]


# --- what must go together --------------------------------------------------------------------


def refuse(what: Any) -> Callable[[Any], None]:
    def check(values: Any) -> None:
        raise ValidationError(what)

    return check


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("Too old.", "vin: too old"),
        (["Too old.", "Too long."], "vin: too old; too long"),
        ({"vin": ["Too old."]}, "vin: too old"),
        ([], "vin: not accepted"),
        ("x" * 600, f"vin: {'x' * 496} ..."),
    ],
)
def test_whatever_a_check_raises_is_one_message(what: Any, told: str) -> None:
    made = schema(text("vin", check=refuse(what)))
    parsed = read(made, vin="1", city="Rome")
    assert messages(parsed) == [told]
    assert parsed.rejected[0].sent == "1"
    assert parsed.changes == {"city": "Rome"}


def test_check_runs_only_where_its_field_has_a_value() -> None:
    made = schema(text("vin", check=refuse("no")))
    assert messages(read(made)) == []
    assert messages(read(made, vin="")) == []
    assert read(made, mode="update", vin="").changes == {"vin": None}
    assert messages(read(made, mode="update", vin="1")) == ["vin: no"]


def test_checks_all_see_what_was_sent_whatever_their_order() -> None:
    def both(values: Any) -> None:
        if {"a", "b"} <= values.keys():
            raise ValidationError("not both")

    made = schema(text("a", check=both), text("b", check=both))
    assert messages(read(made, a="1", b="2")) == ["a: not both", "b: not both"]
    assert messages(read(made, b="1", a="2")) == ["a: not both", "b: not both"]


def test_value_that_a_check_rejects_is_kept_as_it_was_sent_and_named() -> None:
    made = schema(CustomField("rooms", fields.Integer(), aliases=("r",), check=refuse("many")))
    (rejected,) = read(made, rooms="", r=" 007 ").rejected
    assert (rejected.problem.message, rejected.sent) == ("rooms (sent as r): many", " 007 ")


def test_check_may_refuse_the_post() -> None:
    def check(values: Any) -> None:
        raise Refused("vin: stolen", field="vin")

    with pytest.raises(Refused, match="stolen"):
        read(schema(text("vin", check=check)), vin="1")


# --- defaults ---------------------------------------------------------------------------------


def test_defaults_are_of_fields_that_were_not_sent_to_an_insert() -> None:
    made = schema(
        text("plain", load_default="web"),
        text("none", load_default=None),
        CustomField("made", fields.List(fields.Integer(), load_default=lambda: [1])),
        text("short", load_default="x", validate=Length(max=1)),
    )
    whole = {"plain": "web", "made": [1], "short": "x"}
    assert read(made).defaults == whole
    assert read(made, plain="").defaults == whole
    assert read(made, plain="radio").defaults == {"made": [1], "short": "x"}
    assert read(made, short="xx").defaults == {"plain": "web", "made": [1]}
    assert read(made, mode="update").defaults == {}


def test_field_with_a_default_is_never_missing() -> None:
    made = schema(text("plain", load_default="web", required_if=lambda values: True))
    parsed = read(made)
    assert (parsed.rejected, parsed.defaults) == ((), {"plain": "web"})


def test_default_that_fails_is_a_fault() -> None:
    made = schema(text("plain", load_default=lambda: 1 / 0))
    with pytest.raises(FieldFault, match="field plain: making its default failed"):
        read(made)


# --- what a post pays for ---------------------------------------------------------------------


def test_fields_that_ask_nothing_are_in_no_list() -> None:
    made = schema(*(text(f"field_{number}") for number in range(200)))
    across = made.across
    assert not across.required
    assert not across.required_if
    assert not across.checks
    assert not across.defaults


def test_plugins_of_the_tests_keep_to_the_rules() -> None:
    check_plugin(HOUSE)
    check_plugin("tests.plugins.strict_house")
