"""Everything by which a plugin breaks the rules is named: which name, what, how to mend it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import config
from gateway import conformance, registry
from gateway.commands import COMMANDS
from gateway.conformance.rules import rule_troubles
from gateway.testing import Gateway, HookCall, check_plugin

Write = Callable[[str], str]

HEAD = """
from itertools import count
from marshmallow import Schema, fields, validate
from gateway import Command, CustomField, MatchRule, hookimpl

COLOUR = CustomField("colour", fields.String(), help="Colour.", example="Dark Red")

def said(keys, **options):
    return MatchRule("match_x", keys, help="Help.", **options)

def colour(lead):
    return filter(None, ["".join((lead.get("colour") or "").upper().split())])
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    monkeypatch.syspath_prepend(str(tmp_path))

    def write_plugin(text: str) -> str:
        (tmp_path / "plug_checked.py").write_text(HEAD + text, encoding="utf-8")
        return "plug_checked"

    yield write_plugin
    sys.modules.pop("plug_checked", None)


def hook(name: str, entries: str) -> str:
    return f"@hookimpl\ndef gateway_{name}(settings):\n    return {entries}\n"


def lines(name: str) -> list[str]:
    return [str(trouble) for trouble in conformance.check(name)]


def test_plugin_that_keeps_every_rule_has_no_trouble(write: Write) -> None:
    text = hook("custom_fields", "[COLOUR]") + hook("match_rules", "[said(colour)]")
    assert lines(write(text)) == []


def test_our_own_rules_keep_the_rules() -> None:
    system = registry.load(config.settings(), create_engine("sqlite://"), COMMANDS)
    troubles = [rule_troubles("ours", each, system.schema) for each in system.match_rules.values()]
    assert troubles == [[]] * len(system.match_rules)
    assert len(troubles) >= 4


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ('"a", fields.String(), example="x"', "a: has no help text; say in help="),
        ('"a", fields.String(), help="H."', "a: has no example; give one"),
        (
            '"a", fields.Integer(), help="H.", example="old"',
            "a: does not accept its own example: a: not a valid integer; give one",
        ),
        (
            '"a", fields.String(validate=[validate.OneOf(["x", "yy"]), validate.Length(max=1)]), '
            'help="H.", example="x"',
            "a: does not accept its choice 'yy': a: longer than",
        ),
        (
            '"a", fields.List(fields.String(validate=[validate.OneOf(["x", "yy"]), '
            'validate.Length(max=1)])), help="H.", example="x"',
            "a: does not accept its choice 'yy': a: entry 1: longer than",
        ),
        (
            '"a", fields.Function(deserialize=lambda text: int(text)), help="H.", example="1"',
            "a: fails at '1.5': ValueError",
        ),
        (
            '"a", fields.Function(deserialize=lambda text: None), help="H.", example="1"',
            "a: does not accept its own example: it reads it as nothing",
        ),
    ],
)
def test_trouble_of_a_field_is_named(write: Write, field: str, says: str) -> None:
    found = lines(write(hook("custom_fields", f"[CustomField({field})]")))
    assert [line for line in found if line.startswith(f"plugin plug_checked: {says}")], found


RULES = {
    "MatchRule('match_x', colour)": "has no help text",
    "said(lambda lead: [str(next(counter))])": "gives other keys for the same lead",
    "said(lambda lead: [lead['colour']])": "fails at an empty lead: KeyError",
    "said(lambda lead: [5])": "BadRule: rule match_x gave int as a key, not text",
    "said(lambda lead: 'text')": "BadRule: rule match_x gave str",
    "said(lambda lead: ['x'])": "gives a key for an empty lead",
    "said(lambda lead: [str(lead['colour'])] if lead else [])": "gives a key for a lead of None",
    "said(lambda lead: lead.clear() or [])": "alters the lead that it is given",
    "said(lambda lead: [lead.pop('colour')])": "fails at a lead that cannot be altered",
    "said(lambda lead: filter(None, [lead.get('colour')]))": "other keys for colour in lower case",
    "said(lambda lead: [(lead.get('colour') or '')[3]])": "fails at an odd colour: IndexError",
    "said(lambda lead: [])": "gives no key for a lead with the examples",
    "said(lambda lead: filter(None, [lead.get('govt_id')]))": "makes keys of govt_id, which is",
    "said(colour, confirm=lambda new, old: new['colour'] == old['colour'])": "confirm fails where",
    "said(colour, confirm=lambda new, old: None)": "confirm returns NoneType",
}


@pytest.mark.parametrize(("rule", "says"), RULES.items())
def test_trouble_of_a_rule_is_named(write: Write, rule: str, says: str) -> None:
    text = hook("custom_fields", "[COLOUR]") + hook("match_rules", f"[{rule}]")
    found = lines(write("counter = count()\n" + text))
    assert all(line.startswith("plugin plug_checked: match_x: ") for line in found)
    assert [line for line in found if says in line], found


def test_rule_that_is_exact_may_heed_case(write: Write) -> None:
    rule = "said(lambda lead: filter(None, [lead.get('colour')]), exact=True)"
    text = hook("custom_fields", "[COLOUR]") + hook("match_rules", f"[{rule}]")
    assert lines(write(text)) == []


def test_every_mistake_that_stops_the_start_is_named_and_the_rest_is_checked(write: Write) -> None:
    fields = """[
        COLOUR, COLOUR, CustomField("phone", fields.String()), CustomField("a b", fields.String()),
        CustomField("ai_x", fields.String()), CustomField("good", fields.String()),
    ]"""
    text = hook("custom_fields", fields) + hook("match_rules", "[MatchRule('show', colour)]")
    found = lines(write(text + hook("custom_feilds", "[]") + hook("commands", "'lead_get'")))
    for said in (
        "'colour' is already taken",
        "'phone' is a documented field",
        "'a b' is no name",
        "'ai_x' is reserved",
        "'show' is reserved",
        "unknown hook 'gateway_custom_feilds'",
        "good: has no help text",
        "good: has no example",
    ):
        assert [line for line in found if said in line], (said, found)
    assert len(set(found)) == len(found)


def test_module_that_cannot_be_imported_is_one_trouble() -> None:
    (line,) = lines("plugins.no_such_plugin")
    assert line.startswith("plugin plugins.no_such_plugin: cannot be imported")


def test_settings_reach_the_plugin(write: Write) -> None:
    entries = "[COLOUR] if settings.GATEWAY_REGION == 'DE' else [CustomField('x', fields.Int())]"
    name = write(hook("custom_fields", entries))
    check_plugin(name, GATEWAY_REGION="DE")
    with pytest.raises(AssertionError, match="x: has no help text"):
        check_plugin(name)


def test_hook_calls_say_who_was_asked_what_and_what_it_answered(
    hook_calls: list[HookCall], make_gateway: Callable[..., Gateway], write: Write
) -> None:
    name = write(hook("custom_fields", "[COLOUR]") + hook("match_rules", "None"))
    gateway = make_gateway(name, "plugins.example")
    asked = [(call.plugin, call.hook) for call in hook_calls]
    assert asked == [
        ("gateway.matching.rules", "gateway_match_rules"),
        (name, "gateway_custom_fields"),
        ("plugins.example", "gateway_custom_fields"),
        (name, "gateway_match_rules"),
        ("plugins.example", "gateway_match_rules"),
    ]
    assert hook_calls[1].arguments == {"settings": gateway.system.settings}
    assert [each.name for each in hook_calls[1].answer] == ["colour"]
    assert hook_calls[3].answer is None


def test_hook_calls_keep_what_was_raised(
    hook_calls: list[HookCall], make_gateway: Callable[..., Gateway], write: Write
) -> None:
    with pytest.raises(registry.BadPlugin):
        make_gateway(write(hook("custom_fields", "1 // 0")))
    assert isinstance(hook_calls[-1].error, ZeroDivisionError)
