"""What a plugin's fields must keep to: they say what they are, and read what they say."""

import json
from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError, fields, validate

from gateway.conformance.trouble import Trouble, said
from gateway.contract import CustomField
from gateway.schema import LeadSchema
from gateway.schema.reading import EMPTY

ODD_VALUES = (
    "0", "-1", "9" * 400, "1e400", "1.5", "NaN", "Infinity", "true", "null", "[]", "{}", "%s",
    "2023-02-30", "0000-00-00", "Ünïcödé 日本語 😀", "x" * 20_000, "a b " * 2_000, "\\", "'\"",
)  # fmt: skip
"""What callers send into any field; each is read or rejected, and neither is a fault."""


def field_troubles(plugin: str, field: CustomField, schema: LeadSchema) -> Iterator[Trouble]:
    """Yield what is wrong with one field of the plugin."""
    if not field.help.strip():
        yield Trouble.no_help(plugin, field.name)
    if not field.example.strip():
        yield Trouble(plugin, field.name, "has no example", 'give one that it accepts: example="…"')
    elif why := _refusal(field, field.example, schema):
        mend = "give one that it accepts, or mend the field"
        yield Trouble(plugin, field.name, f"does not accept its own example: {why}", mend)
    for choice in choices(field.field):
        if why := _refusal(field, choice, schema):
            mend = "take it out of the choices, or mend the field"
            yield Trouble(plugin, field.name, f"does not accept its choice {choice!r}: {why}", mend)
    for value in ODD_VALUES:
        if why := _fault(field, value, schema):
            mend = "raise ValidationError for what it does not take"
            shown = value if len(value) <= 30 else f"{value[:30]}…"
            yield Trouble(plugin, field.name, f"fails at {shown!r}: {why}", mend)


def choices(field: fields.Field) -> list[str]:
    """Return the texts that the field, or an entry of its list, may be; none where it is free."""
    if own := getattr(field, "choices", ()):
        return [str(choice) for choice in own]
    if isinstance(field, fields.List):
        return choices(field.inner)
    if isinstance(field, fields.Enum):
        return [str(field.field.serialize("", each)) if field.by_value else each.name
                for each in field.enum]  # fmt: skip
    return [
        str(choice)
        for check in field.validators
        if isinstance(check, validate.OneOf | validate.ContainsOnly)
        for choice in check.choices
    ]


def read(name: str, text: str, schema: LeadSchema) -> Any:
    """Return the typed value of a sent text. Raises ValidationError."""
    return schema.readers[name].read(text, leading_plus=False)


def _refusal(field: CustomField, text: str, schema: LeadSchema) -> str:
    """Return why the field does not take ``text``, nothing where it does."""
    try:
        value = read(field.name, text, schema)
        if value is EMPTY:
            return "it reads it as nothing"
        json.dumps(schema.dump_custom({field.name: value}), allow_nan=False)
    except ValidationError as error:
        return schema.readers[field.name].reject(text, error).problem.message
    except Exception as error:
        return said(error)
    return ""


def _fault(field: CustomField, text: str, schema: LeadSchema) -> str:
    """Return what the field raises at ``text`` that is no ValidationError, nothing else."""
    try:
        value = read(field.name, text, schema)
        if value is not EMPTY:
            json.dumps(schema.dump_custom({field.name: value}), allow_nan=False)
    except ValidationError:
        return ""
    except Exception as error:
        return said(error)
    return ""
