"""What holds for every plugin here: it is in the table, and survives what anybody sends."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from sqlalchemy import create_engine

from config import settings
from gateway import hookspecs, registry
from gateway.commands import COMMANDS
from gateway.contract import System
from gateway.schema import parse
from plugins import auto_dealer, example, insurance, solar

HERE = Path(__file__).parent
MODULES = (example, auto_dealer, solar, insurance)
HOOKS = [name for name in vars(hookspecs) if name.startswith("gateway_")]

NASTY = [
    *("NaN", "-Infinity", "1e999999", "1E-999999", "-0", "1_000", "\u0661\u0662", "0x1F", "\u00b2"),
    *(" " * 100_000 + "x", "1" + " " * 100_000 + "x", "9" * 100_000, "1," * 50_000, "A" * 100_000),
    *("9999-99-99", "0000-00-00", "31.12.9999", "yes, no", ",", "\ud800", "\0", "{}", "[]"),
]


def running(module: Any) -> System:
    """Return a system of this plugin alone; it stores nothing."""
    chosen = settings(GATEWAY_PLUGINS=[module.__name__])
    return registry.load(chosen, create_engine("sqlite://"), COMMANDS)


SYSTEMS = {module.__name__: running(module) for module in MODULES}


def test_plugins_of_several_trades_run_beside_each_other() -> None:
    names = [module.__name__ for module in (auto_dealer, solar, insurance)]
    chosen = settings(GATEWAY_PLUGINS=names)
    system = registry.load(chosen, create_engine("sqlite://"), COMMANDS)
    assert system.schema.custom == {name for each in names for name in SYSTEMS[each].schema.custom}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_used_by_a_real_plugin(hook: str) -> None:
    assert [module.__name__ for module in MODULES if hasattr(module, hook)] != []


@pytest.mark.parametrize("module", MODULES)
def test_plugin_is_in_the_table_with_the_hooks_that_it_shows(module: Any) -> None:
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    (row,) = [line for line in readme.splitlines() if line.startswith(f"| `{module.__name__}` |")]
    shown = {hook for hook in HOOKS if f"`{hook}`" in row}
    vocabularies = {"gateway_custom_fields", "gateway_match_rules"}
    assert {hook for hook in HOOKS if hasattr(module, hook)} - vocabularies <= shown
    assert all(hasattr(module, hook) for hook in shown)


@pytest.mark.parametrize("plugin", SYSTEMS)
@pytest.mark.parametrize("value", NASTY, ids=range(len(NASTY)))
def test_nasty_value_is_read_or_rejected_by_name(plugin: str, value: str) -> None:
    schema = SYSTEMS[plugin].schema
    for name in schema.custom:
        parsed = parse({"mode": "insert", name: value}, schema)
        schema.dump_custom(parsed.changes)
        # On another field it may be one that is now required.
        assert {each.problem.field for each in parsed.rejected} <= schema.custom


@pytest.mark.parametrize("plugin", SYSTEMS)
@hypothesis(deadline=None)
@given(data=st.data())
def test_any_form_is_read_and_gives_the_rules_texts(plugin: str, data: st.DataObject) -> None:
    system = SYSTEMS[plugin]
    names = sorted(system.schema.custom | {"full_name", "phone", "email", "birth_date"})
    examples = [field.example for field in system.schema.fields.values() if field.example]
    value = st.text() | st.sampled_from(examples)
    form = data.draw(st.dictionaries(st.sampled_from(names), value))
    parsed = parse({"mode": "insert", **form}, system.schema)
    lead = {**parsed.changes, **system.schema.dump_custom(parsed.changes)}
    for rule in system.match_rules.values():
        keys = list(rule.keys(lead))
        assert all(isinstance(key, str) and key for key in keys)
        assert list(rule.keys(lead)) == keys
        assert rule.confirm is None or rule.confirm(lead, lead)
