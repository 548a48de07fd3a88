"""Formats of money, and of numbers that are names."""

import re
import unicodedata
from decimal import Decimal
from typing import Any

from marshmallow import fields

from gateway.formats.messages import broken

CENT = Decimal("0.01")
_MOST_DIGITS = 15

_LONGEST = 60
_SIGNED = re.compile(
    r"(?:[A-Z]{3})? *(?P<sign>[+-]?) *(?:[A-Z]{3})? *"
    r"(?P<number>[0-9.,]+(?:[ '][0-9.,]+)*) *(?:[A-Z]{3})?",
    re.IGNORECASE | re.ASCII,
)
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ") | {ord("\u2019"): "'"}
_WHOLE = r"(?P<whole>[1-9][0-9]{0,2}(?:%s[0-9]{3})+|[0-9]*)"
_READINGS = tuple(
    re.compile(_WHOLE % group + (rf"(?:{point}(?P<part>[0-9]+))?" if point else ""), re.ASCII)
    for group, point in (
        (",", r"\."),
        (r"\.", ","),
        (" ", r"\."),
        (" ", ","),
        ("'", r"\."),
        ("'", ","),
    )
)

_EITHER = re.compile(r"[0-9]{1,3}\.[0-9]{3}")


class Money(fields.Field[Decimal]):
    """An amount with two decimals: ``$12,345.50``, ``12.345,50 €``, ``USD 1 200``, ``900``.

    Read is only what has one meaning: ``1,234`` and ``1.234`` may be thousands or a fraction, and
    are taken for thousands with a comma and refused with a point. It is stored as text, ``900.00``.
    """

    wire_type = "Amount"

    def __init__(
        self,
        *,
        least: Decimal | int | None = None,
        most: Decimal | int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.least, self.most = least, most

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Decimal:
        amount = _amount(value)
        if self.least is not None and amount < self.least:
            raise broken(f"less than {self.least}")
        if self.most is not None and amount > self.most:
            raise broken(f"more than {self.most}")
        return amount

    def _serialize(self, value: Decimal | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{Decimal(value):.2f}"


def _amount(text: str) -> Decimal:
    """Return the amount that ``text`` means. Raises ValidationError."""
    if len(text) > _LONGEST:  # before the patterns, which would try long runs of spaces in turn
        raise broken("not an amount (such as 12345.50)")
    plain = "".join(
        "" if unicodedata.category(character) == "Sc" else character
        for character in text.translate(_SPACES).replace("\u2212", "-")
    ).strip()
    found = _SIGNED.fullmatch(plain)
    number = found["number"] if found else ""
    if _EITHER.fullmatch(number):
        raise broken("thousands or a fraction? (write 1234 or 1.23)")
    for reading in _READINGS:
        parts = reading.fullmatch(number)
        if parts and (amount := _joined(parts["whole"], parts["part"] or "")) is not None:
            return -amount if found and found["sign"] == "-" and amount else amount
    raise broken("not an amount (such as 12345.50)")


def _joined(whole: str, part: str) -> Decimal | None:
    """Return the amount, ``None`` where it is none: no digits, too many, or parts of a cent."""
    digits = "".join(filter(str.isdigit, whole)).lstrip("0")
    if len(digits) > _MOST_DIGITS or not whole + part or part[2:].strip("0"):
        return None
    return Decimal(f"{digits or 0}.{part[:2] or 0}").quantize(CENT)


class Digits(fields.String):
    """A number that is a name (of a policy, a meter): ``least`` to ``most`` digits, zeros and all.

    What people put between digits is dropped: spaces, dashes, points, slashes, brackets.
    """

    wire_type = "Digits"
    _BETWEEN = re.compile(r"[\s\-\u2010-\u2015./()]+")

    def __init__(self, least: int = 1, most: int = 50, **options: Any) -> None:
        super().__init__(**options)
        self.least, self.most = least, most
        self.length = most

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        digits = self._BETWEEN.sub("", value)
        if not digits.isascii() or not digits.isdigit():
            raise broken("holds something else than digits")
        if not self.least <= len(digits) <= self.most:
            wanted = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
            raise broken(f"has {len(digits)} digits ({wanted} digits)")
        return digits
