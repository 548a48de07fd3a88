"""The body of a request, read to the end within limits whatever the client does."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gateway.errors import BrokenBody, Refused, TooLarge

DROPPED_BYTES = 64 * 1024 * 1024
DROPPING_SECONDS = 30
"""How far a body beyond the limit is read and dropped, so that its sender gets the answer."""

IDLE_SECONDS = 20
BODY_SECONDS = 600
"""How long a client may send nothing, and how long a body may take in all."""

_CHUNK = 65_536


class Body(NamedTuple):
    """The bytes of a body, or ``None`` where they may not be used; their size and SHA-256.

    ``problem`` says why not.
    """

    content: bytes | None = b""
    size: int = 0
    sha256: str = ""
    problem: Refused | None = None


EMPTY = Body(sha256=hashlib.sha256().hexdigest())
"""The body of a request that has none."""


class _Slow(Exception):
    """The body takes longer than we wait."""


def read(environ: Mapping[str, Any], limit: int) -> Body:
    """Return the body of the request in ``environ``; one larger than ``limit`` is dropped.

    Raises nothing: what went wrong with the connection is the body's problem.
    """
    expected = _length(environ)
    chunks: list[bytes] = []
    digest = hashlib.sha256()
    size = 0
    problem: Refused | None = None
    # Bounded where the server gives us its socket: a client that stalls keeps no thread for ever.
    connection = environ.get("gunicorn.socket")
    before = connection.gettimeout() if connection is not None else None
    try:
        if connection is not None:
            connection.settimeout(IDLE_SECONDS)
        for chunk in _chunks(environ["wsgi.input"], expected, limit):
            size += len(chunk)
            digest.update(chunk)
            if size <= limit:
                chunks.append(chunk)
            else:
                chunks.clear()
    except (TimeoutError, _Slow):
        problem = BrokenBody("The body did not arrive in time; send it again")
    except Exception:
        # Servers have errors of their own for a connection that breaks or a bad chunk.
        problem = BrokenBody("The body ended before it was whole; send it again")
    finally:
        if connection is not None:
            connection.settimeout(before)
    if size > limit:
        problem = TooLarge(
            f"The body is larger than {limit} bytes, the most that this system takes; "
            "send less in one post"
        )
    elif problem is None and expected is not None and size < expected:
        problem = BrokenBody(
            f"The body ended after {size} of the {expected} bytes that its Content-Length says; "
            "send it again, whole"
        )
    content = b"".join(chunks) if problem is None else None
    return Body(content, size, digest.hexdigest(), problem)


def _length(environ: Mapping[str, Any]) -> int | None:
    """Return how many bytes are to come; ``None`` where only the end of the input tells."""
    declared = environ.get("CONTENT_LENGTH") or ""
    if declared.isdecimal() and declared.isascii():
        return int(declared)
    return None if environ.get("wsgi.input_terminated") else 0


def _chunks(stream: Any, expected: int | None, limit: int) -> Iterator[bytes]:
    started = time.monotonic()
    seconds, size = BODY_SECONDS, 0
    while expected is None or size < expected:
        wanted = _CHUNK if expected is None else min(_CHUNK, expected - size)
        chunk = stream.read(wanted)
        if not chunk:
            return
        size += len(chunk)
        yield chunk
        if size > limit:
            seconds = DROPPING_SECONDS
            if size >= DROPPED_BYTES:
                return
        if time.monotonic() - started > seconds:
            raise _Slow
