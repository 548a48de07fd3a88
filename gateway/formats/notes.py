"""Notes, as JSON text or as PHP arrays."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from marshmallow import fields

from gateway.formats.messages import HALF_CHARACTER, broken, check_count
from gateway.normal import clean, has_lone_surrogate


class Note(NamedTuple):
    """A note as posted: its status (a word such as ``Message``) and its text."""

    status: str
    text: str


class Notes(fields.Field[list[Note]]):
    """Notes as JSON text, or as PHP arrays: ``notes[0][Status]=…&notes[0][Notes]=…``."""

    wire_type = "JSON"
    structured = True
    STATUS_KEYS = ("Status", "status")
    TEXT_KEYS = ("Notes", "notes", "Note", "note")

    def __init__(self, *, length: int, status_length: int, **options: Any) -> None:
        super().__init__(**options)
        self.length, self.status_length = length, status_length

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Note]:
        if isinstance(value, dict) and len(value) == 1:
            (only,) = value.values()
            value = value if isinstance(only, dict) else only
        if isinstance(value, tuple):
            value = value[-1]
        if isinstance(value, str):
            entries = self._from_text(clean(value, multiline=True))
        else:
            # A form whose note was left empty sends all of its names without a value.
            entries = list(value.values()) if _any_text(value) else []
        check_count(entries)
        return [self._note(at, entry) for at, entry in enumerate(entries, start=1)]

    def _from_text(self, text: str) -> list[Any]:
        if not text:
            return []
        entries = _from_json(text)
        if entries is None:
            # PHP with magic quotes put a backslash before each quote; those callers still post.
            entries = _from_json(re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL))
        if not isinstance(entries, list):
            raise broken("not a JSON array of objects with Status and Notes", keepable=False)
        return entries

    def _note(self, at: int, entry: Any) -> Note:
        if not isinstance(entry, dict):
            raise broken(f"entry {at} is not an object with Status and Notes", keepable=False)
        text = clean(_first_text(entry, self.TEXT_KEYS), multiline=True)
        status = clean(_first_text(entry, self.STATUS_KEYS)) or "Note"
        if not text:
            raise broken(f"entry {at} has no text (Notes)", keepable=False)
        if has_lone_surrogate(text + status):
            raise broken(f"entry {at} {HALF_CHARACTER}")
        for name, part, longest in (
            ("text", text, self.length),
            ("status", status, self.status_length),
        ):
            if len(part) > longest:
                raise broken(
                    f"entry {at} has a {name} longer than {longest} characters", code="too_long"
                )
        return Note(status, text)

    def _serialize(self, value: list[Note] | None, *args: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return json.dumps([{"Status": status, "Notes": text} for status, text in value])


def _any_text(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_any_text, value.values()))
    return bool(clean(value if isinstance(value, str) else value[-1]))


def _first_text(entry: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the first text under one of the keys; what is no text (null, a list) is none."""
    texts = (value[-1] if isinstance(value, tuple) else value for value in map(entry.get, keys))
    return next((text for text in texts if text and isinstance(text, str)), "")


def _from_json(text: str) -> Any:
    """Return what the JSON text says, numbers as written, or None where it is no JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)  # NaN and Infinity are no JSON

    try:
        # Not strict: callers that build JSON by hand put a text area's line ends in as they are.
        return json.loads(text, strict=False, parse_int=str, parse_float=str, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
