"""Match rules of the file: AND over fields, each compared in a normal form."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from zlib import crc32

from gateway import MatchRule, normal, schema
from plugins.declared.file import did_you_mean
from plugins.declared.kinds import KINDS

Lead = Mapping[str, Any]
Form = Callable[[str], str | None]
Part = tuple[str, str]
"""A field and the name of its form."""

MATCHABLE = frozenset(
    "full_name first_name last_name company address address_2 city state zip country phone cell "
    "fax skype email birth_date source sub_id sub_id2 priority besttime".split()
)
"""Documented fields that rules may compare; the others are no text, or none of a person's."""

DATES = frozenset({"birth_date", "date", "date_time"})
"""The documented field that is a date, and the types that are."""

FORMS = ("exact", "text", "digits", "name", "phone", "address", "email", "date", "zip")
"""The normal forms, by their names in the file."""

_LONGEST = 500
"""Characters of a value that a rule compares; a longer one gives no key."""

_NOTHING = frozenset({"", "0", "na", "none", "null", "nil", "unknown", "notapplicable"})
_NOBODYS_DATES = frozenset({"1111-11-11", "1900-01-01", "1970-01-01"})
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def forms(settings: Any) -> Mapping[str, Form]:
    """Return the normal forms by name; each gives None for what is missing or junk."""
    region = settings.GATEWAY_REGION
    junk = normal.junk_values(settings.GATEWAY_JUNK_VALUES, region)
    listed = frozenset(map(_letters, settings.GATEWAY_JUNK_VALUES))

    def unless_nothing(form: Form) -> Form:
        def key(text: str) -> str | None:
            word = _letters(text) if len(text) <= _LONGEST else ""
            # One letter over and over (0000, xxxx) is what people put where they have nothing.
            if word in _NOTHING | listed or (len(word) > 3 and len(set(word)) == 1):
                return None
            return form(text) or None

        return key

    def phone(text: str) -> str | None:
        key = normal.phone_key(text, region)
        return None if key is None or junk.is_junk_phone(key) else key

    def email(text: str) -> str | None:
        key = normal.email_key(text)
        return None if key is None or junk.is_junk_email(key) else key

    def address(text: str) -> str | None:
        key = normal.address_key(text, "")
        return None if key is None or junk.is_junk_address(key) else key

    def digits(text: str) -> str | None:
        found = "".join(filter(str.isdecimal, normal.fold(text)))
        return None if len(found) > 3 and len(set(found)) == 1 else found

    plain: Mapping[str, Form] = {
        "exact": str,
        "text": lambda text: "".join(normal.fold(text).split()),
        "digits": digits,
        "name": lambda text: (
            normal.name_key(*normal.split_name(text)) or normal.name_part_key(text)
        ),
        "phone": phone,
        "address": address,
        "email": email,
        "date": _date,
        "zip": lambda text: normal.zip_key(text, region),
    }
    return {name: unless_nothing(form) for name, form in plain.items()}


def rule(name: str, parts: list[Part], known: Mapping[str, Form]) -> MatchRule:
    """Return the rule by which two leads are one where all ``parts`` are there and equal."""
    compared = [(field, known[form]) for field, form in parts]

    def keys(lead: Lead) -> Iterator[str]:
        found = [form(_value(lead, field)) for field, form in compared]
        if None not in found:
            # No value holds this separator: the gateway takes control characters out.
            yield "\x1f".join(filter(None, found))

    listed = " and ".join(f"{field} ({form})" for field, form in parts)
    # A rule that is changed in the file is another version: its old keys show up as stale.
    return MatchRule(
        name,
        keys,
        help=f"The same {listed} is the same lead.",
        version=crc32(repr(parts).encode()) & 0x7FFFFFFF,
    )


def why_no_part(field: str, form: str, entries: Mapping[str, Any]) -> str:
    """Return why a rule cannot compare ``field`` in this form; "" where it can.

    ``entries`` are the fields of the file; of one that has a mistake itself nothing is said.
    """
    entry = entries.get(field)
    if entry is None and field not in MATCHABLE:
        if field in schema.DOCUMENTED:
            return f"{field} cannot be compared; those that can are {', '.join(sorted(MATCHABLE))}"
        return f"there is no field {field!r}; {did_you_mean(field, [*entries, *sorted(MATCHABLE)])}"
    if form not in FORMS:
        said = f"no normal form {form!r}" if form else f"none; write {field}:text"
        return f"the normal form of {field}: there is {said}; {did_you_mean(form, FORMS)}"
    kind = entry.get("type") if isinstance(entry, dict) else None
    if isinstance(entry, dict) and entry.get("sensitive"):
        return f"{field} is sensitive, and keys would tell its values; take it out of the rule"
    if isinstance(kind, str) and kind in KINDS and KINDS[kind].several:
        return f"{field} has several values and cannot be compared; take it out of the rule"
    if form == "date" and kind not in DATES and field not in DATES:
        return f"{field} is no date; use another form, such as {field}:text"
    return ""


def _value(lead: Lead, field: str) -> str:
    if field == "full_name":
        # As the two documented rules: a whole name has two parts, however it was sent.
        first, last = lead.get("first_name"), lead.get("last_name")
        return f"{first} {last}" if first and last else ""
    if field == "address":
        return " ".join(filter(None, (lead.get("address"), lead.get("address_2"))))
    value = lead.get(field)
    return "" if value is None else str(value)


def _date(text: str) -> str | None:
    found = _DAY.match(text)
    return None if found is None or found[0] in _NOBODYS_DATES else found[0]


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, normal.fold(text)))
