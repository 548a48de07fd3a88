"""What the user of an import asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.contract import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a file is imported; ``file`` is ``None`` for standard input.

    ``match`` are the rules by which leads are found, empty for those of the setting, ``None`` for
    plain inserts.
    """

    file: Path | None
    errors: Path
    caller: Caller
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    keep_ids: bool = False
    match: tuple[str, ...] | None = None
    on_invalid: str = ""
    encoding: str | None = None
    delimiter: str | None = None
    format: str = ""
    batch: int = 1000
    dry_run: bool = False
    resume: bool = False
    again: bool = False

    def deciding(self) -> dict[str, object]:
        """Return what decides how the file is read: an import goes on only with the same."""
        return {
            "caller": self.caller.name,
            "columns": dict(self.columns),
            "values": dict(self.values),
            "keep_ids": self.keep_ids,
            "match": self.match,
            "on_invalid": self.on_invalid,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "format": self.format,
        }

    def flags(self) -> frozenset[str]:
        """Return the flags of a post that each line has."""
        return frozenset() if self.match is None else frozenset({"match_update", *self.match})
