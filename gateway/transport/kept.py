"""A post as the journal keeps it, read again; without its secrets, which were cut out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.contract import Call, System
from gateway.transport import call
from gateway.transport.reading import Body


def read(row: Mapping[str, Any], system: System) -> Call | None:
    """Return the call of a row of the journal, ``None`` where its body was not kept.

    ``row`` has the columns ``request_id``, ``received_at``, ``query``, ``content_type``, ``body``
    and ``stored_sha256``. Raises OSError where the file store cannot give the body.
    """
    body: bytes | None = row["body"]
    if row["stored_sha256"]:
        body = system.files.get(row["stored_sha256"])
    if body is None:
        return None
    received_at: datetime = row["received_at"]
    request = call.Request(
        request_id=row["request_id"],
        received_at=received_at,
        headers={"content-type": row["content_type"]},
        query=row["query"] or b"",
        body=Body(content=body, size=len(body)),
    )
    return call.build(request, system.settings)
