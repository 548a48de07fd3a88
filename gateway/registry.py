"""Loads the listed plugins, checks what they add, and freezes it all into one System.

No module-level plugin manager: two systems can live in one process. Whatever is wrong stops the
start, in one message that says which plugin, what, and how to mend it.
"""

import importlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeVar

import pluggy
from marshmallow import fields
from sqlalchemy import Engine

from config import Settings
from gateway import hookspecs
from gateway.auth import Logins, Passwords
from gateway.contract import RESERVED, Command, CustomField, MatchRule, System
from gateway.files import open_files
from gateway.journal.strangers import Strangers
from gateway.matching import rules
from gateway.models import Lead
from gateway.schema import DOCUMENTED, build
from gateway.sealing import Sealer
from gateway.store import vault
from gateway.store.group import Group

log = logging.getLogger("gateway.plugins")

Entry = TypeVar("Entry")

_COLUMNS = frozenset(Lead.__table__.c.keys())

OURS = "gateway.matching.rules"
"""The plugin that every system has."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class BadPlugin(Exception):
    """A plugin cannot be used; the text says which, why, and what to do."""


def load(settings: Settings, engine: Engine, commands: Iterable[Command]) -> System:
    """Return the System of ``settings``: fields, rules and commands, ours and the plugins'.

    Raises BadPlugin.
    """
    manager = _manager(settings)
    owners: dict[str, str] = {}
    ours = _match_rules(manager, settings, [OURS], owners)
    custom = _custom_fields(manager, settings, owners)
    match_rules = ours | _match_rules(manager, settings, settings.GATEWAY_PLUGINS, owners)
    _check_default_match(settings, match_rules)
    schema = build(custom, match_rules, settings)
    sealer = Sealer(settings.GATEWAY_SECRET_KEYS)
    vault.attach(engine, vault.Vault(sealer, schema))
    return System(
        settings=settings,
        schema=schema,
        match_rules=match_rules,
        commands={command.name: command for command in commands},
        hooks=manager.hook,
        plugins=settings.GATEWAY_PLUGINS,
        engine=engine,
        files=open_files(settings.GATEWAY_FILES_URL),
        passwords=Passwords(),
        logins=Logins(),
        group=Group(),
        sealer=sealer,
        strangers=Strangers(settings.GATEWAY_STRANGER_BUDGET),
    )


def additions(settings: Settings) -> dict[str, tuple[list[CustomField], list[MatchRule]]]:
    """Return the fields and rules that each listed plugin adds, in the order of the list."""
    manager = _manager(settings)
    return {
        plugin: (
            _answers(manager, plugin, "gateway_custom_fields", CustomField, settings),
            _answers(manager, plugin, "gateway_match_rules", MatchRule, settings),
        )
        for plugin in settings.GATEWAY_PLUGINS
    }


def _manager(settings: Settings) -> pluggy.PluginManager:
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


def _custom_fields(
    manager: pluggy.PluginManager, settings: Settings, owners: dict[str, str]
) -> list[CustomField]:
    """Return the fields of all plugins; their names go into ``owners``, as do those of rules."""
    collected = []
    for plugin in settings.GATEWAY_PLUGINS:
        for field in _answers(manager, plugin, "gateway_custom_fields", CustomField, settings):
            if not isinstance(field.field, fields.Field):
                raise BadPlugin(
                    f"plugin {plugin}: field {field.name!r} has no marshmallow field; "
                    'write CustomField("name", fields.String(), …)'
                )
            _check_aliases(plugin, field)
            for name in (field.name, *field.aliases):
                _check_name(plugin, name, owners)
                owners[name] = plugin
            collected.append(field)
    return collected


def _match_rules(
    manager: pluggy.PluginManager,
    settings: Settings,
    plugins: Iterable[str],
    owners: dict[str, str],
) -> dict[str, MatchRule]:
    collected: dict[str, MatchRule] = {}
    for plugin in plugins:
        for rule in _answers(manager, plugin, "gateway_match_rules", MatchRule, settings):
            if plugin != OURS:
                _check_name(plugin, rule.name, owners)
            if not callable(rule.keys):
                raise BadPlugin(f"plugin {plugin}: rule {rule.name!r} has no function keys(lead)")
            owners[rule.name] = plugin
            collected[rule.name] = rule
    return collected


def _check_default_match(settings: Settings, match_rules: Mapping[str, MatchRule]) -> None:
    unknown = [name for name in settings.GATEWAY_DEFAULT_MATCH if name not in match_rules]
    if unknown:
        raise BadPlugin(
            f"GATEWAY_DEFAULT_MATCH names {', '.join(unknown)}, which no plugin has; "
            f"the rules are {', '.join(match_rules)}"
        )


def _answers(
    manager: pluggy.PluginManager,
    plugin: str,
    hook_name: str,
    kind: type[Entry],
    settings: Settings,
) -> list[Entry]:
    """Return what one plugin answers to one hook, every entry of the right kind."""
    others = [each for name, each in manager.list_name_plugin() if name != plugin]
    hook = manager.subset_hook_caller(hook_name, remove_plugins=others)
    found: list[Entry] = []
    try:
        answers = hook(settings=settings)
    except Exception as error:
        raise BadPlugin(
            f"plugin {plugin}: {hook_name} raised {type(error).__name__}: {error}"
        ) from error
    for answer in answers:
        if not isinstance(answer, list | tuple):
            raise BadPlugin(f"plugin {plugin}: {hook_name} must return a list of {kind.__name__}")
        for entry in answer:
            if not isinstance(entry, kind):
                raise BadPlugin(
                    f"plugin {plugin}: {hook_name} returned {type(entry).__name__}; "
                    f"every entry must be a {kind.__name__}"
                )
            found.append(entry)
    return found


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
            f"plugin {plugin}: {name!r} is no name for a field or rule; "
            "use up to 64 letters, digits and _, beginning with a letter"
        )
    # A custom value called like a column would be hidden from rules by the column's own.
    if name in RESERVED | _COLUMNS - DOCUMENTED or name.startswith("ai_"):
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
