"""Formats of numbers and of yes and no."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from marshmallow import fields

from gateway.formats.messages import broken, check_length

BIGGEST = 2**63 - 1
"""The largest integer that every database holds."""


class WholeNumber(fields.Field[int]):
    """An integer in plain decimal digits; Python's own reader takes ``1_000`` and ``１``."""

    wire_type = "Integer"
    _DIGITS = re.compile(r"[+-]?0*[0-9]{1,19}")

    def __init__(
        self, *, least: int = -BIGGEST - 1, most: int = BIGGEST, rule: str = "", **options: Any
    ) -> None:
        super().__init__(**options)
        self.least, self.most = least, most
        self.rule = rule or _whole_number_rule(least, most)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if not self._DIGITS.fullmatch(value) or (self.least >= 0 and value[0] in "+-"):
            raise broken(self.rule)
        # Without its zeros: int() refuses thousands of digits with an error of its own.
        digits = value.lstrip("+-").lstrip("0") or "0"
        number = -int(digits) if value[0] == "-" else int(digits)
        if not self.least <= number <= self.most:
            raise broken(self.rule)
        return number


def _whole_number_rule(least: int, most: int) -> str:
    limits = [
        f"{word} {limit}" for word, limit in (("from", least), ("to", most)) if abs(limit) < BIGGEST
    ]
    return f"not a whole number {' '.join(limits)}".rstrip()


class Degrees(fields.Field[float]):
    """A latitude or longitude, rounded to six decimals (a hand's breadth); a comma is a point."""

    wire_type = "Decimal"
    _DECIMAL = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)")

    def __init__(self, *, most: int, **options: Any) -> None:
        super().__init__(**options)
        self.most = most

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> float:
        degrees = float(value.replace(",", ".")) if self._DECIMAL.fullmatch(value) else None
        if degrees is None or abs(degrees) > self.most:
            raise broken(f"not a decimal number from -{self.most} to {self.most} (such as 45.5231)")
        return round(degrees, 6) + 0.0  # the sum makes -0.0 a plain zero

    def _serialize(self, value: float | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


_WORDS: Mapping[str, bool] = {
    **dict.fromkeys(("yes", "y", "1", "true", "on"), True),
    **dict.fromkeys(("no", "n", "0", "false", "off"), False),
}


def _yes(text: str, rule: str) -> bool:
    try:
        return _WORDS[text.lower()]
    except KeyError:
        raise broken(rule) from None


class YesNo(fields.Field[bool]):
    """Yes or No in the spellings that forms and languages have for them, in any case."""

    wire_type = "Yes/No"

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        return _yes(value, "neither Yes nor No (Yes, Y, 1, true, on or No, N, 0, false, off)")

    def _serialize(self, value: bool | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else ("Yes" if value else "No")


class Flag(fields.Field[bool]):
    """A flag of the post itself, on or off in the spellings of YesNo."""

    wire_type = "Flag"

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        return _yes(value, "neither on nor off (1 or 0)")


_OFFSET = re.compile(r"([+-]?)([0-9]{1,2})(?::?([0-9]{2}))?")


class GmtOffset(fields.String):
    """An offset from UTC as ``+HHMM`` or ``-HHMM``; one or two digits are hours."""

    wire_type = "String"
    keeps_plus = True

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return _offset(value)


# There are few of them; what is none is not kept.
@lru_cache(maxsize=256)
def _offset(text: str) -> str:
    if found := _OFFSET.fullmatch(text):
        hours, minutes = int(found[2]), int(found[3] or 0)
        total = (hours * 60 + minutes) * (-1 if found[1] == "-" else 1)
        if minutes < 60 and -12 * 60 <= total <= 14 * 60:
            sign = "-" if total < 0 else "+"
            return f"{sign}{hours:02}{minutes:02}"
    raise broken("not an offset from UTC (+HHMM or -HHMM, from -1200 to +1400)")


class IdOrLabel(fields.Field[int | str]):
    """An id where the value is all digits, else a label of at most ``length`` characters."""

    wire_type = "Integer or String"

    def __init__(self, length: int, **options: Any) -> None:
        super().__init__(**options)
        self.length = length

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int | str:
        check_length(value, self.length)
        if not (value.isascii() and value.isdigit()) or (value[0] == "0" and len(value) > 1):
            return value  # 007 may be a label, and is id 7 all the same where it is none
        return int(value) if int(value) <= BIGGEST else value

    def _serialize(self, value: int | str | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)
