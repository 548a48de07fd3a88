"""What is wrong with a plugin stops the start, in one message: which, what, how to mend it."""

from collections.abc import Callable

import pytest

from gateway import registry
from tests.registry.loaded_plugins import HEAD, commands_plugin, fields_plugin, load, rules_plugin


def test_fields_come_in_the_order_of_the_list(write: Callable[[str, str], str]) -> None:
    one = write("plug_one", fields_plugin('[CustomField("b1", fields.String())]'))
    two = write("plug_two", fields_plugin('[CustomField("a2", fields.String())]'))
    system = load(one, two)
    assert list(system.schema.fields)[-2:] == ["b1", "a2"]
    assert system.plugins == (one, two)


def test_two_systems_live_in_one_process(write: Callable[[str, str], str]) -> None:
    one = write("plug_alone", fields_plugin('[CustomField("only_here", fields.String())]'))
    assert "only_here" in load(one).schema.fields
    assert "only_here" not in load().schema.fields


def test_none_adds_nothing(write: Callable[[str, str], str]) -> None:
    assert load(write("plug_none", fields_plugin("None"))).schema.custom == frozenset()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import nothing_of_that_name\n", "cannot be imported"),
        ("def broken(:\n", "cannot be imported"),
        (f"{HEAD}@hookimpl\ndef gateway_custom_field(settings):\n    return []\n", "unknown hook"),
        (f"{HEAD}@hookimpl\ndef gateway_custom_fields(setings):\n    return []\n", "setings"),
        (fields_plugin('"vin"'), "must return a list"),
        (fields_plugin('["vin"]'), "every entry must be a CustomField"),
        (fields_plugin('[CustomField("vin", "text")]'), "no marshmallow field"),
        (fields_plugin('[CustomField("phone", fields.String())]'), "documented field"),
        (fields_plugin('[CustomField("x", fields.String(), aliases=("phone",))]'), "documented"),
        (fields_plugin('[CustomField("dry_run", fields.String())]'), "reserved"),
        (fields_plugin('[CustomField("ai_x", fields.String())]'), "reserved"),
        (fields_plugin('[CustomField("a[b]", fields.String())]'), "no name for a field"),
        (fields_plugin('[CustomField("a b", fields.String())]'), "no name for a field"),
        (fields_plugin('[CustomField("a.b", fields.String())]'), "no name for a field"),
        (fields_plugin('[CustomField("", fields.String())]'), "no name for a field"),
        (fields_plugin('[CustomField("v", fields.String())] * 2'), "already taken"),
        (fields_plugin('[CustomField("match_email", fields.String())]'), "already taken"),
        (f"{HEAD}@hookimpl\ndef gateway_match_rule(settings):\n    return []\n", "unknown hook"),
        (rules_plugin("{}"), "gateway_match_rules must return a list of MatchRule"),
        (rules_plugin('["match_vin"]'), "returned str; every entry must be a MatchRule"),
        (rules_plugin('[CustomField("vin", fields.String())]'), "returned CustomField; every"),
        (rules_plugin('[MatchRule("match_x", None)]'), "rule 'match_x' has no function keys(lead)"),
        (
            rules_plugin('[MatchRule("match_x", ["a"])]'),
            "rule 'match_x' has no function keys(lead)",
        ),
        (rules_plugin('[MatchRule("", list)]'), "no name for a field or rule"),
        (rules_plugin('[MatchRule("match-x", list)]'), "no name for a field or rule"),
        (rules_plugin('[MatchRule("form_key", list)]'), "reserved"),
        (rules_plugin('[MatchRule("ai_match", list)]'), "reserved"),
        (rules_plugin('[MatchRule("phone", list)]'), "documented field"),
        (rules_plugin('[MatchRule("match_update", list)]'), "documented field"),
        (rules_plugin('[MatchRule("match_name_and_phone", list)]'), "documented field"),
        (rules_plugin('[MatchRule("match_email", list)]'), "already taken by plugin gateway."),
        (rules_plugin('[MatchRule("match_x", list)] * 2'), "already taken by plugin plug_wrong"),
        (fields_plugin('[CustomField("Meta", fields.String())]'), "reserved"),
        (fields_plugin('[CustomField("created_at", fields.String())]'), "reserved"),
        (fields_plugin('[CustomField("v", fields.String(), aliases="xyz")]'), "must be a tuple"),
        (fields_plugin('[CustomField("v", fields.String(), aliases=None)]'), "must be a tuple"),
        (fields_plugin('[CustomField("v", fields.String(attribute="z"))]'), "attribute"),
        (fields_plugin("{}['no such key']"), "raised KeyError"),
        (commands_plugin("Command('x', print)"), "gateway_commands must return a list of Command"),
        (commands_plugin("['x']"), "returned str; every entry must be a Command"),
        (commands_plugin("[Command('', print)]"), "'' is no name for a command; use up to 64"),
        (commands_plugin("[Command('a b', print)]"), "no name for a command"),
        (commands_plugin("[Command('x' * 65, print)]"), "no name for a command"),
        (commands_plugin("[Command('naïve', print)]"), "no name for a command"),
        (commands_plugin("[Command(5, print)]"), "no name for a command"),
        (
            commands_plugin("[Command('lead_set', print)]"),
            "command 'lead_set' is already taken by plugin gateway.commands; rename one of them",
        ),
        (commands_plugin("[Command('x', print)] * 2"), "already taken by plugin plug_wrong"),
        (commands_plugin("[Command('x', None)]"), "no function run(call, system, caller)"),
        (commands_plugin("[Command('x', print, help=None)]"), "a help that is no text"),
        (
            f"{HEAD}def gateway_custom_fields(settings):\n    return []\n",
            "gateway_custom_fields has no @hookimpl above it, so it would never be asked; add it",
        ),
        (
            f"{HEAD}@hookimpl\nasync def gateway_after_commit(event):\n    pass\n",
            "gateway_after_commit is async, and nobody awaits it",
        ),
        (
            f"{HEAD}@hookimpl\ndef gateway_before_store(changes):\n    yield\n",
            "gateway_before_store yields; write a plain function",
        ),
        (
            f"{HEAD}@hookimpl(tryfirst=True)\ndef gateway_after_commit(event):\n    pass\n",
            "gateway_after_commit asks for another order than the list's",
        ),
        (
            f"{HEAD}@hookimpl(wrapper=True)\ndef gateway_render(reply):\n    return (yield)\n",
            "gateway_render asks for another order than the list's",
        ),
        (
            f"{HEAD}@hookimpl\ndef gateway_after_comit(event):\n    pass\n",
            "the hooks are gateway_custom_fields, gateway_match_rules, gateway_commands, "
            "gateway_authenticate, gateway_before_store, gateway_after_commit, gateway_render",
        ),
        (f"{HEAD}@hookimpl\ndef gateway_before_store(change):\n    pass\n", "change"),
        ("import sys\nsys.exit(0)\n", "cannot be imported (SystemExit: 0)"),
        (fields_plugin("exit(0)"), "gateway_custom_fields raised SystemExit"),
        (
            fields_plugin('[CustomField("v", fields.Method("x", deserialize="y"))]'),
            "field 'v' cannot be used in a form (AttributeError",
        ),
        (fields_plugin('[CustomField("v", fields.String(), help=None)]'), "help of field 'v'"),
        (fields_plugin('[CustomField("v", fields.String(), example=12)]'), "example of field 'v'"),
        (fields_plugin('[CustomField("v", fields.String(), sensitive="no")]'), "sensitive of"),
        (
            fields_plugin('[CustomField("v", fields.Integer(load_default="x"))]'),
            "the default of field 'v' is nothing that the field stores",
        ),
        (
            fields_plugin('[CustomField("v", fields.Raw(load_default=object()))]'),
            "the default of field 'v' is nothing that the field stores",
        ),
        (
            f"from gateway import Alias\n{fields_plugin('[Alias(chr(118), [])]')}",
            "is no documented field that may have one",
        ),
        (rules_plugin('[MatchRule("match_x", list, confirm=5)]'), "confirm of rule 'match_x'"),
        (rules_plugin('[MatchRule("match_x", list, version="2")]'), "version of rule 'match_x'"),
        (rules_plugin('[MatchRule("match_x", list, version=2**40)]'), "version of rule 'match_x'"),
        (rules_plugin('[MatchRule("match_x", list, help=None)]'), "help of rule 'match_x'"),
    ],
)
def test_mistake_stops_the_start(write: Callable[[str, str], str], text: str, says: str) -> None:
    name = write("plug_wrong", text)
    with pytest.raises(registry.BadPlugin) as stopped:
        load(name)
    assert str(stopped.value).startswith("plugin plug_wrong: ")
    assert says in str(stopped.value)


def test_commands_come_after_ours_in_the_order_of_the_list(
    write: Callable[[str, str], str],
) -> None:
    one = write("plug_one", commands_plugin("[Command('b', print), Command('A.c-1', print)]"))
    two = write("plug_two", commands_plugin("[Command('a', print)]"))
    assert list(load(one, two).commands) == ["lead_set", "b", "A.c-1", "a"]


def test_listeners_are_in_the_order_of_the_list(write: Callable[[str, str], str]) -> None:
    text = f"{HEAD}@hookimpl\ndef gateway_after_commit(event):\n    pass\n"
    names = [write(f"plug_{letter}", text) for letter in "cab"]
    heard = load(*names).hooks
    assert [each.plugin for each in heard.after_commit] == names
    assert (heard.authenticate, heard.before_store, heard.render) == ((), (), ())


def test_plugin_that_is_not_there_or_listed_twice(write: Callable[[str, str], str]) -> None:
    with pytest.raises(registry.BadPlugin, match="cannot be imported"):
        load("plugins.no_such_plugin")
    one = write("plug_twice", fields_plugin("None"))
    with pytest.raises(registry.BadPlugin, match="listed twice"):
        load(one, one)


def test_rules_come_after_ours_in_the_order_of_the_list(write: Callable[[str, str], str]) -> None:
    one = write(
        "plug_one", rules_plugin('[MatchRule("match_b", list), MatchRule("match_c", list)]')
    )
    two = write("plug_two", rules_plugin('[MatchRule("match_a", list)]'))
    ours = ["match_name_and_address", "match_name_and_phone", "match_email", "match_phone"]
    assert list(load().match_rules) == ours
    system = load(one, two)
    assert list(system.match_rules) == [*ours, "match_b", "match_c", "match_a"]
    assert {"match_a", "match_b", "match_c", "match_email"} <= system.schema.flags


@pytest.mark.parametrize("entries", ["None", "[]", "()"])
def test_no_rules_add_none(write: Callable[[str, str], str], entries: str) -> None:
    assert load(write("plug_none", rules_plugin(entries))).match_rules.keys() == (
        load().match_rules.keys()
    )


def test_default_rule_that_no_plugin_has_stops_the_start(write: Callable[[str, str], str]) -> None:
    with pytest.raises(registry.BadPlugin) as stopped:
        load(GATEWAY_DEFAULT_MATCH=["match_email", "match_x", "match_y"])
    assert str(stopped.value) == (
        "GATEWAY_DEFAULT_MATCH names match_x, match_y, which no plugin has; the rules are "
        "match_name_and_address, match_name_and_phone, match_email, match_phone"
    )
    one = write("plug_x", rules_plugin('[MatchRule("match_x", list), MatchRule("match_y", list)]'))
    names = ("match_email", "match_x", "match_y")
    assert names == load(one, GATEWAY_DEFAULT_MATCH=names).settings.GATEWAY_DEFAULT_MATCH
