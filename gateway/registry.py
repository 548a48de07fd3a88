"""Loads the listed plugins, checks what they add, and freezes it all into one System.

No module-level plugin manager: two systems can live in one process. Whatever is wrong stops the
start, in one message that says which plugin, what, and how to mend it.
"""

import importlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import pluggy
from marshmallow import fields
from sqlalchemy import Engine

from config import Settings
from gateway import hookspecs
from gateway.auth import Logins, Passwords
from gateway.contract import RESERVED, Command, CustomField, System
from gateway.files import open_files
from gateway.schema import DOCUMENTED, build

log = logging.getLogger("gateway.plugins")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class BadPlugin(Exception):
    """A plugin cannot be used; the text says which, why, and what to do."""


def load(settings: Settings, engine: Engine, commands: Iterable[Command]) -> System:
    """Return the System of ``settings``: documented fields, the plugins' own, commands, stores.

    Raises BadPlugin.
    """
    manager = _manager(settings)
    custom = _custom_fields(manager, settings)
    return System(
        settings=settings,
        schema=build(custom, (), settings),
        match_rules={},
        commands={command.name: command for command in commands},
        hooks=manager.hook,
        plugins=settings.GATEWAY_PLUGINS,
        engine=engine,
        files=open_files(settings.GATEWAY_FILES_URL),
        passwords=Passwords(),
        logins=Logins(),
    )


def plugin_fields(settings: Settings) -> dict[str, list[CustomField]]:
    """Return the fields that each listed plugin adds, by plugin, in the order of the list."""
    manager = _manager(settings)
    return {name: _fields_of(manager, name, settings) for name in settings.GATEWAY_PLUGINS}


def _manager(settings: Settings) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
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
    except Exception as error:
        raise BadPlugin(
            f"plugin {name}: cannot be imported ({type(error).__name__}: {error}); "
            "mend it, or take it out of GATEWAY_PLUGINS"
        ) from error
    try:
        manager.register(module, name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        known = ", ".join(n for n in vars(hookspecs) if n.startswith("gateway_"))
        raise BadPlugin(f"plugin {name}: {_one_line(error)}; the hooks are {known}") from error


def _custom_fields(manager: pluggy.PluginManager, settings: Settings) -> list[CustomField]:
    owners: dict[str, str] = {}
    collected = []
    for plugin in settings.GATEWAY_PLUGINS:
        for field in _fields_of(manager, plugin, settings):
            _check_aliases(plugin, field)
            for name in (field.name, *field.aliases):
                _check_name(plugin, name, owners)
                owners[name] = plugin
            collected.append(field)
    return collected


def _fields_of(manager: pluggy.PluginManager, plugin: str, settings: Settings) -> list[CustomField]:
    others = [each for name, each in manager.list_name_plugin() if name != plugin]
    hook = manager.subset_hook_caller("gateway_custom_fields", remove_plugins=others)
    found: list[CustomField] = []
    try:
        answers = hook(settings=settings)
    except Exception as error:
        raise BadPlugin(
            f"plugin {plugin}: gateway_custom_fields raised {type(error).__name__}: {error}"
        ) from error
    for answer in answers:
        if not isinstance(answer, list | tuple):
            raise BadPlugin(
                f"plugin {plugin}: gateway_custom_fields must return a list of CustomField"
            )
        for field in answer:
            _check_field(plugin, field)
            found.append(field)
    return found


def _check_field(plugin: str, field: Any) -> None:
    if not isinstance(field, CustomField):
        raise BadPlugin(
            f"plugin {plugin}: gateway_custom_fields returned {type(field).__name__}; "
            "every entry must be a CustomField"
        )
    if not isinstance(field.field, fields.Field):
        raise BadPlugin(
            f"plugin {plugin}: field {field.name!r} has no marshmallow field; "
            'write CustomField("name", fields.String(), …)'
        )


def _check_aliases(plugin: str, field: CustomField) -> None:
    if not isinstance(field.aliases, list | tuple):
        raise BadPlugin(
            f'plugin {plugin}: the aliases of field {field.name!r} must be a tuple such as ("vin",)'
        )
    if field.field.attribute is not None or field.field.data_key is not None:
        raise BadPlugin(
            f"plugin {plugin}: field {field.name!r} has an attribute or data_key; "
            "the CustomField's name is its only one"
        )


def _check_name(plugin: str, name: str, owners: dict[str, str]) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadPlugin(
            f"plugin {plugin}: {name!r} is no field name; use up to 64 letters, digits and _, "
            "beginning with a letter"
        )
    if name in RESERVED or name.startswith("ai_"):
        raise BadPlugin(f"plugin {plugin}: the name {name!r} is reserved; choose another")
    if name in DOCUMENTED:
        raise BadPlugin(
            f"plugin {plugin}: {name!r} is a documented field and cannot be replaced; "
            "choose another name"
        )
    if name in owners:
        raise BadPlugin(
            f"plugin {plugin}: the name {name!r} is already taken by plugin {owners[name]}; "
            "rename one of them"
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
