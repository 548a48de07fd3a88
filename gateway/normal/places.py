"""The normal forms of town, state and zip, and whether two leads live in different places."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gateway.normal.usps import STATES, STREETS
from gateway.normal.words import fold

_LONGEST = 200
"""Characters that count; the form takes 100."""

# What people write into a field that they must fill; it tells no place from another.
_NOTHING = frozenset({"na", "none", "null", "unknown", "nil", "0", "00000", "000000000"})

_WORD = re.compile(r"[a-z0-9\x80-\U0010ffff]+")
# The page calls zip an Integer: callers that believe it lose the zeros in front (2134 is 02134).
_US_ZIP = re.compile(r"([0-9]{3,5})(?:[0-9]{4})?")


def city_key(text: str) -> str | None:
    """Return what two spellings of a town share; None where there is no letter or digit.

    Words are folded like a street's: ``St. Louis`` is ``Saint Louis``, ``Ft``, ``Mt``, ``Hts`` and
    directions are written out. Spaces do not count. ``New York City`` is not ``New York``.
    """
    words = _words(text)
    return "".join([STREETS.get(word, word) for word in words]) or None


def state_key(text: str) -> str | None:
    """Return the code of a state of the USA or a province of Canada, else ``text`` folded.

    ``Ore.``, ``OREGON`` and ``or`` are ``or``; None where there is no letter or digit.
    """
    word = "".join(_words(text))
    if word in _NOTHING:
        return None
    return STATES.get(word, word) or None


# Who is found has mostly the zip that was sent.
@lru_cache(maxsize=1024)
def zip_key(text: str, region: str) -> str | None:
    """Return the first five digits where ``region`` is US, else all letters and digits.

    A zip that has lost its zeros in front gets them back. In the US what is no zip of theirs
    (``K1A 0B1``) is taken whole as well. None where there is no letter or digit.
    """
    joined = "".join(_words(text))
    if joined in _NOTHING:
        return None
    if region == "US" and (found := _US_ZIP.fullmatch(joined)):
        return found[1].zfill(5)
    return joined or None


def places_differ(new: Mapping[str, Any], old: Mapping[str, Any], region: str) -> bool:
    """Return whether two leads of one address are in two places (contract, "address").

    Both have a zip: that alone tells. Else they differ where both have a state and its codes
    differ, or both have a city and they differ. ``new`` and ``old`` are values by wire name; a
    value that is missing, None or empty tells nothing.
    """
    zips = [zip_key(_text(lead, "zip"), region) for lead in (new, old)]
    if all(zips):
        return zips[0] != zips[1]
    return _differ(new, old, "state") or _differ(new, old, "city")


def _differ(new: Mapping[str, Any], old: Mapping[str, Any], name: str) -> bool:
    key = state_key if name == "state" else city_key
    one, other = key(_text(new, name)), key(_text(old, name))
    return one is not None and other is not None and one != other


def _text(lead: Mapping[str, Any], name: str) -> str:
    return lead.get(name) or ""


def _words(text: str) -> list[str]:
    return _WORD.findall(fold(text[:_LONGEST]).replace("'", "").replace(".", " "))
