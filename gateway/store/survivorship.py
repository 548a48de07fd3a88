"""What a match leaves as it is: a sent value that is the stored one in another spelling."""

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
