"""The normal form of a person's whole name, and the generation that its suffix tells."""

import re
from functools import lru_cache
from typing import NamedTuple

from gateway.normal.words import fold

_LONGEST = 500
"""Characters of a name part that count; the form takes 100."""

_DROPPED = re.compile(r"['`.]")
# A letter stays whole whatever its script: all that is not ASCII has been sifted by fold().
_WORD = re.compile(r"[a-z0-9\x80-\U0010ffff]+")

_GENERATIONS = {
    "jr": "Jr", "jnr": "Jr", "junior": "Jr", "ii": "Jr", "2nd": "Jr",
    "sr": "Sr", "snr": "Sr", "senior": "Sr", "1st": "Sr",
    "iii": "III", "3rd": "III", "iv": "IV", "4th": "IV",
}  # fmt: skip
"""Generation suffixes by what they tell. In one family the second is the junior and the first the
senior; ``V`` and ``I`` are left out, for they are initials as well."""

_BARE_GENERATIONS = frozenset(_GENERATIONS) - {"junior", "senior", "ii", "iii", "iv"}
"""What is no name even if it stands alone; people are called Junior, and Ii."""

_DEGREES = frozenset(
    "esq esquire phd md dds dmd dvm edd psyd pharmd dphil jd llm mba cpa cfa cfp rn lpn bsn msn "
    "ret usaf usmc usn obe mbe cbe".split()
)
"""Suffixes that tell nothing of who it is. Those that are names as well (``Do``, ``Ma``, ``Ed``)
are left out, and none is cut where nothing else would be left of the part."""

_TITLES = frozenset(
    "mr mrs ms miss mx mister madam madame mme mlle dr dra doctor prof professor rev reverend "
    "sir dame sr sra srta senor senora senorita signor signora herr frau monsieur".split()
)
_BARE_TITLES = frozenset("mr mrs ms mx mister dr dra prof rev sra srta mme mlle".split())
"""Titles that are no name even if they stand alone."""


class _Name(NamedTuple):
    first: str
    last: str
    generation: str


def name_key(first: str, last: str) -> str | None:
    """Return what two spellings of one whole name share; None unless both parts are there.

    Case, accents, punctuation, spaces, titles before and suffixes behind do not count, particles
    do: ``Dr. JOSÉ  O'Neil, PhD`` is ``Jose Oneil``, ``de la Cruz`` is ``Delacruz``. Spaces do not
    count between the two parts either, so it does not matter on which side a middle name stands.

    Limits: a middle name or initial counts; ``Müller`` is ``Muller`` and not ``Mueller``; scripts
    are not transliterated (``Иван`` is not ``Ivan``); the order of the parts counts, and so does
    a short form (``Bob``). The generation is not in the key, see ``generation``.
    """
    name = _read(first, last)
    if not name.first or not name.last:
        return None
    return name.first + name.last


def name_part_key(part: str) -> str | None:
    """Return what two spellings of a first or of a last name alone share; None without a letter.

    As ``name_key``, for one part: a rule must join it with something else, it tells nobody apart.
    """
    return _read(part, "").first or None


def generation(first: str, last: str) -> str:
    """Return the generation that the name ends in: Sr, Jr, III, IV, or "" where it tells none.

    ``II`` and ``2nd`` are ``Jr``, ``1st`` is ``Sr``, ``3rd`` is ``III``. The suffix may stand
    behind either part, for callers put it behind both.
    """
    return _read(first, last).generation


# A post asks for the form of one value by five ways, its match rules and the journal among them;
# so what the last posts sent stays in the process for a while.
@lru_cache(maxsize=1024)
def _read(first: str, last: str) -> _Name:
    given, family = _words(first), _words(last)
    while given and given[0] in _TITLES and (len(given) > 1 or given[0] in _BARE_TITLES):
        del given[0]
    found = _cut_suffixes(family) or _cut_suffixes(given)
    if len(family) == 1 and family[0] in _BARE_GENERATIONS:
        found, family = _GENERATIONS[family[0]], []
    return _Name(_join(given), _join(family), found)


def _words(text: str) -> list[str]:
    folded = fold(text[:_LONGEST])
    return _plain_words(folded) or _WORD.findall(_DROPPED.sub("", folded))


def _plain_words(folded: str) -> list[str] | None:
    """Return the words of ASCII that has nothing beside them but spaces and hyphens, else None.

    Nearly every name is so, and the patterns would take three times as long.
    """
    words = folded.replace("-", " ").split()
    return words if folded.isascii() and "".join(words).isalnum() else None


def _cut_suffixes(words: list[str]) -> str:
    """Cut the suffixes off the end of ``words``, never the first word; return the generation."""
    found = ""
    while len(words) > 1:
        if words[-1] in _GENERATIONS:
            found = _GENERATIONS[words[-1]]
        elif words[-1] not in _DEGREES:
            break
        del words[-1]
    return found


def _join(words: list[str]) -> str:
    """Return the words as one; "" where they hold no letter (``123``, a lone mark)."""
    joined = "".join(words)
    return joined if joined.isalpha() or any(map(str.isalpha, joined)) else ""
