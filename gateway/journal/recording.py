"""Writes the row of a post, in the transaction of its lead or in one of its own."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from gateway import repeats
from gateway.contract import Call, Caller
from gateway.errors import Problem
from gateway.journal import key_rows, reducing
from gateway.journal.outcomes import ACCEPTED, UNHANDLED
from gateway.journal.replacing import supersede
from gateway.models import Submission
from gateway.normal import digest

_submission = Submission.__table__
IS_OPEN = (
    _submission.c.outcome.in_(UNHANDLED)
    & _submission.c.handled_at.is_(None)
    & _submission.c.superseded_by.is_(None)
)
"""Whether a row waits for somebody: not accepted, not settled, and no other in its place."""

_insert = insert(_submission)
_find_decision = select(_submission.c.lead_id, _submission.c.decision).where(
    _submission.c.request_id == bindparam("id"), _submission.c.outcome == "accepted"
)
_find_retry = (
    select(_submission.c.request_id, _submission.c.lead_id)
    .where(
        _submission.c.fields_digest == bindparam("digest"),
        _submission.c.outcome == ACCEPTED,
        _submission.c.recorded_at >= bindparam("since"),
        _submission.c.request_id != bindparam("id"),
    )
    .order_by(_submission.c.recorded_at)
    .limit(1)
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
    claimed: str = "",
    keys: Collection[bytes] = (),
    superseded_by: str = "",
    fields: bytes | None = None,
) -> None:
    """Write the row of ``call`` in the transaction of ``connection``.

    ``kept_body`` comes from ``keep_body``, which must have run before, ``keys`` from
    ``search_keys``; ``claimed`` is the login that a stranger named; ``superseded_by`` the post
    whose answer this one was given, because it repeats it; ``fields`` the ``retry_digest`` of an
    accepted post.
    """
    now = datetime.now(UTC)
    # A replay that is refused again is no second post to be mended: the first one stays that.
    is_settled = bool(call.replay_of) and outcome != ACCEPTED
    if call.corrected and decision:
        decision = {**decision, "corrected": list(call.corrected)}
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
            "codes": _codes(problems) if problems else None,
            "problems": [[each.field, each.code, each.message] for each in problems] or None,
            "unknown": list(unknown) or None,
            "lead_id": lead_id,
            "decision": dict(decision) if decision else None,
            "duration_us": (time.perf_counter_ns() - call.started) // 1000,
            "body_size": call.body_size,
            "body_sha256": call.body_sha256,
            "headers": dict(call.headers) or None,
            "claimed": claimed[:191] or None,
            "replay_of": call.replay_of or None,
            "handled_at": now if is_settled else None,
            "recorded_at": now,
            "fields_digest": fields,
            "superseded_by": superseded_by or None,
            **kept_body,
            "flags": _flags(call, kept_body["flags"]),
        },
    )
    key_rows.add(connection, call.request_id, keys)
    if superseded_by:
        reducing.follow(connection, call.request_id, first=superseded_by)
    if call.replay_of and outcome == ACCEPTED:
        supersede(connection, call.replay_of, by=call.request_id, lead_id=lead_id)


def is_recorded(connection: Connection, request_id: str) -> bool:
    """Whether the row of a post is there: then all that was written with it is, too."""
    return connection.execute(_find, {"id": request_id}).one_or_none() is not None


def decision_of(
    connection: Connection, request_id: str
) -> tuple[int | None, Mapping[str, Any]] | None:
    """Return the lead and the decision of an accepted post, ``None`` where there is none."""
    row = connection.execute(_find_decision, {"id": request_id}).one_or_none()
    return None if row is None else (row.lead_id, row.decision)


def retry_digest(sent: bytes, caller: Caller | None) -> bytes:
    """Return 16 bytes that are equal for two posts of one caller with the same fields and values.

    ``sent`` comes from ``repeats.fields_digest``: what counts as the same is what counts so there.
    """
    name = caller.name if caller else ""
    return digest("retry", f"{sent.hex()} {name}")


def retry_of(
    connection: Connection, call: Call, caller: Caller | None
) -> tuple[str, int | None] | None:
    """Return the post that the caller of ``call`` sent again and that was accepted since, if any:
    its request id and its lead."""
    row = connection.execute(
        _find_retry,
        {
            "digest": retry_digest(repeats.fields_digest(call), caller),
            "since": call.received_at,
            "id": call.request_id,
        },
    ).one_or_none()
    return None if row is None else (row.request_id, row.lead_id)


def _codes(problems: Sequence[Problem]) -> str | None:
    return ",".join(dict.fromkeys(each.code for each in problems))[:255] or None


def _flags(call: Call, of_body: str) -> str | None:
    flags = []
    if call.fallback_charset_used:
        flags.append("fallback_charset")
    if call.credentials.in_address:
        flags.append("credentials_in_address")
    if call.late and not call.replay_of:
        flags.append("drained")
    if of_body:
        flags.append(of_body)
    return ",".join(flags) or None
