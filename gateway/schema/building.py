"""The schema of one system: the documented fields and its own, joined and checked at start."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import Schema

from config import Settings
from gateway.contract import RESERVED, Alias, CustomField
from gateway.formats import Flag
from gateway.schema.across import Across, across
from gateway.schema.documented import documented, siblings
from gateway.schema.messages import fault
from gateway.schema.plain import plain
from gateway.schema.reading import Reader, reader

DOCUMENTED = frozenset(
    name for row in (*documented(ZoneInfo("UTC")), *siblings()) for name in (row.name, *row.aliases)
)
"""Every name that the gateway itself reads; no plugin may take one."""

NO_OTHER_NAME = {"mode", "upload_file_contents"}
"""Documented fields beside the flags that are read before the others, so they have no alias."""

_ALIASABLE = frozenset(
    row.name
    for row in (*documented(ZoneInfo("UTC")), *siblings())
    if row.name not in NO_OTHER_NAME and not isinstance(row.field, Flag)
)

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
    an entry for every wire name. ``across`` is what custom fields ask of a whole form.
    """

    fields: Mapping[str, CustomField]
    documented: frozenset[str]
    custom: frozenset[str]
    aliases: Mapping[str, str]
    flags: frozenset[str]
    readers: Mapping[str, Reader] = field(repr=False)
    across: Across = field(repr=False)

    def dump_custom(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the custom fields among ``changes`` as values that JSON can hold.

        Raises FieldFault where there is no such value.
        """
        dumped = {}
        for name in changes:
            if name not in self.custom:
                continue
            reader = self.readers[name]
            try:
                dumped[name] = plain(reader.field.serialize(name, changes))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                raise fault(name, "storing its value", error, secret=reader.sensitive) from (
                    None if reader.sensitive else error
                )
        return dumped


def build(
    added: Sequence[CustomField | Alias], flag_names: Iterable[str], settings: Settings
) -> LeadSchema:
    """Return the schema of a system with these custom fields, aliases and match flags.

    Raises ValueError where a name is taken or reserved, or an alias is of nothing.
    """
    custom = [each for each in added if isinstance(each, CustomField)]
    own_aliases = [each for each in added if isinstance(each, Alias)]
    page = documented(ZoneInfo(settings.GATEWAY_TIMEZONE))
    rows = (*_with_aliases((*page, *siblings()), own_aliases), *custom)
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
    sensitive = frozenset(row.name for row in rows if row.sensitive)
    aliases = {alias: row.name for row in rows for alias in row.aliases}
    readers = {
        name: reader(
            name,
            bound_field,
            target=TARGETS.get(name, name),
            rank=rank,
            is_flag=name in flags,
            is_custom=name in custom_names,
            sensitive=name in sensitive,
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
        across=across(custom, bound),
    )


def may_have_alias(name: str) -> bool:
    """Return whether ``name`` is a documented field to which a plugin may give another name."""
    return name in _ALIASABLE


def _with_aliases(rows: Iterable[CustomField], more: Iterable[Alias]) -> Iterator[CustomField]:
    """Yield ``rows``, those that an alias is of with their other names."""
    names: dict[str, tuple[str, ...]] = {}
    for alias in more:
        if not may_have_alias(alias.of):
            raise ValueError(f"{alias.name!r} is an alias of {alias.of!r}, which takes none")
        names[alias.of] = (*names.get(alias.of, ()), alias.name)
    for row in rows:
        found = names.get(row.name)
        yield replace(row, aliases=(*row.aliases, *found)) if found else row


def _check_names(rows: Iterable[CustomField], flags: Iterable[str]) -> None:
    taken: Set[str] = RESERVED
    names = [name for row in rows for name in (row.name, *row.aliases)]
    for name in (*names, *flags):
        if name in taken:
            raise ValueError(f"the name {name!r} is taken")
        taken |= {name}
