"""The schema of one system: the documented fields and its own, joined and checked at start."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import Schema

from config import Settings
from gateway.contract import RESERVED, CustomField
from gateway.formats import Flag
from gateway.schema.documented import documented, siblings
from gateway.schema.reading import Reader, reader

DOCUMENTED = frozenset(
    name for row in (*documented(ZoneInfo("UTC")), *siblings()) for name in (row.name, *row.aliases)
)
"""Every name that the gateway itself reads; no plugin may take one."""

_UPLOAD = frozenset({"upload_file_name", "upload_file_contents"})
_APPENDED = frozenset({"note", "notes", "tag_append", "admin_notes_append"})

NEVER_CLEARED = {"mode", "lead_id", "external_id", "ok_to_text", "ownerID"} | _APPENDED | _UPLOAD
"""Fields to which an empty value does nothing, as it does to flags (contract, "empty value")."""

NEVER_KEPT = {"mode", "lead_id", "external_id", "custom_status"} | _UPLOAD
"""Fields whose bad values refuse the post under every policy, as do flags (contract, section 3)."""

TARGETS = {"admin_notes_send": "admin_notes", "admin_notes_set": "admin_notes"}
"""Fields that are another way to send a documented one; the last sent wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadSchema:
    """The fields of a lead on this system, in page order: documented, our siblings, custom.

    ``documented`` are the names of the old page, ``custom`` those of the plugins. ``aliases`` maps
    other wire names to the field's. ``flags`` steer the post and are never stored. ``readers`` has
    an entry for every wire name.
    """

    fields: Mapping[str, CustomField]
    documented: frozenset[str]
    custom: frozenset[str]
    aliases: Mapping[str, str]
    flags: frozenset[str]
    readers: Mapping[str, Reader] = field(repr=False)

    def dump_custom(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the custom fields among ``changes`` as values that JSON can hold."""
        return {
            name: _plain(self.readers[name].field.serialize(name, changes))
            for name in changes
            if name in self.custom
        }


def build(
    custom: Sequence[CustomField], flag_names: Iterable[str], settings: Settings
) -> LeadSchema:
    """Return the schema of a system with these custom fields and match flags.

    Raises ValueError where a name is taken or reserved.
    """
    page = documented(ZoneInfo(settings.GATEWAY_TIMEZONE))
    rows = (*page, *siblings(), *custom)
    own_flags = frozenset(row.name for row in page if isinstance(row.field, Flag))
    # The registry may name all rules of the system, among them the two that the page documents.
    more_flags = sorted(frozenset(flag_names) - (own_flags - {"match_update"}))
    _check_names(rows, more_flags)
    flags = own_flags.union(more_flags)
    # Binding gives each field its parent, which some of Marshmallow's own need; it copies them, so
    # that a plugin's field can serve two systems.
    bound = Schema.from_dict({row.name: row.field for row in rows})().fields
    bound |= {name: Flag() for name in more_flags}
    custom_names = frozenset(row.name for row in custom)
    aliases = {alias: row.name for row in rows for alias in row.aliases}
    readers = {
        name: reader(
            name,
            bound_field,
            target=TARGETS.get(name, name),
            rank=rank,
            is_flag=name in flags,
            is_custom=name in custom_names,
            clears=name not in NEVER_CLEARED and name not in flags,
            keepable=name not in NEVER_KEPT and name not in flags,
        )
        for rank, (name, bound_field) in enumerate(bound.items())
    }
    readers |= {alias: readers[name] for alias, name in aliases.items()}
    return LeadSchema(
        fields=MappingProxyType({row.name: row for row in rows}),
        documented=frozenset(row.name for row in page),
        custom=custom_names,
        aliases=MappingProxyType(aliases),
        flags=flags,
        readers=MappingProxyType(readers),
    )


def _check_names(rows: Iterable[CustomField], flags: Iterable[str]) -> None:
    taken: Set[str] = RESERVED
    names = [name for row in rows for name in (row.name, *row.aliases)]
    for name in (*names, *flags):
        if name in taken:
            raise ValueError(f"the name {name!r} is taken")
        taken |= {name}


def _plain(value: Any) -> Any:
    """Return ``value`` as JSON knows it; Marshmallow leaves Decimal and sets as they are."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        # Infinity is no JSON, and PostgreSQL refuses it.
        return value if abs(value) < float("inf") else str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    return str(value)
