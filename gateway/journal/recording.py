"""Writes the row of a post, in the transaction of its lead or in one of its own."""

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from gateway.contract import Call, Caller
from gateway.errors import Problem
from gateway.models import Submission

ACCEPTED, REFUSED, FAILED, DRY_RUN = "accepted", "refused", "failed", "dry_run"
QUARANTINED, SUPERSEDED = "quarantined", "superseded"
"""What may become of a post."""

UNHANDLED = (REFUSED, FAILED, QUARANTINED)
"""Outcomes that somebody may still want to mend and replay."""

_submission = Submission.__table__
_insert = insert(_submission)
_find_decision = select(_submission.c.lead_id, _submission.c.decision).where(
    _submission.c.request_id == bindparam("id"), _submission.c.outcome == "accepted"
)
_find = select(_submission.c.request_id).where(_submission.c.request_id == bindparam("id"))
_ADD_KEYS = "INSERT INTO submission_key (digest, request_id) VALUES "


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
    claimed: str = "",
    keys: Collection[bytes] = (),
    superseded_by: str = "",
) -> None:
    """Write the row of ``call`` in the transaction of ``connection``.

    ``kept_body`` comes from ``keep_body``, which must have run before, ``keys`` from
    ``search_keys``; ``claimed`` is the login that a stranger named; ``superseded_by`` the post
    whose answer this one was given, because it repeats it.
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
            "headers": dict(call.headers) or None,
            "claimed": claimed[:191] or None,
            "replay_of": call.replay_of or None,
            "superseded_by": superseded_by or None,
            **kept_body,
        },
    )
    _add_keys(connection, call.request_id, keys)


def is_recorded(connection: Connection, request_id: str) -> bool:
    """Whether the row of a post is there: then all that was written with it is, too."""
    return connection.execute(_find, {"id": request_id}).one_or_none() is not None


def decision_of(
    connection: Connection, request_id: str
) -> tuple[int | None, Mapping[str, Any]] | None:
    """Return the lead and the decision of an accepted post, ``None`` where there is none."""
    row = connection.execute(_find_decision, {"id": request_id}).one_or_none()
    return None if row is None else (row.lead_id, row.decision)


def _add_keys(connection: Connection, request_id: str, keys: Collection[bytes]) -> None:
    if not keys:
        return
    # One plain statement: of a list of rows SQLAlchemy makes one anew for each post.
    row = "(?, ?)" if connection.dialect.paramstyle == "qmark" else "(%s, %s)"
    values = tuple(part for each in sorted(keys) for part in (each, request_id))
    connection.exec_driver_sql(_ADD_KEYS + ", ".join([row] * len(keys)), values)


def _flags(call: Call) -> str:
    flags = []
    if call.fallback_charset_used:
        flags.append("fallback_charset")
    if call.credentials.in_address:
        flags.append("credentials_in_address")
    return ",".join(flags)
