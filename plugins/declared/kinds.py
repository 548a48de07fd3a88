"""The types that a field of the file may have: the keys each takes, and the field it makes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields
from marshmallow.validate import Range

from gateway import formats, normal

Entry = Mapping[str, Any]

LONGEST_TEXT = 10_000
LONGEST = 1_000_000


class Wrong(Exception):
    """A key of a field has a value that cannot be used: ``key`` and ``reason``."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key, self.reason = key, reason


class DecimalNumber(fields.Decimal):
    """A number with or without decimals; a comma is a point."""

    wire_type = "Decimal"
    _NUMBER = re.compile(r"[+-]?([0-9]{1,20}([.,][0-9]{0,20})?|[.,][0-9]{1,20})")

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not self._NUMBER.fullmatch(value):
            raise ValidationError("not a decimal number (such as 12.5)")
        return super()._deserialize(value.replace(",", "."), *args, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type: ``make(entry, zone, options)`` gives the field; what it says and shows by default."""

    make: Callable[[Entry, ZoneInfo, dict[str, Any]], fields.Field]
    help: str
    example: str = ""
    keys: frozenset[str] = field(default_factory=frozenset)
    several: bool = False


def as_text(value: Any) -> str:
    """Return a value of the file as a post would send it: 12, 2030-01-31, true or a text."""
    if isinstance(value, bool):
        return "Yes" if value else "No"  # as the gateway shows it
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def why_not(field: fields.Field, value: Any, *, several: bool = False) -> str:
    """Return why the field does not take a value of the file; "" where it does."""
    try:
        read(field, value, several=several)
    except ValidationError as error:
        messages = error.messages
        return "; ".join(map(str, messages)) if isinstance(messages, list) else str(messages)
    return ""


def read(field: fields.Field, value: Any, *, several: bool = False) -> Any:
    """Return what the field reads a value of the file as. Raises ValidationError."""
    texts = [normal.clean(as_text(each), multiline=True) for each in _listed(value)]
    if not all(texts) or not texts:
        raise ValidationError("empty, which counts as not sent")
    if not several and isinstance(value, list):
        raise ValidationError("takes one value, not several")
    return field.deserialize(texts if several else texts[0])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(entry: Entry, zone: ZoneInfo, options: dict[str, Any]) -> fields.Field:
    length = entry.get("length", 255)
    if not 1 <= length <= LONGEST_TEXT:
        raise Wrong("length", f"must be from 1 to {LONGEST_TEXT}; type long_text holds more")
    if "pattern" in entry:
        if "example" not in entry:
            raise Wrong("pattern", "needs an example beside it, to show callers what fits")
        try:
            pattern = formats.Pattern(entry["pattern"], example=as_text(entry["example"]))
        except ValueError as error:
            raise Wrong(
                "pattern",
                f"cannot be used: {error} (RE2 syntax, without look-around and back-references; "
                "'single quotes' keep backslashes)",
            ) from None
        options["validate"] = pattern
    return formats.Text(length, **options)


def _long_text(entry: Entry, zone: ZoneInfo, options: dict[str, Any]) -> fields.Field:
    length = entry.get("length", LONGEST)
    if not 1 <= length <= LONGEST:
        raise Wrong("length", f"must be from 1 to {LONGEST}")
    return formats.Text(length, multiline=True, **options)


def _integer(entry: Entry, zone: ZoneInfo, options: dict[str, Any]) -> fields.Field:
    if "range" not in entry:
        return formats.WholeNumber(**options)
    least, most = _range(entry, lambda each: type(each) is int, "whole numbers such as [1, 10]")
    if max(-least, most) > formats.BIGGEST:
        raise Wrong("range", f"goes beyond {formats.BIGGEST}, the largest number that is stored")
    return formats.WholeNumber(least=least, most=most, **options)


def _decimal(entry: Entry, zone: ZoneInfo, options: dict[str, Any]) -> fields.Field:
    return _ranged(DecimalNumber(**options), entry, "[0.5, 99.5]")


def _money(entry: Entry, zone: ZoneInfo, options: dict[str, Any]) -> fields.Field:
    return _ranged(formats.Money(**options), entry, "[0, 5000.00]")


def _date(entry: Entry, zone: ZoneInfo, options: dict[str, Any]) -> fields.Field:
    return _ranged(formats.DateOnly(**options), entry, "[2000-01-01, 2030-12-31]")


def _date_time(entry: Entry, zone: ZoneInfo, options: dict[str, Any]) -> fields.Field:
    sample = "[2000-01-01 00:00:00, 2030-12-31 23:59:59]"
    return _ranged(formats.LocalDateTime(zone, **options), entry, sample)


def _phone(entry: Entry, zone: ZoneInfo, options: dict[str, Any]) -> fields.Field:
    return formats.Text(50, keeps_plus=True, **options)


def _choice(entry: Entry, zone: ZoneInfo, options: dict[str, Any]) -> fields.Field:
    return _offering(entry, lambda choices: formats.Choice(choices, **options))


def _several(entry: Entry, zone: ZoneInfo, options: dict[str, Any]) -> fields.Field:
    commas = entry.get("commas", False)
    return _offering(entry, lambda choices: formats.Choices(choices, commas=commas, **options))


def _offering(entry: Entry, make: Callable[[list[str]], fields.Field]) -> fields.Field:
    if not entry.get("choices"):
        raise Wrong("choices" if "choices" in entry else "type", 'needs choices = ["…", "…"]')
    # A choice is looked for among values that were cleaned.
    choices = [normal.clean(each) for each in entry["choices"]]
    if len(set(choices)) < len(choices):
        raise Wrong("choices", "has the same choice twice; take one out")
    try:
        return make(choices)
    except ValueError as error:
        raise Wrong("choices", f"cannot be used: {error}") from None


def _ranged(field: fields.Field, entry: Entry, sample: str) -> fields.Field:
    """Return the field with the range of its entry, whose ends the field itself must take."""
    if "range" in entry:
        ends = _range(entry, lambda each: not why_not(field, each), f"such as {sample}")
        low, high = (read(field, each) for each in ends)
        error = "not from {} to {}".format(*map(as_text, ends))
        field.validators.append(Range(min=low, max=high, error=error))
    return field


def _range(entry: Entry, is_end: Callable[[Any], bool], sample: str) -> tuple[Any, Any]:
    ends = entry["range"]
    if len(ends) != 2 or not all(map(is_end, ends)):
        raise Wrong("range", f"must be the least and the greatest value, {sample}")
    try:
        least, most = ends
        if least > most:
            raise Wrong("range", f"is the wrong way round; write [{most}, {least}]")
    except TypeError:  # a date and a text
        raise Wrong("range", f"must be two values of one kind, {sample}") from None
    return least, most


_RANGE = frozenset({"range"})
_CHOICES = frozenset({"choices"})

KINDS: Mapping[str, Kind] = {
    "text": Kind(make=_text, help="A text.", example="text", keys=frozenset({"pattern", "length"})),
    "long_text": Kind(
        make=_long_text,
        help="A text of several lines.",
        example="text",
        keys=frozenset({"length"}),
    ),
    "integer": Kind(make=_integer, help="A whole number.", keys=_RANGE),
    "decimal": Kind(make=_decimal, help="A number.", keys=_RANGE),
    "money": Kind(make=_money, help="An amount of money.", keys=_RANGE),
    "yes_no": Kind(
        make=lambda entry, zone, options: formats.YesNo(**options),
        help="Yes or No.",
        example="Yes",
    ),
    "date": Kind(make=_date, help="A date, YYYY-MM-DD.", keys=_RANGE),
    "date_time": Kind(make=_date_time, help="A date and time, YYYY-MM-DD HH:MM:SS.", keys=_RANGE),
    "email": Kind(
        make=lambda entry, zone, options: formats.EmailAddress(254, **options),
        help="An e-mail address.",
        example="name@example.com",
    ),
    "phone": Kind(make=_phone, help="A phone number, kept as sent.", example="503-555-0100"),
    "choice": Kind(make=_choice, help="One of {choices}.", keys=_CHOICES),
    "choices": Kind(
        make=_several,
        help="One or several of {choices}; the name may be repeated.",
        keys=_CHOICES | {"commas"},
        several=True,
    ),
}
"""Every type, by its name in the file."""


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def is_plain(value: Any) -> bool:
    return not isinstance(value, list | dict)


KEYS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "type": (lambda value: isinstance(value, str), 'a text such as "text"'),
    "label": (lambda value: isinstance(value, str), 'a text in "quotes"'),
    "help": (lambda value: isinstance(value, str), 'a text in "quotes"'),
    "group": (lambda value: isinstance(value, str), 'a text in "quotes"'),
    "example": (is_plain, 'one value, such as "AB123456"'),
    "sensitive": (lambda value: isinstance(value, bool), "true or false, without quotes"),
    "required": (lambda value: isinstance(value, bool), "true or false, without quotes"),
    "default": (lambda value: not isinstance(value, dict), 'a value, such as "Auto"'),
    "alias": (is_texts, 'a list of names, such as ["policy_no"]'),
    "required_if": (lambda value: isinstance(value, dict), 'such as { insurance_type = "Auto" }'),
    "pattern": (lambda value: isinstance(value, str), "a text in 'single quotes'"),
    "length": (lambda value: type(value) is int, "a whole number, without quotes"),
    "range": (lambda value: isinstance(value, list), "two values, such as [1, 10]"),
    "choices": (is_texts, 'a list of texts, such as ["Auto", "Home"]'),
    "commas": (lambda value: isinstance(value, bool), "true or false, without quotes"),
}
"""The keys of a field: which values they take, and how to say so."""

OF_EVERY_TYPE = KEYS.keys() - {key for kind in KINDS.values() for key in kind.keys}
"""The keys that every field may have."""

_EXAMPLES: Mapping[str, Any] = {
    "integer": 12,
    "decimal": 12.5,
    "money": "1250.00",
    "date": date(2030, 1, 31),
    "date_time": "2030-01-31 09:30:00",
}


def example_of(entry: Entry) -> str:
    """Return the example of an entry that gives none: what its type has, or its least value."""
    if "choices" in entry:
        return str(entry["choices"][0])
    if "range" in entry:
        return as_text(entry["range"][0])
    kind = entry["type"]
    return as_text(_EXAMPLES.get(kind, KINDS[kind].example))[: entry.get("length")]


def help_of(entry: Entry) -> str:
    """Return the help text of an entry that gives none: what its type takes."""
    text = KINDS[entry["type"]].help.format(choices=", ".join(entry.get("choices", [])))
    if "range" in entry:
        text += " From {} to {}.".format(*map(as_text, entry["range"]))
    return text
