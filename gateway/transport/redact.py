"""Cuts the values of secrets out of the bytes that the journal keeps; the rest stays exact."""

import re
from collections.abc import Iterable

from gateway.contract import SECRETS
from gateway.transport import forms, names

Span = tuple[int, int]
"""Where a value begins and ends."""

# A form of text/plain has its pairs on lines of their own, and no escapes.
_ON_A_LINE = re.compile(
    rb"[\r\n][ \t]*(?:%s)[ \t]*="
    % "|".join(name.replace("_", "[_. ]") for name in sorted(SECRETS)).encode(),
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Return whether ``name``, or a key in its brackets, is that of a secret in any spelling."""
    name = name.lower()
    # A name that is too deep makes no field, but its value is as secret.
    path = names.path(name) or names.path("".join(name.partition("]")[:2]))
    return path is not None and not SECRETS.isdisjoint((path.base, *path.keys))


def cut(raw: bytes, spans: Iterable[Span], *, filling: bytes = b"") -> bytes:
    """Return ``raw`` with ``filling`` in place of each of ``spans``, which are in order."""
    kept: list[bytes] = []
    position = 0
    for start, end in spans:
        kept += raw[position:start], filling
        position = end
    return b"".join((*kept, raw[position:])) if kept else raw


def form(raw: bytes) -> bytes:
    """Return the urlencoded ``raw`` with an empty value for every secret."""
    body = forms.core(raw)
    start = raw.find(body)
    return b"".join((raw[:start], _cut_segments(body), raw[start + len(body) :]))


def _cut_segments(body: bytes) -> bytes:
    segments = body.split(b"&")
    for index, segment in enumerate(segments):
        end = _end_of_secret_name(segment)
        if end:
            segments[index] = segment[:end]
    return b"&".join(segments)


def _end_of_secret_name(segment: bytes) -> int:
    """Return where a secret's value begins in ``segment``, 0 where there is none."""
    name, equals, _ = segment.partition(b"=")
    if equals and is_secret(forms.unquote(name).decode("latin-1")):
        return len(name) + 1
    on_a_line = _ON_A_LINE.search(segment)
    return on_a_line.end() if on_a_line else 0
