"""What plugins make of a post before it is stored, and whether the store can hold that."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from math import isfinite
from types import MappingProxyType
from typing import Any

from marshmallow import fields
from sqlalchemy import Boolean, Connection, Integer, String

from gateway.contract import Caller, System
from gateway.errors import PluginFault
from gateway.formats import Note
from gateway.models import FOLDED, LONG_TEXT, Lead
from gateway.models.base import UtcDateTime
from gateway.normal import fold_label, has_lone_surrogate
from gateway.schema import LeadSchema
from gateway.store.planning import NOT_COLUMNS, WIRE_NAMES
from gateway.store.references import LABELS, names_a_row

_TYPES = {
    WIRE_NAMES.get(column.name, column.name): column.type
    for column in Lead.__table__.c
    if column.name not in NOT_COLUMNS
}
_FINDS = ("lead_id", "external_id")
_LABEL_LENGTH = 100
_ABSENT: Any = object()
_FROZEN = frozenset({str, int, float, bool, datetime, type(None)})


class _Unfit(Exception):
    """The store cannot hold the value; the text says why, without the value."""


def ask_plugins(
    changes: Mapping[str, Any],
    lead: Mapping[str, Any] | None,
    caller: Caller,
    system: System,
    *,
    connection: Connection,
) -> Mapping[str, Any]:
    """Return ``changes`` as ``gateway_before_store`` of each plugin leaves them.

    ``lead`` are the values of the stored lead, ``None`` for a new one. Raises what a plugin
    refuses, and PluginFault where it leaves something that the store cannot hold.
    """
    for listener in system.hooks.before_store:
        # Copies, whole: what a plugin does to a list must not be there when the post runs again.
        given = _copy(changes)
        stored = None if lead is None else MappingProxyType(_copy(lead))
        answer = listener.ask(changes=given, lead=stored, caller=caller)
        if answer is not None:
            raise listener.fault(
                f"returned {type(answer).__name__}; it must change `changes` and return nothing"
            )
        left: dict[str, Any] = {}
        for name in dict.fromkeys((*changes, *given)):
            old, new = changes.get(name, _ABSENT), given.get(name, _ABSENT)
            try:
                if not _is_same(old, new):
                    new = _fit(name, new, system.schema, connection)
            except _Unfit as unfit:
                raise listener.fault(f"left {str(name)[:80]!r}, which {unfit}") from None
            except Exception as error:
                raise listener.fault(
                    f"left {str(name)[:80]!r} as a {type(new).__name__}, which cannot be stored"
                ) from error
            if new is not _ABSENT:
                left[name] = new
        changes = left
    return changes


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    # Most values cannot be changed in place, and to copy each took the longest of all this.
    return {
        name: value if type(value) in _FROZEN else deepcopy(value) for name, value in values.items()
    }


def check_defaults(caller: Caller, system: System) -> None:
    """Raise PluginFault where a plugin's caller has a default that no lead can have."""
    for name, value in caller.defaults.items():
        try:
            if name not in _TYPES or name not in system.schema.fields:
                raise _Unfit("is no documented field that holds one value")
            if value is not None:
                _check_column(_TYPES[name], value, None)
        except _Unfit as unfit:
            what = f"has the default {str(name)[:80]!r}, which {unfit}"
            raise PluginFault(f"caller {caller.name} of a plugin {what}") from None


def _is_same(old: Any, new: Any) -> bool:
    # True is 1 to Python, and not to every database.
    return type(old) is type(new) and bool(old == new)


def _fit(name: Any, value: Any, schema: LeadSchema, connection: Connection) -> Any:
    """Return ``value`` as the store takes it. Raises _Unfit."""
    if name in _FINDS:
        raise _Unfit("finds the lead and may not be changed")
    if name not in _TYPES and name not in _APPENDED and name not in schema.custom:
        raise _Unfit("is no value of a lead (an alias, a flag, an upload, or no field at all)")
    if name not in schema.fields:
        raise _Unfit("is no field of this system")
    if value is _ABSENT or value is None or value == "":
        return _ABSENT if value is _ABSENT else None
    if isinstance(value, str):
        # An Enum that is a text as well says its name to str(), and to some drivers.
        value = str.__str__(value)
    if name in schema.custom:
        _check_custom(name, value, schema)
        return value
    if name in _APPENDED:
        return _APPENDED[name](value)
    length = getattr(schema.fields[name].field, "length", None)
    _check_column(_TYPES[name], value, length)
    if name in LABELS and not names_a_row(connection, name, value):
        raise _Unfit("names a row that does not exist")
    return value


def _check_column(kind: Any, value: Any, length: int | None) -> None:
    if isinstance(kind, String):
        _text(value, length or kind.length or LONG_TEXT)
    elif isinstance(kind, Boolean):
        if not isinstance(value, bool):
            raise _Unfit("must be True or False")
    elif isinstance(kind, Integer):
        _check_whole(value)
    elif isinstance(kind, UtcDateTime):
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise _Unfit("must be a datetime with a time zone")
        value.astimezone(UTC)
    elif isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise _Unfit("must be a number")


def _is_finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:  # a whole number that no double holds
        return False


def _check_custom(name: str, value: Any, schema: LeadSchema) -> None:
    if isinstance(schema.fields[name].field, fields.String) and not isinstance(value, str):
        raise _Unfit("must be text")
    # What cannot be JSON at all, or is text that no database stores, is raised there.
    _check_numbers(schema.dump_custom({name: value})[name])


def _check_numbers(value: Any) -> None:
    if isinstance(value, int) and not isinstance(value, bool):
        _check_whole(value)
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            _check_numbers(inner)


def _check_whole(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise _Unfit("must be a whole number of 64 bits")


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        raise _Unfit("must be text")
    if len(value) > longest:
        raise _Unfit(f"is longer than {longest} characters")
    if "\0" in value or has_lone_surrogate(value):
        raise _Unfit("holds NUL or half a character, which no database stores")
    return str.__str__(value)


def _some_text(value: Any, longest: int) -> str:
    text = _text(value, longest)
    if not text.strip():
        raise _Unfit("holds an empty text")
    return text


def _tags(value: Any) -> list[str]:
    tags = [_some_text(tag, _LABEL_LENGTH) for tag in _several(value)]
    if any(len(fold_label(tag)) > FOLDED for tag in tags):
        raise _Unfit(f"holds a tag that is longer than {FOLDED} characters when folded")
    return tags


def _notes(value: Any) -> list[Note]:
    notes = []
    for entry in _several(value):
        if not isinstance(entry, list | tuple) or len(entry) != 2:
            raise _Unfit("must be a list of (status, text)")
        status, text = entry
        notes.append(Note(_some_text(status, _LABEL_LENGTH), _some_text(text, LONG_TEXT)))
    return notes


def _several(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _Unfit("must be a list")
    return list(value)


_APPENDED: Mapping[str, Callable[[Any], Any]] = {
    "note": lambda value: _text(value, LONG_TEXT),
    "notes": _notes,
    "tags": _tags,
    "tag_append": _tags,
    "admin_notes_append": lambda value: _text(value, LONG_TEXT),
}
