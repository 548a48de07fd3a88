"""What names, streets and places share: text folded until only its words count."""

import re
import unicodedata

# Letters of the Latin script that Unicode does not decompose, as they are written without the
# letter. Other scripts keep theirs: a key made by transliteration would take 李 for Li and
# 黎 and Lee as well.
_PLAIN_LETTERS = str.maketrans(
    {
        "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ŀ": "l",
        "ħ": "h", "ı": "i", "ȷ": "j", "ŋ": "n", "ĸ": "k", "ŧ": "t", "ɖ": "d", "ɗ": "d", "ƌ": "d",
        "ɓ": "b", "ƀ": "b", "ƈ": "c", "ȼ": "c", "ə": "e", "ǝ": "e", "ɛ": "e", "ɇ": "e", "ƒ": "f",
        "ɠ": "g", "ǥ": "g", "ɣ": "g", "ɨ": "i", "ɩ": "i", "ɉ": "j", "ƙ": "k", "ƚ": "l", "ɲ": "n",
        "ƞ": "n", "ɔ": "o", "ɵ": "o", "ƥ": "p", "ɍ": "r", "ʂ": "s", "ƭ": "t", "ʈ": "t",
        "ʉ": "u", "ʋ": "v", "ƴ": "y", "ɏ": "y", "ƶ": "z", "ȥ": "z",
    }
)  # fmt: skip

# Accents as the decomposition leaves them: Latin, Greek and Cyrillic, Hebrew points, Arabic vowel
# signs and the stretching tatweel. The marks of Indic scripts, Thai and kana are letters of the
# word and stay. Variation selectors choose a glyph, not a letter.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    "\u0483-\u0489\u0591-\u05bd\u05bf\u05c1-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670"
    "\u06d6-\u06ed\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_APOSTROPHES = frozenset("'`\u00b4\u02b9\u02bb\u02bc\u02bd\u02bf\u2018\u2019\u201b\u2032\uff07")
_GLUE = frozenset({"Cf", "Cc", "Cs", "Co", "Cn"})


def fold(text: str) -> str:
    """Return ``text`` in small letters without accents; its ASCII punctuation stays.

    Compatibility forms (full width, ligatures) and digits of any script become the plain ones.
    Beyond ASCII, apostrophes become ``'``, other punctuation and symbols a space, and what cannot
    be seen (direction marks, joiners, lone surrogates) nothing. ``ß`` is ``ss`` and ``Ü`` is
    ``u``, never ``ue``. Marks that are part of a letter (Indic vowels, kana voicing) stay.
    """
    # Nearly every value of a post is plain ASCII; the rest costs twenty times as much.
    if text.isascii():
        return text.lower()
    for _ in range(2):  # casefold and NFKD each undo a little of the other (ͺ, ﬀ, İ)
        text = unicodedata.normalize("NFKD", text).casefold()
    text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).translate(_PLAIN_LETTERS)
    return "".join(map(_plain, unicodedata.normalize("NFC", text)))


def _plain(character: str) -> str:
    if character.isascii():
        return character
    if character in _APOSTROPHES:
        return "'"
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category[0] in "LMN":
        return character
    return "" if category in _GLUE else " "
