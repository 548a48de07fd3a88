"""The two parts of a full name."""

import re
from collections.abc import Callable

from nameparser.config.conjunctions import CONJUNCTIONS
from nameparser.config.maiden_markers import MAIDEN_MARKERS
from nameparser.config.particles import NON_GIVEN_NAME_PARTICLES, PARTICLES
from nameparser.config.suffixes import (
    SUFFIX_ACRONYMS,
    SUFFIX_ACRONYMS_AMBIGUOUS,
    SUFFIX_WORDS,
)
from nameparser.config.titles import AFTER_GIVEN_TITLES, GIVEN_NAME_TITLES, TITLES

# What stands before a name and is none, whoever bears it: the library's salutations that nobody
# has for a name, and the academic and clerical ones. Its whole list of titles would take King,
# Prince and Baron from people who are called so; those count only as abbreviations (Capt.).
_SALUTATIONS = AFTER_GIVEN_TITLES | frozenset(
    {"ms", "mister", "sir", "dame", "dr", "dra", "doctor", "prof", "professor", "rev", "reverend"}
    | {"herr", "sr", "señor", "señora", "signor", "signore"}
)

# "of" and "the" join no two names.
_JOINING = CONJUNCTIONS - {"of", "the"}

# A bracketed or quoted piece (a nickname, a company) is one word, whatever commas it holds.
_OPENING = '(["“'
_PIECE = re.compile(r'(?:\([^()]*\)|\[[^\[\]]*\]|"[^"]*"|“[^”]*”|[^\s,])+|,')

_TWO_WORDS = re.compile(r"([A-Za-z'-]+) +([A-Za-z'-]+)")
_NO_FIRST = _SALUTATIONS | PARTICLES


def split_name(full_name: str) -> tuple[str, str]:
    """Return the first and the last name (contract, ``full_name``); either may be empty.

    The last name has its particles and suffix with it. ``Doe, John`` is turned round, one word is
    the first name, a title goes; every other word is in one of the two, in order.
    """
    # Two words are the two names unless the first says something else, and nearly all are so.
    if (two := _TWO_WORDS.fullmatch(full_name)) and two[1].lower() not in _NO_FIRST:
        return two[1], two[2]
    return _split(full_name)


def _split(full_name: str) -> tuple[str, str]:
    head, *others = _parts(full_name) or [[]]
    suffixes = [word for part in others if all(map(_ends_a_name, part)) for word in part]
    given = [word for part in others if not all(map(_ends_a_name, part)) for word in part]
    if given and all(map(_is_title, given)):
        head, given = given + head, []
    first, last = _turned(head, given) if given else _in_order(head)
    (last or first).extend(suffixes)
    return " ".join(first), " ".join(last)


def _parts(full_name: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for piece in _PIECE.findall(full_name):
        if piece == ",":
            parts.append([])
        else:
            parts[-1].append(" ".join(piece.split()))
    return [part for part in parts if part]


def _in_order(words: list[str]) -> tuple[list[str], list[str]]:
    """Split the words of a name that is written first name first."""
    count = _titles(words)
    title, words = words[:count], words[count:]
    end = _end(words)
    start = _family(words, end)
    if end == 1:
        # "Mr. Smith" has a last name; "Sir John", "Madonna" and "Madonna (singer)" a first.
        start = 0 if title and _key(title[-1]) not in GIVEN_NAME_TITLES else len(words)
    return words[:start], words[start:]


def _turned(family: list[str], given: list[str]) -> tuple[list[str], list[str]]:
    """Split ``Doe, John``: a suffix, and the particles of ``Beethoven, Ludwig van``, go over."""
    family, given = family[_titles(family) :], given[_titles(given) :]
    given, _ = _cut(given, lambda word: _key(word) in _SALUTATIONS and not _ends_a_name(word))
    given, suffix = _cut(given, _ends_a_name)
    given, particles = _cut(given, lambda word: word in PARTICLES)
    return given, particles + family + suffix


def _cut(words: list[str], belongs: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """Cut the last words that belong together off, never the very first."""
    end = len(words)
    while end > 1 and belongs(words[end - 1]):
        end -= 1
    return words[:end], words[end:]


def _titles(words: list[str]) -> int:
    """Count the words that are titles, with what joins two (``Mr. and Mrs.``), never the last."""
    count = 0
    while count < len(words) - 1:
        if _is_title(words[count]):
            count += 1
        elif 0 < count < len(words) - 2 and _joins(words, count) and _is_title(words[count + 1]):
            count += 2
        else:
            break
    return count


def _end(words: list[str]) -> int:
    """Find where the name proper ends and suffixes, brackets or a maiden name begin."""
    end = len(words)
    while end > 1 and (words[end - 1][0] in _OPENING or (end > 2 and _is_suffix(words[end - 1]))):
        end -= 1
    maiden = (at for at in range(2, end) if _key(words[at]) in MAIDEN_MARKERS)
    return next(maiden, end)


def _family(words: list[str], end: int) -> int:
    """Find where the last name begins: at its particles, at ``Garcia y Lopez``, or one word."""
    last = end - 1
    if last > 0 and _only_family(words[:last]):
        return 0
    particle = next((at for at in range(1, last) if _key(words[at]) in PARTICLES), None)
    if particle is not None:
        return particle
    if last >= 2 and _joins(words, last - 1):
        # "John and Mary", "O'Connor & Sons": nothing is left for a first name, so all of it is.
        return last - 2 or len(words)
    return last


def _only_family(lead: list[str]) -> bool:
    """Return whether a name that begins so has no first name: ``de la Vega``, ``van Gogh``.

    ``Van Morrison`` has one: a particle that can be a name counts where it is written small.
    """
    never_given = _key(lead[0]) in NON_GIVEN_NAME_PARTICLES or lead[0].islower()
    return never_given and all(_key(word) in PARTICLES for word in lead)


def _joins(words: list[str], at: int) -> bool:
    """Return whether the word joins two names; the initial in ``John E Smith`` does not."""
    word = words[at]
    if word.casefold() not in _JOINING:
        return False
    return len(word) > 1 or not word.isalpha() or word == "y" or (word.islower() and _mixed(words))


def _mixed(words: list[str]) -> bool:
    return any(not word.islower() for word in words)


def _key(word: str) -> str:
    return word.casefold().strip(".;")


def _is_title(word: str) -> bool:
    key = _key(word)
    abbreviated = word.endswith(".") and len(key) > 1
    return key in _SALUTATIONS or (abbreviated and key in TITLES and key not in PARTICLES)


def _is_suffix(word: str) -> bool:
    if _key(word) in SUFFIX_WORDS:
        return True
    acronym = _key(word).replace(".", "")
    dotted = "." in word.rstrip(".")
    # "MD" and "Ph.D." are degrees, "Md" and "Ed" are people; "Ma" is one in capitals too.
    if acronym not in SUFFIX_ACRONYMS or (acronym in SUFFIX_ACRONYMS_AMBIGUOUS and not dotted):
        return False
    return dotted or not word[1:].islower()


def _ends_a_name(word: str) -> bool:
    """Return whether the word is a suffix beyond doubt; ``Doe, John V.`` has an initial."""
    return len(_key(word)) > 1 and _is_suffix(word)
