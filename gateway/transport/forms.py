"""A urlencoded body or query as pairs of exact bytes."""

import binascii
import re

from gateway.transport.pairs import Pair, check_count

BOM = b"\xef\xbb\xbf"
_MALFORMED = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MOST_MALFORMED = 1_000_000
_AROUND = b"\r\n"


def parse(raw: bytes) -> list[Pair]:
    """Return the pairs of ``raw`` in order; a BOM and line ends around it are none of a value's.

    Raises TooLarge beyond the number of pairs that a system takes.
    """
    check_count(raw.count(b"&"))
    found = []
    for segment in core(raw).split(b"&"):
        name, _, value = segment.partition(b"=")
        if name:
            found.append(Pair(unquote(name), unquote(value), value.startswith(b"+")))
    check_count(len(found))
    return found


def core(raw: bytes) -> bytes:
    """Return ``raw`` without the byte order mark and the line ends around it."""
    return raw.strip(_AROUND).removeprefix(BOM).strip(_AROUND)


def unquote(raw: bytes) -> bytes:
    """Return ``raw`` with ``+`` as space and percent escapes resolved; a stray ``%`` stays.

    urllib's way takes 1 GB and seconds for a file of 6 MB, and would keep every other thread
    waiting; the standard library's quoted-printable decoder is the same thing in C.
    """
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" not in raw:
        return raw
    mended, malformed = _MALFORMED.subn(b"%25", raw, count=_MOST_MALFORMED)
    if malformed == _MOST_MALFORMED:
        # Nobody wrote escapes here; to mend them all would take seconds and gigabytes.
        return raw
    return binascii.a2b_qp(mended.replace(b"=", b"=3D").replace(b"%", b"="))
