"""A call made again after its time: of a row of the journal, or of a file of the spool."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from config import Settings
from gateway.contract import Call
from gateway.transport.call import Request, build
from gateway.transport.reading import Body


def request_of(row: Mapping[str, Any], *, body: bytes | None, query: bytes) -> Request:
    """Return the request of a row; ``call.build`` makes the call of it.

    ``row`` has the columns of ``Submission``, ``body`` and ``query`` come from
    ``journal.read_body`` and ``journal.read_query``. Id and time are those of the row. Credentials
    were cut out, so none is in the call: the caller is the row's.
    """
    headers = dict(row["headers"] or {}) | {
        "content-type": row["content_type"],
        "origin": row["origin"] or "",
        "x-request-id": row["caller_request_id"] or "",
    }
    return Request(
        request_id=row["request_id"],
        received_at=row["received_at"],
        method=row["method"],
        path=row["path"],
        address=row["address"],
        headers={name: value for name, value in headers.items() if value},
        query=query,
        body=Body(content=body, size=row["body_size"], sha256=row["body_sha256"]),
    )


def late_call(request: Request, settings: Settings) -> Call:
    """Return the call of a request that is done after its time; it overwrites nothing newer."""
    return replace(build(request, settings), late=True)
