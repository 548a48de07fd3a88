"""Loads one plugin alone, and names everything that stops its start, not only the first.

The registry stops at the first mistake. So each hook of a plugin that does not load is loaded by
itself, and each of its entries beside those that were good.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from sqlalchemy import create_engine

import config
from gateway import registry
from gateway.commands import COMMANDS
from gateway.conformance.trouble import Trouble
from gateway.contract import System
from gateway.hookspecs import PROJECT, hookimpl
from gateway.registry import BadPlugin

VOCABULARIES = ("gateway_custom_fields", "gateway_match_rules", "gateway_commands")
"""The hooks that are asked at start and answer with a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The system with what is good of the plugin, its good entries, and what stops the start."""

    system: System | None = None
    entries: list[Any] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)


def load(plugin: str, values: Mapping[str, Any]) -> Loaded:
    """Return the plugin loaded alone with the settings of these ``values``."""
    settings = config.settings(**{**values, "GATEWAY_PLUGINS": (plugin,)})
    try:
        system = _start(settings)
    except BadPlugin as error:
        return _salvage(plugin, settings, _trouble(plugin, error))
    # What loads is imported, and its hooks answer with lists.
    module = sys.modules[plugin]
    entries = [
        entry
        for hook in VOCABULARIES
        for function in _hooks(module, hook)
        for entry in _answer(function, settings)
    ]
    return Loaded(system=system, entries=entries)


def _start(settings: config.Settings) -> System:
    return registry.load(settings, create_engine("sqlite://"), COMMANDS)


def _salvage(plugin: str, settings: config.Settings, first: Trouble) -> Loaded:
    """Return what is good of a plugin that does not load, and every trouble beside the first."""
    troubles = {first: None}
    try:
        module = importlib.import_module(plugin)
    except BaseException:  # sys.exit() too; the start has said what it is
        return Loaded(troubles=[first])
    good: dict[str, list[Any]] = {}

    def attempt(hooks: Mapping[str, Callable[..., Any]]) -> System | None:
        with _stand_in(plugin, hooks):
            try:
                return _start(settings)
            except BadPlugin as error:
                troubles[_trouble(plugin, error)] = None
                return None

    def of_good() -> dict[str, Callable[..., Any]]:
        return {hook: _answering(list(entries)) for hook, entries in good.items()}

    for function in _hooks(module):
        hook = function.__name__
        answer = _answer_or_none(function, settings) if hook in VOCABULARIES else None
        if not isinstance(answer, list | tuple):
            attempt({hook: function})
            continue
        for entry in answer:
            good.setdefault(hook, []).append(entry)
            if attempt(of_good()) is None:
                good[hook].pop()
    return Loaded(
        system=attempt(of_good()),
        entries=[entry for hook in VOCABULARIES for entry in good.get(hook, ())],
        troubles=list(troubles),
    )


def _hooks(module: ModuleType, name: str = "") -> list[Callable[..., Any]]:
    """Return the hook implementations of the module, or the one of this name."""
    return [
        each
        for each in vars(module).values()
        if inspect.isfunction(each)
        and hasattr(each, f"{PROJECT}_impl")
        and name in ("", each.__name__)
    ]


def _answer(function: Callable[..., Any], settings: config.Settings) -> Any:
    takes = inspect.signature(function).parameters
    return (function(settings=settings) if "settings" in takes else function()) or []


def _answer_or_none(function: Callable[..., Any], settings: config.Settings) -> Any:
    try:
        return _answer(function, settings)
    except BaseException:
        return None


def _answering(entries: list[Any]) -> Callable[..., Any]:
    return lambda settings: entries


@contextmanager
def _stand_in(plugin: str, hooks: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Have a module of ``hooks`` and nothing else imported under the name of the plugin."""
    own = sys.modules[plugin]
    module = ModuleType(plugin)
    for name, function in hooks.items():
        vars(module)[name] = hookimpl(function)
    sys.modules[plugin] = module
    try:
        yield
    finally:
        sys.modules[plugin] = own


def _trouble(plugin: str, error: BadPlugin) -> Trouble:
    text = str(error).removeprefix(f"plugin {plugin}: ")
    what, _, mend = text.partition("; ")
    return Trouble(plugin, "", what, mend)
