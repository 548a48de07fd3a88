"""Text as it is stored, shown and compared."""

import re
import unicodedata
from typing import Literal

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROLS_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_MOST_MARKS = 30
_MARKS_PERHAPS = re.compile(rf"[^\w\s\x00-\x7f]{{{_MOST_MARKS + 1},}}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str, *, multiline: bool = False) -> str:
    """Return ``text`` in NFC, trimmed, without control characters (contract, "white space").

    ``multiline`` keeps line ends and tabs. Lone surrogates stay, for the reader to reject.
    """
    # Nearly every value of a post is plain ASCII in one line; the rest costs ten times as much.
    if text.isascii() and text.isprintable():
        return text.strip()
    # Before NFC, which joins what a control character held apart.
    text = (_CONTROLS_IN_LINES if multiline else _CONTROLS).sub("", text)
    return normalized("NFC", text).strip()


def normalized(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Return ``text`` in the Unicode normal form, or as it is where that would take for ever.

    Sorting a run of combining marks takes Python time with the square of its length: 200 kB of
    them, 13 seconds. No language has more than a few on one letter; UAX 15 (stream-safe text)
    allows thirty.
    """
    for run in _MARKS_PERHAPS.finditer(text):
        if sum(map(bool, map(unicodedata.combining, run[0]))) > _MOST_MARKS:
            return text
    return unicodedata.normalize(form, text)


def has_lone_surrogate(text: str) -> bool:
    """Return whether ``text`` holds half a character, which no database stores."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def storable(text: str) -> str:
    """Return ``text`` as close to what was sent as a database takes.

    Control characters other than line ends and tabs go, lone surrogates are shown as ``\\ud83d``.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _CONTROLS_IN_LINES.sub("", text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def mask(value: object) -> str | None:
    """Return all but the last four characters of ``value`` as ``*``; a short one vanishes whole."""
    if value is None:
        return None
    text = str(value)
    # The length of a short one would tell Yes from No.
    if len(text) <= 4 or isinstance(value, bool):
        return "****"
    return "*" * (len(text) - 4) + text[-4:]


def fold_label(text: str) -> str:
    """Return the key by which labels, pools, usernames and tags are compared.

    Case, compatibility forms (full width, ligatures) and the amount of white space do not count.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    # Folding can undo the normal form and the other way round (ͺ, ﬀ), so each is done twice.
    for _ in range(2):
        text = normalized("NFKC", text).casefold()
    return " ".join(normalized("NFKC", text).split())
