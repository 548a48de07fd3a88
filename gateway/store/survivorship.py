"""What a match makes of stored values: spellings stay, an old second address line goes."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.normal import address_key, email_key, generation, name_key, phone_key

NAMES = ("full_name", "first_name", "last_name")
ADDRESSES = ("address", "address_2")


def keep_spelling(
    changes: Mapping[str, Any], row: Mapping[str, Any], region: str
) -> dict[str, Any]:
    """Return ``changes`` without what only spells a name, phone, address or e-mail anew.

    The contract: what a post matched by keeps its stored spelling when only the spelling differs.
    ``JOSE ONEIL`` does not replace ``José O'Neil``; another phone replaces the old one.
    """
    same = set(_same(changes, row, region))
    return {name: value for name, value in changes.items() if name not in same}


def with_whole_address(changes: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``changes`` with address_2 cleared where another address comes without one.

    The stored second line belongs to the stored address. Beside the new one it would be a place
    where nobody lives, and an equal post would not find the lead by it.
    """
    new, old = _text(changes, "address"), _text(row, "address")
    if not new or new == old or _text(changes, "address_2") or not _text(row, "address_2"):
        return dict(changes)
    if _is_same(address_key(new, ""), address_key(old, "")):
        return dict(changes)
    return {**changes, "address_2": None}


def _same(changes: Mapping[str, Any], row: Mapping[str, Any], region: str) -> Iterator[str]:
    if _is_same_name(changes, row):
        # What has no stored spelling yet is filled in: the full name of a lead made of parts.
        yield from (name for name in NAMES if row.get(name))
    if _is_same(_address(changes), _address(row)):
        yield from ADDRESSES
    for name in ("phone", "cell"):
        if _is_same(*(phone_key(_text(lead, name), region) for lead in (changes, row))):
            yield name
    if _is_same(*(email_key(_text(lead, "email")) for lead in (changes, row))):
        yield "email"


def _is_same_name(changes: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    new, old = ((_text(lead, "first_name"), _text(lead, "last_name")) for lead in (changes, row))
    # A suffix that the stored name lacks is news, and no spelling.
    return _is_same(name_key(*new), name_key(*old)) and generation(*new) in ("", generation(*old))


def _address(lead: Mapping[str, Any]) -> str | None:
    return address_key(_text(lead, "address"), _text(lead, "address_2"))


def _is_same(new: str | None, old: str | None) -> bool:
    return new is not None and new == old


def _text(lead: Mapping[str, Any], name: str) -> str:
    return lead.get(name) or ""
