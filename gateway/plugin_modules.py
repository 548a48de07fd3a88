"""Imports the modules of plugins and registers their hooks; what is wrong with one is BadPlugin."""

import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pluggy

from gateway import hookspecs
from gateway.hooks import Listener

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("gateway_"))
"""The names of all hooks."""

_MARK = f"{hookspecs.PROJECT}_impl"


class BadPlugin(Exception):
    """A plugin cannot be used; the text says which, why, and what to do."""


def register(manager: pluggy.PluginManager, name: str) -> None:
    """Import the plugin and register its hooks. Raises BadPlugin."""
    if manager.has_plugin(name):
        raise BadPlugin(f"plugin {name}: listed twice in GATEWAY_PLUGINS; name it once")
    try:
        module: ModuleType = importlib.import_module(name)
    except Exception as error:
        raise BadPlugin(
            f"plugin {name}: cannot be imported ({type(error).__name__}: {error}); "
            "mend it, or take it out of GATEWAY_PLUGINS"
        ) from error
    trouble = next(_troubles(module), None)
    if trouble:
        raise BadPlugin(f"plugin {name}: {trouble}")
    try:
        manager.register(module, name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        told = " ".join(str(error).split())
        raise BadPlugin(f"plugin {name}: {told}; the hooks are {', '.join(HOOKS)}") from error


def _troubles(module: ModuleType) -> Iterator[str]:
    """Yield what would make a hook of ``module`` do nothing, or something else than it says."""
    for name, function in vars(module).items():
        options: Any = getattr(function, _MARK, None)
        if not inspect.isroutine(function):
            continue
        if not isinstance(options, dict):
            if name in HOOKS:
                yield f"{name} has no @hookimpl above it, so it would never be asked; add it"
            continue
        if any(options[each] for each in ("wrapper", "hookwrapper", "tryfirst", "trylast")):
            yield f"{name} asks for another order than the list's; write @hookimpl without options"
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            yield f"{name} is async, and nobody awaits it; write a plain function"
        if inspect.isgeneratorfunction(function):
            yield f"{name} yields; write a plain function that returns"


def implementers(manager: pluggy.PluginManager, hook_name: str) -> set[str]:
    """Return the names of the plugins that implement a hook."""
    return {each.plugin_name for each in getattr(manager.hook, hook_name).get_hookimpls()}


def listener(manager: pluggy.PluginManager, plugin: str, hook_name: str) -> Listener:
    """Return what asks one plugin one hook; the answer is the plugin's own, ``None`` for none.

    One plugin at a time: pluggy itself would ask the last of the list first.
    """
    others = [each for name, each in manager.list_name_plugin() if name != plugin]
    caller = manager.subset_hook_caller(hook_name, remove_plugins=others)
    spec = caller.spec
    if spec is not None and spec.opts["firstresult"]:
        return Listener(plugin, hook_name, caller)

    def ask(**arguments: Any) -> Any:
        return next(iter(caller(**arguments)), None)

    return Listener(plugin, hook_name, ask)
