"""Loads the listed plugins, checks what they add, and freezes it all into one System.

No module-level plugin manager: two systems can live in one process. Whatever is wrong stops the
start, in one message that says which plugin, what, and how to mend it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pluggy
from marshmallow import Schema, fields
from sqlalchemy import Engine

from config import Settings
from gateway.auth import Logins, Passwords, Snapshot
from gateway.contract import Alias, Command, CustomField, MatchRule, System
from gateway.errors import BadPlugin, FieldFault
from gateway.files import open_files
from gateway.hooks import Hooks, guarded
from gateway.journal.strangers import Strangers
from gateway.outage import Breaker
from gateway.plugin_modules import (
    HOOKS,
    OURS,
    answers,
    implementers,
    listeners,
    load_modules,
)
from gateway.schema import LeadSchema, build, may_have_alias, why_no_name
from gateway.sealing import Sealer
from gateway.spool import Spool
from gateway.store import vault
from gateway.store.group import Group

__all__ = ["Additions", "BadPlugin", "System", "additions", "load"]

_COMMAND = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What one plugin adds, and the hooks that it implements."""

    fields: Sequence[CustomField | Alias]
    match_rules: Sequence[MatchRule]
    commands: Sequence[Command]
    hooks: Sequence[str]


def load(settings: Settings, engine: Engine, commands: Iterable[Command]) -> System:
    """Return the System of ``settings``: fields, rules and commands, ours and the plugins'.

    Raises BadPlugin.
    """
    manager = load_modules(settings)
    owners: dict[str, str] = {}
    ours = _match_rules(manager, settings, [OURS], owners)
    custom = _custom_fields(manager, settings, owners)
    match_rules = ours | _match_rules(manager, settings, settings.GATEWAY_PLUGINS, owners)
    _check_default_match(settings, match_rules)
    schema = build(custom, match_rules, settings)
    sealer = Sealer(settings.GATEWAY_SECRET_KEYS)
    vault.attach(engine, vault.Vault(sealer, schema))
    breaker = Breaker()
    breaker.watch(engine)
    _check_defaults(schema, owners)
    return System(
        settings=settings,
        schema=schema,
        match_rules=match_rules,
        commands=_commands(manager, settings, commands),
        hooks=_hooks(manager, settings),
        plugins=settings.GATEWAY_PLUGINS,
        engine=engine,
        files=open_files(settings.GATEWAY_FILES_URL),
        passwords=Passwords(),
        logins=Logins(),
        group=Group(breaker.check_out),
        sealer=sealer,
        strangers=Strangers(settings.GATEWAY_STRANGER_BUDGET),
        snapshot=Snapshot(),
        breaker=breaker,
        spool=Spool(settings.GATEWAY_SPOOL_DIR, settings.GATEWAY_SPOOL_MAX, sealer),
    )


def additions(settings: Settings) -> dict[str, Additions]:
    """Return what each listed plugin adds, in the order of the list."""
    manager = load_modules(settings)
    return {
        plugin: Additions(
            fields=answers(manager, plugin, "gateway_custom_fields", CustomField | Alias, settings),
            match_rules=answers(manager, plugin, "gateway_match_rules", MatchRule, settings),
            commands=answers(manager, plugin, "gateway_commands", Command, settings),
            hooks=[name for name in HOOKS if plugin in implementers(manager, name)],
        )
        for plugin in settings.GATEWAY_PLUGINS
    }


def _hooks(manager: pluggy.PluginManager, settings: Settings) -> Hooks:
    """Return who listens to the hooks that are asked at each post."""
    return Hooks(
        authenticate=listeners(manager, settings, "gateway_authenticate"),
        before_store=listeners(manager, settings, "gateway_before_store"),
        after_commit=listeners(manager, settings, "gateway_after_commit"),
        render=listeners(manager, settings, "gateway_render"),
    )


def _custom_fields(
    manager: pluggy.PluginManager, settings: Settings, owners: dict[str, str]
) -> list[CustomField | Alias]:
    """Return the fields of all plugins; their names go into ``owners``, as do those of rules."""
    collected: list[CustomField | Alias] = []
    for plugin in settings.GATEWAY_PLUGINS:
        for field in answers(
            manager, plugin, "gateway_custom_fields", CustomField | Alias, settings
        ):
            collected.append(field)
            if isinstance(field, Alias):
                _check_alias(plugin, field)
                _check_name(plugin, field.name, owners)
                owners[field.name] = plugin
                continue
            if not isinstance(field.field, fields.Field):
                raise BadPlugin(
                    f"plugin {plugin}: field {field.name!r} has no marshmallow field; "
                    'write CustomField("name", fields.String(), …)'
                )
            _check_name(plugin, field.name, owners)
            owners[field.name] = plugin
            _check_field(plugin, field)
            for name in field.aliases:
                _check_name(plugin, name, owners)
                owners[name] = plugin
    return collected


def _match_rules(
    manager: pluggy.PluginManager,
    settings: Settings,
    plugins: Iterable[str],
    owners: dict[str, str],
) -> dict[str, MatchRule]:
    collected: dict[str, MatchRule] = {}
    for plugin in plugins:
        for rule in answers(manager, plugin, "gateway_match_rules", MatchRule, settings):
            if plugin != OURS:
                _check_name(plugin, rule.name, owners)
            _check_rule(plugin, rule)
            owners[rule.name] = plugin
            collected[rule.name] = rule
    return collected


def _commands(
    manager: pluggy.PluginManager, settings: Settings, ours: Iterable[Command]
) -> dict[str, Command]:
    collected = {command.name: command for command in ours}
    owners = dict.fromkeys(collected, "gateway.commands")
    for plugin in settings.GATEWAY_PLUGINS:
        for command in answers(manager, plugin, "gateway_commands", Command, settings):
            name = command.name
            if not isinstance(name, str) or not _COMMAND.fullmatch(name):
                raise BadPlugin(
                    f"plugin {plugin}: {name!r} is no name for a command; "
                    "use up to 64 letters, digits, _, . and -"
                )
            if name in owners:
                raise BadPlugin(
                    f"plugin {plugin}: the command {name!r} is already taken by plugin "
                    f"{owners[name]}; rename one of them"
                )
            if not callable(command.run) or not isinstance(command.help, str):
                raise BadPlugin(
                    f"plugin {plugin}: command {name!r} has no function run(call, system, caller), "
                    "or a help that is no text"
                )
            owners[name] = plugin
            collected[name] = guarded(plugin, command)
    return collected


def _check_default_match(settings: Settings, match_rules: Mapping[str, MatchRule]) -> None:
    unknown = [name for name in settings.GATEWAY_DEFAULT_MATCH if name not in match_rules]
    if unknown:
        raise BadPlugin(
            f"GATEWAY_DEFAULT_MATCH names {', '.join(unknown)}, which no plugin has; "
            f"the rules are {', '.join(match_rules)}"
        )


def _check_rule(plugin: str, rule: MatchRule) -> None:
    if not callable(rule.keys):
        raise BadPlugin(f"plugin {plugin}: rule {rule.name!r} has no function keys(lead)")
    if rule.confirm is not None and not callable(rule.confirm):
        raise BadPlugin(
            f"plugin {plugin}: confirm of rule {rule.name!r} is no function confirm(new, old)"
        )
    if type(rule.version) is not int or not 0 <= rule.version < 2**31:
        raise BadPlugin(
            f"plugin {plugin}: version of rule {rule.name!r} is no whole number; "
            f"write one from 0 to {2**31 - 1}"
        )
    if not isinstance(rule.help, str):
        raise BadPlugin(f"plugin {plugin}: help of rule {rule.name!r} is no text; put it in quotes")


def _check_defaults(schema: LeadSchema, owners: Mapping[str, str]) -> None:
    """Raise BadPlugin for a default that cannot be stored, or every new lead would be a fault."""
    for name, default in schema.across.defaults.items():
        if callable(default):
            continue
        try:
            schema.dump_custom({name: default})
        except FieldFault:
            raise BadPlugin(
                f"plugin {owners[name]}: the default of field {name!r} is nothing that the field "
                "stores; give one as the field itself reads it"
            ) from None


def _check_field(plugin: str, field: CustomField) -> None:
    for name in ("label", "help", "example", "group"):
        if not isinstance(getattr(field, name), str):
            raise BadPlugin(
                f"plugin {plugin}: {name} of field {field.name!r} is no text; put it in quotes"
            )
    if not isinstance(field.sensitive, bool):
        raise BadPlugin(f"plugin {plugin}: sensitive of field {field.name!r} is not True or False")
    if not isinstance(field.aliases, list | tuple):
        raise BadPlugin(
            f'plugin {plugin}: the aliases of field {field.name!r} must be a tuple such as ("vin",)'
        )
    if field.field.attribute is not None or field.field.data_key is not None:
        raise BadPlugin(
            f"plugin {plugin}: field {field.name!r} has an attribute or data_key; "
            "the CustomField's name is its only one"
        )
    for name in ("check", "required_if"):
        if getattr(field, name) is not None and not callable(getattr(field, name)):
            raise BadPlugin(
                f"plugin {plugin}: {name} of field {field.name!r} is no function of the values"
            )
    try:
        Schema.from_dict({field.name: field.field})()
    except Exception as error:  # fields.Method looks for its function in the schema, say
        raise BadPlugin(
            f"plugin {plugin}: field {field.name!r} cannot be used in a form "
            f"({type(error).__name__}: {error}); choose another kind of field"
        ) from error


def _check_alias(plugin: str, alias: Alias) -> None:
    if not isinstance(alias.of, str) or not may_have_alias(alias.of):
        raise BadPlugin(
            f"plugin {plugin}: {alias.name!r} is an alias of {alias.of!r}, which is no documented "
            "field that may have one; name a data field such as cell, and give other names of a "
            "field of your own by its aliases"
        )


def _check_name(plugin: str, name: str, owners: dict[str, str]) -> None:
    if reason := why_no_name(name):
        raise BadPlugin(f"plugin {plugin}: {reason}")
    if name in owners:
        raise BadPlugin(
            f"plugin {plugin}: the name {name!r} is already taken by plugin {owners[name]}; "
            "rename one of them"
        )
