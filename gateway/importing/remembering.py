"""Readers of an import, which remember what they have read: in a file most values come often."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from gateway.contract import FormValue
from gateway.schema import LeadSchema
from gateway.schema.reading import Reader

MOST = 2000
"""Values that one field remembers; a column with another value on each line needs none."""

_UNKNOWN: Any = object()

LONGEST = 200
"""Characters of a value that is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembering(Reader):
    """A reader that reads a text once; what is refused is read, and refused, each time."""

    known: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def read(self, sent: FormValue, *, leading_plus: bool) -> Any:
        """Return the typed value, or EMPTY, as ``Reader.read`` does."""
        if type(sent) is not str or leading_plus:
            return Reader.read(self, sent, leading_plus=leading_plus)
        value = self.known.get(sent, _UNKNOWN)
        if value is _UNKNOWN:
            value = Reader.read(self, sent, leading_plus=False)
            if len(self.known) < MOST and len(sent) <= LONGEST:
                self.known[sent] = value
        # A list might be changed by who gets it; what is in one of ours cannot be.
        return value.copy() if type(value) is list else value


def remembering(schema: LeadSchema) -> LeadSchema:
    """Return ``schema`` with readers that remember, but for those of plugins.

    A plugin's field may read one text as two values at two times.
    """
    made: dict[int, Reader] = {}
    for reader in schema.readers.values():
        if reader.name not in schema.custom and id(reader) not in made:
            made[id(reader)] = _Remembering(
                **{each.name: getattr(reader, each.name) for each in fields(Reader)}
            )
    readers: Mapping[str, Reader] = {
        name: made.get(id(reader), reader) for name, reader in schema.readers.items()
    }
    return replace(schema, readers=MappingProxyType(readers))
