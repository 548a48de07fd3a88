"""The sensitive values of leads: sealed where they are written, opened where they are read.

The one place that does either, for the row of a lead and for the rows of its history. In between
all code has plain values, so that what is sent again is seen to be the same. A value whose key was
lost is ``Locked``: it can be carried over and written back as it was stored, and says why it cannot
be shown. The engine carries the vault of its system, so that nobody who reads a row can forget it.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine

from gateway.schema import LeadSchema
from gateway.sealing import TEXT_MARK, CannotOpen, Sealer, escape_text, is_sealed_text
from gateway.store.planning import COLUMNS

_OPTION = "gateway_vault"


class Locked(str):
    """A value as it is stored, sealed by a key that the system does not have; ``why`` says so."""

    why: str

    def __new__(cls, sealed: str, why: str = "") -> "Locked":
        # Copied it is made of its text alone, and is given the rest afterwards.
        made = super().__new__(cls, sealed)
        made.why = why
        return made


class Vault:
    """Knows which values of a lead are sensitive, and seals and opens them.

    ``fields`` are the names of sensitive fields, ``columns`` those of the documented ones among
    them; they hold texts. A custom value that is sealed is opened, whatever its field is now.
    """

    def __init__(self, sealer: Sealer, schema: LeadSchema) -> None:
        sensitive = [name for name, field in schema.fields.items() if field.sensitive]
        self.sealer = sealer
        self.fields = frozenset(sensitive)
        self.columns = tuple(COLUMNS.get(n, n) for n in sensitive if n not in schema.custom)

    def seal_row(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``values`` of a lead by column as they may be stored."""
        sealed: dict[str, Any] = {}
        for name in self.columns:
            value = values.get(name)
            if value is not None:
                sealed[name] = self._seal(value)
        custom = values.get("custom")
        if custom:
            sealed["custom"] = {
                name: self._seal_custom(name, value) for name, value in custom.items()
            }
        return {**values, **sealed} if sealed else values

    def open_row(self, row: Any) -> Any:
        """Return a stored row of a lead with plain values; what cannot be opened is Locked."""
        opened: dict[str, Any] = {}
        for name in self.columns:
            value = row[name]
            if value is not None and value.startswith(TEXT_MARK):
                opened[name] = self.open_value(value)
        custom = row["custom"]
        if custom and any(map(_is_marked, custom.values())):
            opened["custom"] = {name: self.open_value(value) for name, value in custom.items()}
        return {**row, **opened} if opened else row

    def seal_change(self, field: str, value: Any) -> str | None:
        """Return the old or new ``value`` of ``field`` as its row of the history holds it."""
        if value is None:
            return None
        if isinstance(value, Locked):
            return str(value)
        text = as_text(value)
        # JSON never begins like the mark, so there is nothing to keep apart without keys.
        return self.sealer.seal_text(text) if field in self.fields else text

    def open_change(self, text: str | None) -> Any:
        """Return a value of the history, or Locked."""
        if text is None:
            return None
        return self.open_value(text) if is_sealed_text(text) else json.loads(text)

    def open_value(self, stored: Any) -> Any:
        """Return a stored value of a lead as it was before it was sealed or escaped, or Locked."""
        if not _is_marked(stored):
            return stored
        try:
            text = self.sealer.open_text(stored)
        except CannotOpen as error:
            return Locked(stored, str(error))
        return json.loads(text) if is_sealed_text(stored) else text

    def renew(self, name: str, stored: Any) -> Any:
        """Return a stored value of a lead sealed by the first key, if it is to be sealed at all.

        Raises CannotOpen.
        """
        if isinstance(stored, str) and is_sealed_text(stored):
            return self.sealer.renew_text(stored)
        is_due = name in self.fields and stored is not None
        return self._seal(self.open_value(stored)) if is_due else stored

    def renew_change(self, field: str, stored: str | None) -> str | None:
        """Return a stored value of the history sealed by the first key. Raises CannotOpen."""
        if stored is None or not (field in self.fields or is_sealed_text(stored)):
            return stored
        return self.sealer.renew_text(stored)

    def _seal_custom(self, name: str, value: Any) -> Any:
        if name in self.fields and value is not None:
            return self._seal(value)
        if isinstance(value, Locked):
            return str(value)
        return escape_text(value) if isinstance(value, str) else value

    def _seal(self, value: Any) -> Any:
        if isinstance(value, Locked):
            return str(value)
        if self.sealer.is_active:
            return self.sealer.seal_text(as_text(value))
        return escape_text(value) if isinstance(value, str) else value


def attach(engine: Engine, vault: Vault) -> None:
    """Make ``vault`` the one of every connection of ``engine``."""
    engine.update_execution_options(**{_OPTION: vault})


def vault_of(bind: Connection | Engine) -> Vault:
    """Return the vault of the system whose connection or engine this is."""
    vault: Vault = bind.get_execution_options()[_OPTION]
    return vault


def as_text(value: Any) -> str:
    """Return ``value`` as JSON, times in ISO form."""
    return _encode(value)


def _is_marked(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(TEXT_MARK)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


# json.dumps would make an encoder for each value, which takes ten times as long.
_encode = json.JSONEncoder(ensure_ascii=False, default=_plain).encode
