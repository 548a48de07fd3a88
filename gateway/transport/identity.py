"""Who asks, as the connection tells: our id of the request, the caller's own, the address."""

import os
import time
from collections.abc import Mapping
from ipaddress import ip_address
from random import Random

FORWARDED = "x-forwarded-for"

# An id is no secret. To ask the system for each would let other threads run in between.
_chance = Random()  # noqa: S311
os.register_at_fork(after_in_child=_chance.seed)


def new_request_id() -> str:
    """Return a new id of 36 characters that sorts by time (RFC 9562, version 7)."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    # The twelve bits below the millisecond are the time's own, so that a burst sorts as well.
    number = milliseconds << 80 | 0x7 << 76 | (rest * 4096 // 1_000_000) << 64
    number |= 0b10 << 62 | _chance.getrandbits(62)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def header_text(value: str, limit: int = 255) -> str:
    """Return the printable ASCII of a header, cut to what the journal holds."""
    value = value[: 4 * limit]
    if not (value.isascii() and value.isprintable()):
        value = "".join(c for c in value if " " <= c <= "~")
    return value.strip()[:limit]


def client_address(headers: Mapping[str, str], remote: str, *, proxies: int) -> str:
    """Return the address of the caller.

    Behind ``proxies`` reverse proxies of our own it is the n-th of X-Forwarded-For from the right:
    what stands left of it was written by the caller and may be anything.
    """
    if not proxies:
        return remote
    hops = [hop.strip() for hop in headers.get(FORWARDED, "").split(",")]
    return remote if len(hops) < proxies else _address(hops[-proxies]) or remote


def _address(text: str) -> str:
    """Return the plain address in ``text``, which may have a port; empty where it is none."""
    bracketed = text.startswith("[")
    host = text[1:].partition("]")[0] if bracketed else text
    if not bracketed and text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        return str(ip_address(host))
    except ValueError:
        return ""
