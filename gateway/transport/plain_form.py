"""A urlencoded form as nearly every caller sends it: each name a word of its own, all in ASCII.

It is read in a few steps over the whole of it. What comes out is what ``forms``, ``names`` and
``charset`` make of it pair by pair; a body with anything else in it is theirs.
"""

from typing import Any
from urllib.parse import unquote_to_bytes

from gateway.transport import charset, names
from gateway.transport.fields import BINARY, Fields

_LONGEST = 16_384
"""Bytes of a form; what is longer has a file or a text in it, for which ``forms`` has better ways.

So many cannot hold more words than a system takes pairs."""

_KEPT_ESCAPED = "&=%"
"""Characters that would be taken for something else if they stood in the whole of a form."""

_NEEDED_FIRST = BINARY | {"_charset_"}
"""Names whose value is not text, or says how to read the others."""


def _escapes() -> dict[str, str]:
    """Return what each escape, without its percent sign, is in the whole of a form."""
    meant = {}
    for number in range(256):
        upper, lower = f"{number:02X}", f"{number:02x}"
        for escape in (upper, lower, upper[0] + lower[1], lower[0] + upper[1]):
            is_opened = number < 128 and chr(number) not in _KEPT_ESCAPED
            meant[escape] = chr(number) if is_opened else f"%{escape}"
    return meant


_ESCAPES = _escapes()


def read(raw: bytes, fallback: str) -> Fields | None:
    """Return the fields of ``raw``, a form without a charset or in UTF-8, with nothing around it;
    ``None`` where it is not of the kind that this module reads."""
    # A value that begins with a plus sign: the field says what that means.
    if len(raw) > _LONGEST or not raw.isascii() or b"=+" in raw:
        return None
    text = raw.decode("ascii").replace("+", " ")
    if "%" in text:
        try:
            text = _opened(text)
        except KeyError:
            # A percent sign that is no escape.
            return None
    segments = text.split("&")
    form: dict[str, Any] = {}
    for segment in segments:
        name, _, value = segment.partition("=")
        form[name] = value
    if (
        len(form) != len(segments)
        or not names.are_words(form)
        or not form.keys().isdisjoint(_NEEDED_FIRST)
    ):
        return None
    used = "%" in text and _open_what_was_kept(form, fallback)
    return Fields(form=form, fallback_charset_used=used, has_only_words=True)


def _opened(text: str) -> str:
    """Return ``text`` with its escapes resolved but for those that must stay for now.

    Raises KeyError for a percent sign that is no escape.
    """
    start, *rest = text.split("%")
    return start + "".join([_ESCAPES[each[:2]] + each[2:] for each in rest])


def _open_what_was_kept(form: dict[str, Any], fallback: str) -> bool:
    """Resolve the escapes that are left in ``form``; return whether it took the fallback."""
    used = False
    for name, value in form.items():
        if "%" in value:
            form[name], fell_back = charset.decode(unquote_to_bytes(value), None, fallback)
            used = used or fell_back
    return used
