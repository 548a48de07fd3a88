"""A multipart/form-data body as pairs of exact bytes (RFC 7578, RFC 2046).

werkzeug's reader decodes header bytes and puts U+FFFD where they are no UTF-8, so a file name in
windows-1252 would be lost; this one only cuts.
"""

import re
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


def parse(body: bytes, boundary: bytes | None) -> tuple[list[Pair], bytes]:
    """Return the parts of ``body`` in order, and ``body`` with the secrets cut out.

    Raises BrokenBody or TooLarge.
    """
    if not boundary:
        raise BrokenBody(
            "The Content-Type has no boundary; let the HTTP library set it for multipart/form-data"
        )
    pairs, secrets = [], []
    for start, end in _parts(body, boundary):
        pair, content = _read(body, start, end)
        pairs.append(pair)
        if redact.is_secret(pair.name.decode("latin-1")):
            secrets.append((content, end))
    return pairs, redact.cut(body, secrets)


def _parts(body: bytes, boundary: bytes) -> list[redact.Span]:
    """Return where each part begins and ends, its headers included.

    Whether lines end in CRLF or in LF is told by the first delimiter, so that a file may hold what
    would be a delimiter with the other kind.
    """
    dashes = b"--" + boundary
    last = _first(body, dashes)
    if last is None:
        raise BrokenBody("The body has no part that begins with the boundary of its Content-Type")
    spans: list[redact.Span] = []
    while not last.closes:
        found = _next(body, dashes, last)
        if found is None:
            raise BrokenBody(
                "The body has no closing boundary; it was cut short, or its last line is missing"
            )
        if found.start > last.end:
            spans.append((last.end, found.start))
            check_count(len(spans))
        last = found
    return spans


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
