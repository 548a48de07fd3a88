"""The conformance kit: what every plugin must keep to."""

from __future__ import annotations

from types import ModuleType

from sqlalchemy import create_engine

from config import settings
from gateway import registry
from gateway.commands import COMMANDS
from gateway.contract import CustomField
from gateway.schema import LeadSchema, parse


def check_plugin(module: ModuleType | str) -> None:
    """Raise AssertionError that names everything by which the plugin breaks the rules.

    It must load beside the documented fields, and each field must have a help text and an example
    that it accepts itself. Raises BadPlugin where it does not even load.
    """
    name = module if isinstance(module, str) else module.__name__
    engine = create_engine("sqlite://")
    schema = registry.load(settings(GATEWAY_PLUGINS=[name]), engine, COMMANDS).schema
    troubles = [
        f"{field.name}: {trouble}"
        for field in schema.fields.values()
        if field.name in schema.custom
        for trouble in _troubles(field, schema)
    ]
    if troubles:
        raise AssertionError(f"plugin {name}\n" + "\n".join(troubles))


def _troubles(field: CustomField, schema: LeadSchema) -> list[str]:
    found = []
    if not field.help:
        found.append("has no help text")
    if not field.example:
        found.append("has no example")
    parsed = parse({"mode": "insert", field.name: field.example}, schema)
    found += [
        f"does not accept its own example: {rejected.problem.message}"
        for rejected in parsed.rejected
        if rejected.problem.field == field.name
    ]
    return found
