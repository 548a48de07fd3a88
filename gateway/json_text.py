"""JSON that is written for every post: into rows, and into what a digest is made of."""

import json
from collections.abc import Callable
from typing import Any

import orjson


def as_json(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    """Return ``value`` as JSON; ``default`` writes what JSON does not know, which else raises."""
    try:
        return orjson.dumps(value, default, orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except orjson.JSONEncodeError:
        # Half a character, or a number of more than 64 bits.
        return json.dumps(value, default=default)
