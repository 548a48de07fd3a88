"""What a merge makes of the values of several leads: which stay, and which give way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.normal import fold_label
from gateway.store.history import Change
from gateway.store.planning import WIRE_NAMES

OWN = {"lead_id", "created_at", "updated_at", "match", "custom"}
"""Columns of which the lead that stays keeps its own: when it came, how its last post found it."""

ADDRESS = ("address", "address_2")
PHONES = ("phone", "cell")


@dataclass(slots=True)
class Whole:
    """A lead with what merges field by field; filled up from one lead after another."""

    row: dict[str, Any]
    tags: list[str] = field(default_factory=list)


def fill(lead: Whole, other: Whole) -> list[Change]:
    """Put into ``lead`` what it lacks and ``other`` has; return both that and what gives way."""
    changes = _settle_address(lead.row, other.row)
    has_name = lead.row["first_name"] or lead.row["last_name"]
    for column in other.row.keys() - OWN - set(ADDRESS):
        # A lead that was sent its name in two parts is not given a third that says another.
        stays = column == "full_name" and has_name
        changes += _settle(lead.row, other.row, column, stays=bool(stays))
    custom = dict(lead.row["custom"] or {})
    for name in other.row["custom"] or {}:
        changes += _settle(custom, other.row["custom"], name)
    lead.row["custom"] = custom or None
    held = {fold_label(tag) for tag in lead.tags}
    added = [tag for tag in other.tags if fold_label(tag) not in held]
    if added:
        changes.append(Change("tags", list(lead.tags), [*lead.tags, *added]))
        lead.tags += added
    return changes


def take_in_phones(
    lead: Whole, other: Whole, key_of: Callable[[str | None], str | None]
) -> list[Change]:
    """Put a phone or cell of ``other`` that gave way into the one of the two that is empty.

    The two are compared crosswise, so a post that has it still finds the lead. ``key_of`` gives
    the key of a number, and none of what is junk or no number.
    """
    changes = []
    for name in PHONES:
        number = other.row[name]
        empty = next((each for each in PHONES if _is_empty(lead.row[each])), None)
        key, held = key_of(number), {key_of(lead.row[each]) for each in PHONES}
        if empty is not None and key is not None and key not in held:
            lead.row[empty] = number
            changes.append(Change(empty, None, number))
    return changes


def _settle_address(mine: dict[str, Any], theirs: Mapping[str, Any]) -> list[Change]:
    """Settle the two lines of an address together: those of two places make none."""
    if not _is_empty(mine["address"]):
        return [change for name in ADDRESS for change in _settle(mine, theirs, name, stays=True)]
    if _is_empty(theirs["address"]):
        return _settle(mine, theirs, "address_2")
    changes = [
        Change(name, mine[name], theirs[name])
        for name in ADDRESS
        if (mine[name] or None) != (theirs[name] or None)
    ]
    mine.update({name: theirs[name] for name in ADDRESS})
    return changes


def _settle(
    mine: dict[str, Any], theirs: Mapping[str, Any], name: str, *, stays: bool = False
) -> list[Change]:
    old, offered = mine.get(name), theirs[name]
    if _is_empty(offered) or old == offered:
        return []
    if not _is_empty(old) or stays:
        return [Change(WIRE_NAMES.get(name, name), offered, old)]
    mine[name] = offered
    return [Change(WIRE_NAMES.get(name, name), old, offered)]


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})
