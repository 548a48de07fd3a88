"""What reached us and what became of it: one row a post, written with its lead or alone."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from gateway.contract import Call, Caller
from gateway.errors import Problem
from gateway.files import FileStore
from gateway.models import Submission

log = logging.getLogger("gateway.journal")

INLINE_BODY = 65_536
"""Bodies up to this many bytes stand in the row; larger ones lie in the file store."""

MOST_INLINE = 8 * 1024 * 1024
"""Bytes that may stand in the row where the file store fails; MariaDB takes 16 MB in one packet."""

ACCEPTED, REFUSED, FAILED, DRY_RUN = "accepted", "refused", "failed", "dry_run"
"""What may become of a post."""

_submission = Submission.__table__
_insert = insert(_submission)
_find_decision = select(_submission.c.lead_id, _submission.c.decision).where(
    _submission.c.request_id == bindparam("id"), _submission.c.outcome == "accepted"
)
_find = select(_submission.c.request_id).where(_submission.c.request_id == bindparam("id"))


def record(
    connection: Connection,
    call: Call,
    kept_body: Mapping[str, Any],
    *,
    outcome: str,
    caller: Caller | None = None,
    lead_id: int | None = None,
    problems: Sequence[Problem] = (),
    unknown: Sequence[str] = (),
    decision: Mapping[str, Any] | None = None,
) -> None:
    """Write the row of ``call`` in the transaction of ``connection``.

    ``kept_body`` comes from ``keep_body``, which must have run before.
    """
    connection.execute(
        _insert,
        {
            "request_id": call.request_id,
            "received_at": call.received_at,
            "caller": caller.name if caller else None,
            "address": call.address[:45],
            "method": call.method[:10],
            "path": call.path[:255],
            "query": call.query or None,
            "content_type": call.content_type[:255],
            "origin": call.origin[:255] or None,
            "caller_request_id": call.caller_request_id or None,
            "command": call.command[:100],
            "outcome": outcome,
            "codes": ",".join(dict.fromkeys(each.code for each in problems))[:255] or None,
            "problems": [[each.field, each.code, each.message] for each in problems] or None,
            "unknown": list(unknown) or None,
            "lead_id": lead_id,
            "decision": dict(decision) if decision else None,
            "duration_us": (time.perf_counter_ns() - call.started) // 1000,
            "body_size": call.body_size,
            "body_sha256": call.body_sha256,
            "flags": _flags(call) or None,
            **kept_body,
        },
    )


def is_recorded(connection: Connection, request_id: str) -> bool:
    """Whether the row of a post is there: then all that was written with it is, too."""
    return connection.execute(_find, {"id": request_id}).one_or_none() is not None


def decision_of(
    connection: Connection, request_id: str
) -> tuple[int | None, Mapping[str, Any]] | None:
    """Return the lead and the decision of an accepted post, ``None`` where there is none."""
    row = connection.execute(_find_decision, {"id": request_id}).one_or_none()
    return None if row is None else (row.lead_id, row.decision)


def keep_body(call: Call, files: FileStore) -> dict[str, Any]:
    """Return where the body of ``call`` lies, as columns; a large one is put into ``files`` now.

    Files are written before the row that names them, so that no row ever names a missing file. A
    file store that fails must not cost the row: the body then stands in it, up to what every
    engine takes.
    """
    body = call.body
    if body is not None and len(body) > INLINE_BODY:
        try:
            return {"body": None, "stored_sha256": files.put(body)}
        except Exception:
            log.exception("%s: the file store cannot take its body", call.request_id)
            body = body if len(body) <= MOST_INLINE else None
    return {"body": body, "stored_sha256": None}


def _flags(call: Call) -> str:
    flags = []
    if call.fallback_charset_used:
        flags.append("fallback_charset")
    if call.credentials.in_address:
        flags.append("credentials_in_address")
    return ",".join(flags)
