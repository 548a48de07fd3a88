"""The kit's checks of plugins: what every one must keep to, and who was asked what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pluggy

from gateway.conformance import check


def check_plugin(module: ModuleType | str, **settings: Any) -> None:
    """Raise AssertionError that names everything by which the plugin breaks the rules.

    It is loaded beside the documented fields, with these settings:
    ``check_plugin("plugins.declared", GATEWAY_FIELDS_FILE="fields.toml")``.
    """
    name = module if isinstance(module, str) else module.__name__
    if troubles := check(name, **settings):
        raise AssertionError("\n".join(map(str, troubles)))


@dataclass(frozen=True, slots=True)
class HookCall:
    """One plugin asked by one hook: the arguments as they came, what it answered or raised."""

    plugin: str
    hook: str
    arguments: Mapping[str, Any]
    answer: Any = None
    error: BaseException | None = None


def record_calls(manager: pluggy.PluginManager, calls: list[HookCall]) -> None:
    """Have every call of a plugin's hook added to ``calls``, in order."""
    for plugin in manager.get_plugins():
        for caller in manager.get_hookcallers(plugin) or ():
            for each in caller.get_hookimpls():
                if each.plugin is plugin:
                    each.function = _recorded(each, caller.name, calls)  # type: ignore[misc]


def _recorded(
    implementation: pluggy.HookImpl, hook: str, calls: list[HookCall]
) -> Callable[..., Any]:
    function, plugin = implementation.function, implementation.plugin_name
    names = implementation.argnames

    def asked(*values: Any, **named: Any) -> Any:
        # Copied, because a hook may change what it is given, and this is what it was asked.
        given = {
            name: copy(value) if isinstance(value, dict) else value
            for name, value in {**dict(zip(names, values, strict=False)), **named}.items()
        }
        try:
            answer = function(*values, **named)
        except BaseException as error:
            calls.append(HookCall(plugin, hook, given, error=error))
            raise
        calls.append(HookCall(plugin, hook, given, answer))
        return answer

    return asked
