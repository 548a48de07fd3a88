"""A multipart/form-data body as pairs of exact bytes (RFC 7578, RFC 2046).

werkzeug's reader decodes header bytes and puts U+FFFD where they are no UTF-8, so a file name in
windows-1252 would be lost; this one only cuts.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from gateway.errors import BrokenBody
from gateway.transport import charset, headers, redact
from gateway.transport.forms import BOM
from gateway.transport.pairs import Pair, check_count

_HEADER_LIMIT = 16_384
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FOLDED = re.compile(rb"\r?\n[ \t]+")
_REST_OF_DELIMITER = re.compile(rb"(--)?[ \t]*+(?:(?=(\r?\n))|\Z)")


class _Delimiter(NamedTuple):
    start: int
    end: int
    closes: bool
    line_end: bytes


def parse(body: bytes, boundary: bytes | None) -> tuple[list[Pair], bytes | None]:
    """Return the parts of ``body`` in order, and ``body`` with the secrets cut out.

    The second is ``None`` where secrets cannot be found for certain. Raises BrokenBody or TooLarge.
    """
    if not boundary:
        raise BrokenBody(
            "The Content-Type has no boundary; let the HTTP library set it for multipart/form-data"
        )
    delimiters = _delimiters(body, boundary)
    pairs, secrets, clear = [], [], True
    # What stands before the first part and behind the last one is none, but may have anything.
    around = (0, delimiters[0].start), (delimiters[-1].end, len(body))
    for start, end in _parts(body, delimiters):
        pair, content = _read(body, start, end)
        pairs.append(pair)
        if redact.is_secret(pair.name):
            clear = clear and not redact.holds_secret(pair.name)
            secrets.append((content, end))
        elif redact.mentions(pair.value):
            clear = clear and not redact.is_a_name(pair.value)
            secrets.append((content, end))
        elif redact.mentions(body[start:content]):
            clear = False
    before, behind = ([span] if redact.mentions(body[slice(*span)]) else [] for span in around)
    return pairs, redact.cut(body, (*before, *secrets, *behind)) if clear else None


def _parts(body: bytes, delimiters: list[_Delimiter]) -> Iterator[redact.Span]:
    """Yield where each part begins and ends, its headers included."""
    for before, behind in pairwise(delimiters):
        if body[before.end : behind.start].strip():
            yield before.end, behind.start


def _delimiters(body: bytes, boundary: bytes) -> list[_Delimiter]:
    """Return the delimiters of the parts, the closing one at last; raises where there is none.

    Whether lines end in CRLF or in LF is told by the first delimiter, so that a file may hold what
    would be a delimiter with the other kind.
    """
    dashes = b"--" + boundary
    last = _first(body, dashes)
    if last is None:
        raise BrokenBody("The body has no part that begins with the boundary of its Content-Type")
    found = [last]
    while not last.closes:
        last = _next(body, dashes, last) or _end(body, dashes, last)
        found.append(last)
        check_count(len(found) - 1)
    return found


def _first(body: bytes, dashes: bytes) -> _Delimiter | None:
    """Return the first delimiter; what stands before it is no part."""
    at = len(BOM) if body.startswith(BOM) else 0
    while at >= 0:
        rest = _REST_OF_DELIMITER.match(body, at + len(dashes))
        if rest and body.startswith(dashes, at):
            return _Delimiter(at, rest.end(), bool(rest[1]), rest[2] or b"\r\n")
        at = body.find(b"\n" + dashes, at) + 1 or -1
    return None


def _next(body: bytes, dashes: bytes, last: _Delimiter) -> _Delimiter | None:
    mark = last.line_end + dashes
    at = body.find(mark, last.end)
    while at >= 0:
        rest = _REST_OF_DELIMITER.match(body, at + len(mark))
        if rest and rest[2] in (None, last.line_end):
            return _Delimiter(at, rest.end(), bool(rest[1]), last.line_end)
        at = body.find(mark, at + 1)
    return None


def _end(body: bytes, dashes: bytes, last: _Delimiter) -> _Delimiter:
    """Return the end of ``body`` as its closing delimiter, as PHP takes it.

    The body is all there, or its Content-Length would not be. Hand-made ones end in ``--b``, in a
    delimiter on a line end of the other kind, or right after the last value.
    """
    at = body.rfind(b"\n" + dashes, last.end)
    if at < 0 or body[at + 1 + len(dashes) :].strip(b"-\r\n\t \0"):
        at = len(body)
    elif body[at - 1 : at] == b"\r":
        at = max(at - 1, last.end)
    return _Delimiter(at, len(body), True, last.line_end)


def _read(body: bytes, start: int, end: int) -> tuple[Pair, int]:
    """Return the part between ``start`` and ``end``, and where its content begins."""
    # The line end of the delimiter still stands before the first header.
    blank = _BLANK_LINE.search(body, start, min(end, start + _HEADER_LIMIT))
    if blank is None:
        raise BrokenBody("A part of the body has no blank line between its headers and its content")
    block = _headers(body[start : blank.start()])
    _, disposition = headers.split(block.get(b"content-disposition", b""))
    name, _ = headers.text_parameter(disposition, b"name")
    if name is None:
        raise BrokenBody('A part of the body has no name="…" in its Content-Disposition')
    file_name, said = headers.text_parameter(disposition, b"filename")
    kind = block.get(b"content-type", b"")
    if file_name is None:
        said = charset.known(headers.split(kind)[1].get(b"charset", b""))
    pair = Pair(
        name=name,
        value=body[blank.end() : end],
        charset=said,
        file_name=file_name,
        content_type=kind.decode("latin-1"),
    )
    return pair, blank.end()


def _headers(block: bytes) -> dict[bytes, bytes]:
    found = {}
    for line in _FOLDED.sub(b" ", block).split(b"\n"):
        name, _, value = line.partition(b":")
        found[name.strip().lower()] = value.strip()
    return found
