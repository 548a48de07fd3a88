"""The short way through a field for a plain value: one line of ASCII, as nearly all values are.

It is made of the field when the schema is built, so the field stays the one that knows. It skips
what cannot matter to such a value: cleaning, normal forms, Marshmallow's steps that this field does
not use. What it does not take, the reader reads the plain way, which also says what is wrong.
"""

from collections.abc import Callable
from typing import Any, cast

from marshmallow import fields

from gateway.formats import Identifier, Text

Quick = Callable[[str], Any]
"""Gives the typed value of a text that is ASCII, trimmed and not empty; raises for what it does not
take."""


_SIMPLE = {fields.String, fields.Integer, fields.Float, fields.Boolean}
"""Marshmallow's own that run no code of others."""


class NotPlain(Exception):
    """The value is one for the plain way."""


def compiled(
    field: fields.Field, name: str, *, longest: int | None, many: bool, structured: bool
) -> Quick | None:
    """Return the short way through ``field``, ``None`` where it has steps that this cannot know.

    A class of a plugin's own has none: its code runs once for a value, with all that guards it.
    """
    has_own_steps = (
        not (type(field).__module__.startswith("gateway.formats") or type(field) in _SIMPLE)
        or type(field).deserialize is not fields.Field.deserialize
        or field.validators
        or field.pre_load
        or field.post_load
    )
    if structured or has_own_steps:
        return None
    if longest is None and not many and type(field) not in _SIMPLE:
        # One of ours in a documented field: it takes the value alone, and gives nothing for none.
        return cast("Quick", field._deserialize)
    return _other(field, name, longest=longest, many=many)


def kept(field: fields.Field, quick: Quick | None, *, longest: int | None) -> int:
    """Return up to how many characters a plain value of ``field`` is kept as it is; 0 for never."""
    if quick is None or not isinstance(field, Text | Identifier):
        return 0
    return field.length if longest is None else min(field.length, longest)


def _other(field: fields.Field, name: str, *, longest: int | None, many: bool) -> Quick:
    deserialize = field._deserialize

    def read(text: str) -> Any:
        if longest is not None and len(text) > longest:
            raise NotPlain
        value = deserialize([text] if many else text, name, None)
        if value is None or value == []:
            raise NotPlain
        return value

    return read
