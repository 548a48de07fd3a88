"""Loads plugins that a test has written."""

from sqlalchemy import create_engine

import config
from gateway import registry
from gateway.commands import COMMANDS

COMMANDS_HEAD = "from gateway import Command, hookimpl\n"
HEAD = "from marshmallow import fields\nfrom gateway import CustomField, MatchRule, hookimpl\n"


def load(*plugins: str, **values: object) -> registry.System:
    settings = config.settings(GATEWAY_PLUGINS=plugins, **values)
    return registry.load(settings, create_engine("sqlite://"), COMMANDS)


def fields_plugin(entries: str) -> str:
    return f"{HEAD}@hookimpl\ndef gateway_custom_fields(settings):\n    return {entries}\n"


def rules_plugin(entries: str) -> str:
    return f"{HEAD}@hookimpl\ndef gateway_match_rules(settings):\n    return {entries}\n"


def commands_plugin(entries: str) -> str:
    return f"{COMMANDS_HEAD}@hookimpl\ndef gateway_commands(settings):\n    return {entries}\n"
