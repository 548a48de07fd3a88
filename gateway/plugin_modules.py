"""Imports the modules of plugins, registers their hooks, and asks what they add at start."""

import importlib
import inspect
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, get_args

import pluggy

from config import Settings
from gateway import hookspecs
from gateway.errors import BadPlugin
from gateway.hooks import Listener, warn_if_slow
from gateway.matching import rules

log = logging.getLogger("gateway.plugins")

OURS = "gateway.matching.rules"
"""The plugin that every system has."""

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("gateway_"))
"""The names of all hooks."""

_MARK = f"{hookspecs.PROJECT}_impl"


def load_modules(settings: Settings) -> pluggy.PluginManager:
    """Return a manager of our rules and the listed plugins. Raises BadPlugin."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(rules, OURS)
    for name in settings.GATEWAY_PLUGINS:
        _register(manager, name)
    if settings.GATEWAY_TRACE_HOOKS:
        manager.add_hookcall_monitoring(_trace, lambda *_: None)
    return manager


def _trace(hook_name: str, implementations: Sequence[Any], arguments: Mapping[str, Any]) -> None:
    """Log which plugins a hook asks; never the arguments, which may hold a person's data."""
    names = ",".join(each.plugin_name for each in implementations)
    log.info("hook=%s plugins=%s", hook_name, names or "-")


def _register(manager: pluggy.PluginManager, name: str) -> None:
    if manager.has_plugin(name):
        raise BadPlugin(f"plugin {name}: listed twice in GATEWAY_PLUGINS; name it once")
    try:
        module: ModuleType = importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also a script that ends by sys.exit()
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


def listeners(
    manager: pluggy.PluginManager, settings: Settings, hook_name: str
) -> tuple[Listener, ...]:
    """Return who listens to a hook, in the order of the list."""
    implementing = implementers(manager, hook_name)
    return tuple(
        _listener(manager, plugin, hook_name)
        for plugin in settings.GATEWAY_PLUGINS
        if plugin in implementing
    )


def answers(
    manager: pluggy.PluginManager,
    plugin: str,
    hook_name: str,
    kind: Any,
    settings: Settings,
) -> list[Any]:
    """Return what one plugin answers to a hook of the start, every entry of the right kind."""
    started = time.perf_counter()
    try:
        answer = _listener(manager, plugin, hook_name).function(settings=settings)
    except BadPlugin as error:
        raise BadPlugin(f"plugin {plugin}: {error}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise BadPlugin(
            f"plugin {plugin}: {hook_name} raised {type(error).__name__}: {error}"
        ) from error
    warn_if_slow(started, plugin, hook_name)
    if answer is None:
        return []
    known = " or ".join(each.__name__ for each in get_args(kind) or (kind,))
    if not isinstance(answer, list | tuple):
        raise BadPlugin(f"plugin {plugin}: {hook_name} must return a list of {known}")
    for entry in answer:
        if not isinstance(entry, kind):
            raise BadPlugin(
                f"plugin {plugin}: {hook_name} returned {type(entry).__name__}; "
                f"every entry must be a {known}"
            )
    return list(answer)


def _listener(manager: pluggy.PluginManager, plugin: str, hook_name: str) -> Listener:
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
