"""The normal form of a phone number."""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import Leniency, NumberParseException, PhoneNumber, PhoneNumberMatcher

_LONGEST = 250
"""Characters that count; the library itself reads no more, and the form takes 50."""

_FEWEST_DIGITS = 5
"""Of what is no possible number. Fewer digits are an extension or a slip of the pen."""

# The usual spellings of ten digits need no library, which takes fifteen times as long;
# tests/test_normal_phones.py holds the two against each other.
_SHORT_CUT_REGIONS = frozenset({"US", "CA"})
_PLAIN = re.compile(
    r"(?:\+?1[-. ]?)?(?:\(([2-9][0-9]{2})\) ?|([2-9][0-9]{2})[-. ]?)([0-9]{3})[-. ]?([0-9]{4})"
)

# What may stand between two numbers. A comma or semicolon also begins an extension, so there the
# second piece must have as many digits as a number; ``030/1234`` is one number.
_AND = re.compile(r"\s*(?:[/|&\r\n]|\bor\b|\band\b)\s*", re.IGNORECASE)
_COMMA = re.compile(r"\s*[,;]\s*")
_FEWEST_OF_A_NUMBER = 7


# A post asks for the form of one value by five ways, its match rules and the journal among them;
# so what the last posts sent stays in the process for a while.
@lru_cache(maxsize=1024)
def phone_key(text: str, region: str) -> str | None:
    """Return what two spellings of one phone number share; None where there is no number.

    E.164 with ``;ext=`` behind it where there is an extension, for what the library finds
    possible in ``region`` (``132-123-1234`` is possible and not valid); a country code counts
    however it is written (``+1``, ``1``, ``001``). Else the digits, if there are five or more,
    with a ``+`` that was in front of them. Letters on the keys are digits (``1-800-FLOWERS``), of
    two numbers the first counts, and so does a number among words (``home: 503 555 0100``).

    Limits: 250 characters count. A local number without its area code is not the number with it.
    """
    if region in _SHORT_CUT_REGIONS and (plain := _PLAIN.fullmatch(text)):
        area, bare_area, office, line = plain.groups()
        return f"+1{area or bare_area}{office}{line}"
    text = _first_of_two(text[:_LONGEST].strip())
    plus = "+" if text.startswith(("+", "＋")) else ""
    digits = phonenumbers.normalize_digits_only(text)
    number = _possible(text, region) or _read(text, plus + digits, region)
    if number is not None:
        return _written(number)
    return plus + digits if len(digits) >= _FEWEST_DIGITS else None


def _read(text: str, plain: str, region: str) -> PhoneNumber | None:
    """Return the number that the library does not see in ``text``, by the first way that does.

    ``plain`` is the text's digits, with its ``+``.
    """
    if number := _possible(plain, region):
        return number
    code = str(phonenumbers.country_code_for_region(region))
    if plain.startswith(("00", code)) and (number := _possible(f"+{plain.lstrip('0')}", region)):
        return number
    if text == plain:
        return None
    found = PhoneNumberMatcher(text, region, leniency=Leniency.POSSIBLE, max_tries=5)
    # Seven digits among others may be the rest of a number that was broken off before them.
    return next((match.number for match in found if _is_whole(match.number)), None)


def _possible(text: str, region: str) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None


def _is_whole(number: PhoneNumber) -> bool:
    reason = phonenumbers.is_possible_number_with_reason(number)
    return reason == phonenumbers.ValidationResult.IS_POSSIBLE


def _written(number: PhoneNumber) -> str:
    national = phonenumbers.national_significant_number(number)
    extension = phonenumbers.normalize_digits_only(number.extension or "")
    return f"+{number.country_code}{national}{f';ext={extension}' if extension else ''}"


def _first_of_two(text: str) -> str:
    for cut in _AND.finditer(text):
        if _is_long(text[: cut.start()]):
            return text[: cut.start()]
    for cut in _COMMA.finditer(text):
        if _is_long(text[: cut.start()]) and _is_long(text[cut.end() :]):
            return text[: cut.start()]
    return text


def _is_long(text: str) -> bool:
    return sum(map(str.isdecimal, text)) >= _FEWEST_OF_A_NUMBER
