"""Names that a plugin may not take: ill formed, ours, or taken by another plugin."""

from collections.abc import Callable

import pytest

from gateway import registry
from tests.registry.loaded_plugins import commands_plugin, fields_plugin, load, rules_plugin

RESERVED_NAMES = [
    "form_key",
    "dry_run",
    "idempotency_key",
    "return_url",
    "_charset_",
    "show",
    "command",
    "ai_command",
    "ai_login_id",
    "ai_anything",
]
MISSHAPEN_NAMES = ["a[b]", "a[]", "a.b", "a b", " a", "a-b", "_a", "1a", "é", "x" * 65, ""]


@pytest.mark.parametrize("kind", ["field", "alias", "rule"])
@pytest.mark.parametrize("name", [*RESERVED_NAMES, *MISSHAPEN_NAMES])
def test_name_that_no_field_or_rule_may_have(
    write: Callable[[str, str], str], name: str, kind: str
) -> None:
    texts = {
        "field": fields_plugin(f"[CustomField({name!r}, fields.String())]"),
        "alias": fields_plugin(f"[CustomField('v', fields.String(), aliases=({name!r},))]"),
        "rule": rules_plugin(f"[MatchRule({name!r}, list)]"),
    }
    says = (
        f"plugin plug_wrong: the name {name!r} is reserved; choose another"
        if name in RESERVED_NAMES
        else f"plugin plug_wrong: {name!r} is no name for a field or rule; "
        "use up to 64 letters, digits and _, beginning with a letter"
    )
    with pytest.raises(registry.BadPlugin) as stopped:
        load(write("plug_wrong", texts[kind]))
    assert str(stopped.value) == says


def test_command_of_another_plugin_is_named_with_its_owner(
    write: Callable[[str, str], str],
) -> None:
    one = write("plug_first", commands_plugin("[Command('x', print)]"))
    two = write("plug_second", commands_plugin("[Command('x', print)]"))
    with pytest.raises(registry.BadPlugin, match=r"^plugin plug_second: .*taken by plugin plug_f"):
        load(one, two)


def test_name_of_another_plugin_is_named_with_its_owner(write: Callable[[str, str], str]) -> None:
    one = write("plug_first", fields_plugin('[CustomField("vin", fields.String())]'))
    two = write("plug_second", fields_plugin('[CustomField("vin", fields.String())]'))
    with pytest.raises(registry.BadPlugin, match="already taken by plugin plug_first"):
        load(one, two)


@pytest.mark.parametrize(
    "field", ['"match_x", fields.String()', '"x", fields.String(), aliases=("match_x",)']
)
def test_rule_and_field_of_one_name_stop_the_start(
    write: Callable[[str, str], str], field: str
) -> None:
    one = write("plug_field", fields_plugin(f"[CustomField({field})]"))
    two = write("plug_rule", rules_plugin('[MatchRule("match_x", list)]'))
    with pytest.raises(
        registry.BadPlugin, match=r"^plugin plug_rule: .*'match_x' is already taken"
    ):
        load(one, two)
