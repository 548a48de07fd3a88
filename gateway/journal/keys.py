"""By what the posts of a person are found: digests of phones, e-mail, name and external id.

They have nothing to do with match rules: those differ from system to system and change.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from config import Settings
from gateway.contract import Call, System
from gateway.normal import (
    Junk,
    address_key,
    clean,
    digest,
    email_key,
    junk_values,
    name_key,
    phone_key,
    split_name,
    storable,
)

PHONE, EMAIL, NAME, EXTERNAL_ID = "phone", "email", "name", "external_id"
HOME = "name and address"
"""Kinds of key. A name says who it may be, the others who it is."""

TELLING = frozenset({PHONE, EMAIL, EXTERNAL_ID, HOME})
"""Kinds by which a post is one of a person whose rights are asked for; namesakes are others."""

PHONES = ("phone", "cell", "fax")
FIELDS = frozenset(
    {*PHONES, "email", "external_id", "full_name", "first_name", "last_name", "address"}
    | {"address_2"}
)
"""Fields that keys are made of."""

_MOST = 20
"""Values of one field, sent as a list, that count."""
_LONGEST = 400
"""Characters of a value that count."""


def search_keys(values: Mapping[str, Any], settings: Settings) -> frozenset[bytes]:
    """Return the digests by which a post with ``values`` is found: typed ones or a raw form."""
    return frozenset([digest(f"journal {kind}", key) for kind, key in keys_of(values, settings)])


def sent_keys(call: Call, system: System) -> frozenset[bytes]:
    """Return the digests by which a post that was not read, or not taken, is found."""
    aliases = system.schema.aliases
    form = {aliases.get(name, name): value for name, value in call.form.items()}
    return search_keys(form, system.settings)


def search_key(kind: str, text: str, settings: Settings) -> bytes | None:
    """Return the digest of what a person types to find somebody; ``None`` where it says nothing."""
    field = {PHONE: "phone", EMAIL: "email", NAME: "full_name", EXTERNAL_ID: "external_id"}[kind]
    for found, key in keys_of({field: text}, settings):
        if found == kind:
            return digest(f"journal {kind}", key)
    return None


def telling_keys(values: Mapping[str, Any], settings: Settings) -> frozenset[bytes]:
    """Return the digests of ``values`` that say who it is, without the bare name."""
    return frozenset(
        digest(f"journal {kind}", key) for kind, key in keys_of(values, settings) if kind in TELLING
    )


def keys_of(values: Mapping[str, Any], settings: Settings) -> list[tuple[str, str]]:
    """Return kind and normal form of everything in ``values`` that somebody is found by.

    Junk and what has no normal form give none. Never raises, whatever was sent.
    """
    region = settings.GATEWAY_REGION
    junk = _junk(settings.GATEWAY_JUNK_VALUES, region)
    found: list[tuple[str, str]] = []
    for name in PHONES:
        if name in values:
            for text in _texts(values[name]):
                phone = phone_key(text, region)
                if phone and not junk.is_junk_phone(phone):
                    found.append((PHONE, phone))
    if "email" in values:
        for text in _texts(values["email"]):
            # What is no address was refused or kept aside, and is searched for as it was typed.
            email = (email_key(text) or text).casefold()
            if "@" in email and not junk.is_junk_email(email):
                found.append((EMAIL, email))
    if EXTERNAL_ID in values:
        found += [(EXTERNAL_ID, text) for text in _texts(values[EXTERNAL_ID])]
    name_of_person = _name(values)
    if name_of_person:
        found.append((NAME, name_of_person))
        address = address_key(_one(values, "address"), _one(values, "address_2"))
        if address and not junk.is_junk_address(address):
            found.append((HOME, f"{name_of_person}|{address}"))
    return found


def _name(values: Mapping[str, Any]) -> str | None:
    first, last = _one(values, "first_name"), _one(values, "last_name")
    if not (first and last) and (full := _one(values, "full_name")):
        parts = split_name(full)
        first, last = first or parts[0], last or parts[1]
    return name_key(first, last) if first and last else None


def _one(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if isinstance(value, str):
        return _text(value)
    return next(iter(_texts(value)), "")


def _texts(value: Any) -> Iterable[str]:
    """Return every text in a value of a form: one, several, or an array of arrays."""
    if value is None:
        return ()
    # Nearly every value is one text.
    if isinstance(value, str):
        return (text,) if (text := _text(value)) else ()
    return _nested(value)


def _nested(value: Any) -> Iterator[str]:
    left = _MOST
    waiting = [value]
    while waiting and left:
        each = waiting.pop()
        if isinstance(each, str):
            left -= 1
            if text := _text(each):
                yield text
        elif isinstance(each, Mapping):
            waiting.extend(list(each.values())[:_MOST])
        elif isinstance(each, tuple | list):
            # The last one wins where a field has one value, so it comes first.
            waiting.extend(each[-_MOST:])


def _text(sent: str) -> str:
    # Cut first: the normal forms read no more.
    text = sent[:_LONGEST]
    # Nearly every value is plain: of that either leaves all but the spaces around it.
    return text.strip() if text.isascii() and text.isprintable() else storable(clean(text))


@lru_cache(maxsize=8)
def _junk(setting: tuple[str, ...], region: str) -> Junk:
    return junk_values(setting, region)
