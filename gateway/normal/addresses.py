"""The normal form of a street address."""

import re
from functools import lru_cache
from string import ascii_letters

from gateway.normal.usps import (
    CARDINALS,
    FLOORS,
    ONES,
    ORDINALS,
    PERHAPS_UNITS,
    STREETS,
    TENS,
    UNIT_NAMES,
    UNITS,
)
from gateway.normal.words import fold

_LONGEST = 500
"""Characters of a line that count; the form takes 255."""

_ANY_NUMBER = "000000007"
"""Stands for any house number: of what is all digits no rule asks which ones."""

_NO_NUMBER = frozenset(f"{ascii_letters}#")

_MARKS = UNITS | PERHAPS_UNITS | {"#"}
_WORDS = STREETS | UNIT_NAMES | ORDINALS | dict.fromkeys(UNITS, "#")

# "P.O." and "N.E." are one word each, "St.Louis" and "N.Main" are two.
_INITIALS = re.compile(r"(?<![a-z0-9])([a-z])\.(?=[a-z](?![a-z0-9]))")
# "4-B" and "123-A" are one word, "97-45" is not, nor is "Smith-Jones".
_HYPHENS = re.compile(r"(?<=[0-9])-(?=[a-z]\b)|(?<=\b[a-z])-(?=[0-9])")
_TOKEN = re.compile(r"[a-z0-9\x80-\U0010ffff]+|#")
_GLUED = re.compile(
    r"\b(apt|bldg|fl|hwy|lot|no|pobox|rm|rr|ste|suite|unit|box|i)(?=[0-9])|\b([0-9]+)(?:st|nd|rd|th)\b"
)
_FRACTIONS = str.maketrans({"¼": " 1/4 ", "½": " 1/2 ", "¾": " 3/4 "})

_UNIT_FIRST = re.compile(r" # (\S+) (?=[0-9])(.+)")
_MARK = re.compile(rf"(?<= )(?:#|(?:{'|'.join(sorted(PERHAPS_UNITS))})(?= [0-9]| [a-z] )) ")
_HOUSE_LETTER = re.compile(r"^( [0-9]+) (?=[a-z] [^ ])")
_BETWEEN_LETTERS = re.compile(r"(?<=[^0-9 ]) (?=[^0-9 ])")
_DIGIT = re.compile(r"[0-9]")
_LETTER = re.compile(r"[^0-9 #]")

# What is written in several words, as it stands after _WORDS has been applied.
_PHRASES = {
    "pobox": r"p ?o ?b(?:ox)?|post office box|(?<=^ )(?:box|po)",
    "rr": r"rural (?:route|delivery)|r r|rfd|r f d|(?<=^ )route(?= [0-9]+ box )",
    "hc": r"highway contract(?: route)?|star route",
    "us": r"(?:united states|us|u s) (?:highway|route)",
    "sr": r"state (?:highway|route|road)",
    "cr": r"(?:county|co) (?:highway|route|road)",
    "fm": r"farm to market(?: road)?|fm road",
    "i": r"interstate(?: highway)?",
}
_PHRASE = re.compile(
    rf"(?<= )(?:{'|'.join(f'(?P<{to}>{way})' for to, way in _PHRASES.items())})"
    r"(?= (?:# |no )?[0-9])"
)
_PHRASE_WORDS = frozenset(
    "p po pob pobox box r rfd rural route highway star us u united state county co fm farm post "
    "interstate".split()
)


# A post asks for the form of one value by five ways, its match rules and the journal among them;
# so what the last posts sent stays in the process for a while.
@lru_cache(maxsize=1024)
def address_key(address: str, address_2: str) -> str | None:
    """Return what two spellings of one address share; None for what is no address.

    Both lines count together. Case, accents, punctuation, the words before a unit (``Apt``,
    ``#``), spellings of street words (``Street``, ``St.``), directions, ordinals and PO boxes do
    not: ``123 North First Street, Apt 4`` is ``123 n 1st st #4``. A second line that repeats the
    end of the first counts once, and a unit before the house number comes behind.

    No address is what has fewer than two words, or three where there is no digit, or no letter
    once ordinals are numbers (``10 5th``). Where a script sets no spaces one word and a digit do.

    Limits: the words are those of the USPS, in English. The order of words counts (``123 Main St
    N`` is not ``123 N Main St``), and so do a missing street word or direction, a misspelling, and
    a town in the same line. As no mark counts, ``Fl 2`` is ``Apt 2``; as no space between words
    counts, ``N Ridge Rd`` is ``Northridge Rd``. Since ``St`` is Street and Saint and ``Dr`` Drive
    and Doctor, those two pairs are one.
    """
    number, space, street = address.partition(" ")
    if (
        space
        and number.isascii()
        and number.isdecimal()
        and len(address) < _LONGEST - len(_ANY_NUMBER)
        # What begins with a number may be the same as the first line.
        and (not address_2 or address_2[0] in _NO_NUMBER)
    ):
        behind = _behind_number(street, address_2)
        return None if behind is None else f"{number}{behind}"
    return _address_key(address, address_2)


# Houses of one street differ in nothing else, and there are many of them in a file.
@lru_cache(maxsize=1024)
def _behind_number(street: str, address_2: str) -> str | None:
    """Return what stands in a key behind the number in front of ``street``, whatever that is."""
    key = _address_key(f"{_ANY_NUMBER} {street}", address_2)
    return None if key is None else key.removeprefix(_ANY_NUMBER)


def _address_key(address: str, address_2: str) -> str | None:
    words, more = _words(address), _words(address_2)
    if len(more) > 1 and words[-len(more) :] == more:
        more = []
    text = _canonical(words + more)
    count = text.count(" ") - 1
    if _DIGIT.search(text) and _LETTER.search(text):
        enough = count >= 2 or not text.isascii()
    else:
        enough = count >= 3 and _LETTER.search(text) is not None
    return _BETWEEN_LETTERS.sub("", text[1:-1]) if enough else None


def _words(line: str) -> list[str]:
    line = line[:_LONGEST]
    plain = _plain_words(line) if line.isascii() else None
    return _read_words(line) if plain is None else plain


def _plain_words(line: str) -> list[str] | None:
    """Return what ``_read_words`` does of ASCII; None unless words are all letters or all digits.

    Nearly every line is so, and the patterns find nothing in it in ten times as long.
    """
    words = line.lower().replace(",", " ").split()
    for word in words:
        if not (word.isalpha() or word.isdecimal()):
            return None
    return words


def _read_words(line: str) -> list[str]:
    if not line.isascii():
        line = line.translate(_FRACTIONS)
    line = fold(line)
    if "." in line:
        line = _INITIALS.sub(r"\1", line)
    if "-" in line:
        line = _HYPHENS.sub("", line)
    line = _GLUED.sub(r"\1\2 ", line.replace("'", "").replace("&", " and "))
    return _TOKEN.findall(line)


def _canonical(words: list[str]) -> str:
    """Return the words of an address as they stand in a key, each between two spaces."""
    replaced = _replaced(words)
    text = f" {' '.join(replaced)} "
    if not _PHRASE_WORDS.isdisjoint(replaced):
        text = _PHRASE.sub(lambda found: found.lastgroup or "", text)
    if text.startswith(" # "):
        text = _UNIT_FIRST.sub(r" \2\1 ", text)
    if not _MARKS.isdisjoint(words):
        # What is nothing but a mark needs no look at what follows it.
        is_plain = PERHAPS_UNITS.isdisjoint(replaced)
        text = text.replace("# ", "") if is_plain else _MARK.sub("", text)
    # Asked first where it begins: a substitution tries each place in the text.
    return _HOUSE_LETTER.sub(r"\1", text) if _HOUSE_LETTER.match(text) else text


def _replaced(words: list[str]) -> list[str]:
    """Return the words, those of the tables in their places."""
    replaced: list[str] = []
    before = previous = ""
    for word in words:
        if len(word) == 1 and previous in _MARKS:
            replaced.append(word)  # "Apt E" is no direction
        elif before in _MARKS and _one_unit(previous, word):
            replaced[-1] += word
        elif previous in TENS and word in ONES:
            replaced[-1] = ORDINALS[previous + word]
        elif word in FLOORS and len(replaced) > 1 and replaced[-1].isdecimal():
            pass  # "2nd Floor" is "Floor 2"
        elif word == "no" and len(replaced) == 1:
            replaced.append("north")
        else:
            replaced.append(_WORDS.get(word, word))
        before, previous = previous, word
    if len(replaced) > 1:
        replaced[0] = CARDINALS.get(replaced[0], replaced[0])
    return replaced


def _one_unit(first: str, second: str) -> bool:
    """Return whether ``4 B`` and ``B 4`` are units that are written ``4B`` as well."""
    number, letter = (first, second) if first.isdecimal() else (second, first)
    return number.isdecimal() and len(letter) == 1 and letter.isalpha()
