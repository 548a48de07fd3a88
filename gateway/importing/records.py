"""What a file says, one lead at a time."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gateway.contract import FormValue
from gateway.errors import Problem


class Record(NamedTuple):
    """What one row, or one line of JSON, says: ``form`` as a post would have it, or why not.

    ``line`` is where it begins and ``last`` where it ends; ``raw`` are its bytes.
    """

    line: int
    last: int
    raw: bytes
    form: Mapping[str, FormValue] = MappingProxyType({})
    problem: Problem | None = None


def texts(cell: str) -> tuple[str, ...]:
    """Return the texts of a JSON list in a cell, nothing where it is none."""
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(found, list):
        return ()
    return tuple(found) if all(isinstance(each, str) for each in found) else ()
