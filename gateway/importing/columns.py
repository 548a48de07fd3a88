"""Which field a column of a file is: by its wire name, or by what the user says."""

from collections.abc import Mapping

from gateway.contract import CONTROLS, CREDENTIALS
from gateway.importing.lines import CannotImport
from gateway.schema import LeadSchema
from gateway.schema.parsing import MOST_UNKNOWN, UNKNOWN_LENGTH
from gateway.transport import names

LEAD_ID, EXTERNAL_IDS = "lead_id", "external_ids"
TIMES = ("created_at", "updated_at")

_STEERS = CREDENTIALS | CONTROLS | {"mode", "upload_file_name", "upload_file_contents"}
_SHOWN_ONLY = {"events", "files", "custom", "match"}


class Columns:
    """What each column is read as; ``ignored`` are those that are not read, each with why."""

    def __init__(self, schema: LeadSchema, renamed: Mapping[str, str], *, keep_ids: bool) -> None:
        self._schema, self._renamed, self._keep_ids = schema, renamed, keep_ids
        self._known: dict[str, str | None] = {}
        self.ignored: dict[str, str] = {}
        for column, field in renamed.items():
            if self._why_not(field):
                raise CannotImport(
                    f"--map {column}={field}: {self._why_not(field)}; "
                    "flask lead export shows the names of the fields in its first line"
                )

    def name(self, column: str) -> str | None:
        """Return the name under which a post would send the column; ``None``: it is not read."""
        if column not in self._known:
            name = self._renamed.get(column, column)
            why = self._why_not(name)
            if len(self._known) < MOST_UNKNOWN or not why:
                self._known[column] = None if why else name
            if why and len(self.ignored) < MOST_UNKNOWN:
                self.ignored[column[:UNKNOWN_LENGTH]] = why
            return None if why else name
        return self._known[column]

    def _why_not(self, name: str) -> str:
        path = names.path(name)
        base = path.base if path else ""
        if base in (LEAD_ID, *TIMES):
            return "" if self._keep_ids else "made anew (--keep-ids keeps it)"
        if base == EXTERNAL_IDS:
            return ""
        if base in _STEERS or base in self._schema.flags:
            return "no value of a lead; an import has options for what it means"
        if base in _SHOWN_ONLY and base not in self._schema.readers:
            return "shown, but made by the gateway itself"
        return "" if base in self._schema.readers else "no field of this system"
