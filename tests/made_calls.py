"""Makes requests and reads them as calls."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from config import settings
from gateway.contract import Call
from gateway.transport.call import Request, build
from gateway.transport.reading import Body

FORM = "application/x-www-form-urlencoded"
SETTINGS = settings()


def make(
    body: bytes = b"",
    content_type: str = FORM,
    *,
    query: bytes = b"",
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Call:
    request = Request(
        request_id="00000000-0000-7000-8000-000000000000",
        received_at=datetime(2030, 1, 1, tzinfo=UTC),
        method=method,
        headers={"content-type": content_type, **(headers or {})},
        query=query,
        body=Body(body, len(body), hashlib.sha256(body).hexdigest()),
    )
    return build(request, settings(**values) if values else SETTINGS)


def code(call: Call) -> str | None:
    return call.problem.problems[0].code if call.problem else None


def part(name: str, content: bytes, more: str = "") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode("latin-1") + content + b"\r\n"


def parts(*each: bytes) -> bytes:
    return b"".join((*each, b"--b--\r\n"))


MULTIPART = "multipart/form-data; boundary=b"
