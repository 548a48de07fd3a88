"""The form in which a custom value is stored: JSON, the same on every engine."""

import json
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from gateway.models import LONG_TEXT
from gateway.normal import has_lone_surrogate

LONGEST_JSON = 4_000_000
"""Characters of JSON that one value may be, and bytes that those of a lead may be together: they
travel as one, which MariaDB takes to 16 MB."""

TOO_LONG_TOGETHER = (
    f"the custom values together would be longer than {LONGEST_JSON} bytes (send less)"
)


def plain(value: Any) -> Any:
    """Return ``value`` as JSON knows it; Marshmallow leaves Decimal and sets as they are.

    Raises TypeError for what JSON cannot hold, ValueError for text that not every database stores,
    and for what is too large.
    """
    found = _plain(value)
    if isinstance(found, dict | list) and len(json.dumps(found)) > LONGEST_JSON:
        raise ValueError(f"a value of more than {LONGEST_JSON} characters")
    return found


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        # A subclass such as an IntEnum is written by its own rules; its number is meant.
        return int(value)
    if isinstance(value, float):
        # Infinity is no JSON, and PostgreSQL refuses it.
        return float(value) if abs(value) < float("inf") else str(value)
    if isinstance(value, Mapping):
        return {_text(str(key)): _plain(inner) for key, inner in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value), key=repr)  # one order in every process
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"a value of {type(value).__name__}, which JSON cannot hold")


def _text(value: str) -> str:
    if len(value) > LONG_TEXT:
        raise ValueError(f"a text of more than {LONG_TEXT} characters")
    if "\0" in value or has_lone_surrogate(value):
        raise ValueError("a text with NUL or half a character in it")
    # An Enum that is a text as well says its name to str(), and its text here.
    return str.__str__(value)
