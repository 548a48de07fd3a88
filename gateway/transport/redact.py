"""Cuts the values of secrets out of the bytes that the journal keeps; the rest stays exact.

Fields are read strictly and secrets are looked for loosely. A name that we do not read, because it
has a prefix, or one layer of escapes too many, or stands in a value, still has the password behind
it. Where one is suspected too much may go, but nothing that may be a secret stays.
"""

import re
from collections.abc import Iterable, Iterator

from gateway.contract import SECRETS
from gateway.transport import forms

Span = tuple[int, int]
"""Where a value begins and ends."""

_LAYERS = 3
"""As it came, and with one and two layers of escapes taken off."""

_NAMES = tuple(name.encode() for name in sorted(SECRETS))
# A form key is public by nature, and its name a likely value.
_NEVER_A_VALUE = frozenset(_NAMES) - {b"form_key"}
_LONGEST_VALUE = 80

_SEPARATORS = b" .[+-"
_LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
_MANGLED = bytes.maketrans(_SEPARATORS, b"_" * len(_SEPARATORS))
# Both at once. Deleting backslashes makes what is escaped in JSON plain, deleting NULs UTF-16.
_FOLDED = _LOWER.translate(_MANGLED)
_DROPPED = b"\0\\"
_NAME = b"|".join(_NAMES)
# "the form key" in a note is none, "form key=…" in one is.
_MENTION = re.compile(
    rb"%s|(?:%s)[^a-z0-9=:]{0,9}[=:]" % (_NAME, _NAME.replace(b"_", rb"[_ .\[+-]"))
)
_SET = re.compile(rb"[=:&;,<>|]")

_PLAIN = tuple(name + b"=" for name in _NAMES)
_TAILS = tuple(name.lstrip(b"abcdef") for name in _NAMES)
"""What is left of each name under any escapes. Where it stands plainly, nothing of it is part of an
escape but what an escape before it takes: ``%1ai_token`` is ``i_token`` one layer below."""

_WORDS = frozenset(name.rpartition(b"_")[2].decode() for name in _NAMES)
"""No name of a secret stands where none of these does, whatever stands for its underscores."""
_TELLING_ESCAPE = re.compile(
    rb"%(?!0[1-9a-f]|[1389a-f][0-9a-f]|2[0-46-9a-f]|[46]0|5[bd-f]|7[b-f])", re.IGNORECASE
)
"""Any escape but those of digits, punctuation and bytes beyond ASCII: one that may be a letter, a
NUL or a backslash, or a percent sign that makes another escape of what is behind it."""


def is_secret(name: bytes) -> bool:
    """Return whether ``name`` has that of a secret in it, in any spelling."""
    return _may_name(name) and any(
        each in folded for folded in map(_folded, _opened(name)) for each in _NAMES
    )


def mentions(value: bytes) -> bool:
    """Return whether the name of a secret stands in ``value``, and so perhaps the secret."""
    return _may_name(value) and any(
        _position(layer) >= 0 and _MENTION.search(layer) for layer in _layers(value)
    )


def is_a_name(value: bytes) -> bool:
    """Return whether ``value`` is the name of a secret, which then stands somewhere else.

    So it is in lists of names and values: ``fields[0][name]=ai_token&fields[0][value]=…``.
    """
    if len(value) > _LONGEST_VALUE:
        return False
    return any(layer.strip(b" \"'\r\n") in _NEVER_A_VALUE for layer in _layers(value))


def holds_secret(name: bytes) -> bool:
    """Return whether ``name`` is more than a name: a whole form, escaped once too often."""
    *_, layer = _layers(name)
    position = _position(layer)
    return position >= 0 and _SET.search(layer, position) is not None


def cut(raw: bytes, spans: Iterable[Span], *, filling: bytes = b"") -> bytes:
    """Return ``raw`` with ``filling`` in place of each of ``spans``, which are in order."""
    kept: list[bytes] = []
    position = 0
    for start, end in spans:
        kept += raw[position:start], filling
        position = end
    return b"".join((*kept, raw[position:])) if kept else raw


def form(raw: bytes) -> bytes | None:
    """Return the urlencoded ``raw`` without its secrets, ``None`` where they may be anywhere."""
    if not raw:
        return raw
    body = forms.core(raw)
    start = raw.find(body) if len(body) < len(raw) else 0
    plain = _plain(body)
    # Nearly every post has its secrets under their plain names, and no other.
    if is_secret(cut(body, ((at, end) for at, _, end in plain))):
        kept = _thorough(body)
        return None if kept is None else cut(raw, [(start, start + len(body))], filling=kept)
    return cut(raw, ((start + value, start + end) for _, value, end in plain))


def _thorough(body: bytes) -> bytes | None:
    """Return ``body`` without its secrets, each segment looked at by itself."""
    segments = body.split(b"&")
    for index, segment in enumerate(segments):
        name, _, value = segment.partition(b"=")
        if is_secret(name):
            segments[index] = _without_value(segment)
        elif mentions(value):
            if is_a_name(value):
                return None
            segments[index] = _without_line(segment)
    return b"&".join(segments)


def unread(body: bytes) -> bytes | None:
    """Return a ``body`` that could not be read, ``None`` where it may have secrets."""
    return None if is_secret(body) else body


def _plain(body: bytes) -> list[tuple[int, int, int]]:
    """Return where each secret with a plain name begins, where its value does, and where it ends;
    in order."""
    found = []
    for name in _PLAIN:
        end = 0
        while (at := body.find(name, end)) >= 0:
            value = at + len(name)
            end = body.find(b"&", value)
            end = len(body) if end < 0 else end
            if at == 0 or body.startswith(b"&", at - 1):
                found.append((at, value, end))
    return sorted(found)


def _may_name(raw: bytes) -> bool:
    """Return whether the name of a secret can stand in ``raw`` at all, under its escapes, too.

    A quick look that says yes too often: most posts need no other.
    """
    if b"\\" in raw or b"\0" in raw or _TELLING_ESCAPE.search(raw):
        *_, deepest = _opened(raw)
        folded = _folded(deepest)
        return any(tail in folded for tail in _TAILS)
    # In text a word is found sooner than in bytes.
    text = raw.lower().decode("latin-1")
    for word in _WORDS:  # noqa: SIM110 a generator takes as long as the search
        if word in text:
            return True
    return False


def _folded(layer: bytes) -> bytes:
    """Return ``layer`` in lower case and with the separators as underscores."""
    return layer.translate(_FOLDED, _DROPPED)


def _layers(raw: bytes) -> Iterator[bytes]:
    """Yield ``raw`` and what is under its escapes, in lower case, without backslashes and NULs."""
    return (each.translate(_LOWER, _DROPPED) for each in _opened(raw))


def _opened(raw: bytes) -> Iterator[bytes]:
    """Yield ``raw`` and what is under its escapes, as long as there are some."""
    for left in reversed(range(_LAYERS)):
        yield raw
        if not left:
            return
        opened = raw
        # Escapes of ASCII in JSON and by JavaScript's escape() are percent escapes, only longer.
        if b"u00" in opened:
            opened = opened.replace(rb"\u00", b"%").replace(b"%u00", b"%")
        opened = forms.unquote(opened)
        if opened == raw:
            return
        raw = opened


def _position(layer: bytes) -> int:
    """Return where the first name of a secret stands in ``layer``, -1 where there is none."""
    mangled = layer.translate(_MANGLED)
    return min((at for at in map(mangled.find, _NAMES) if at >= 0), default=-1)


def _without_line(segment: bytes) -> bytes:
    """Return the segment without the value that mentions a secret, and without all behind it.

    A form of text/plain has its pairs on lines of their own; those before it stay.
    """
    found = _MENTION.search(segment.translate(_LOWER))
    at = found.start() if found else 0
    start = max(segment.rfind(b"\n", 0, at), segment.rfind(b"\r", 0, at)) + 1
    if mentions(segment[:start]):
        start = 0
    return segment[:start] + _without_value(segment[start:])


def _without_value(segment: bytes) -> bytes:
    name, equals, _ = segment.partition(b"=")
    return b"" if holds_secret(name) else name + equals
