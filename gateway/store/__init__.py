"""Step 5: apply a post to the store: one transaction for the lead, its rows and the journal's.

``deciding`` says what a post does (``locating`` which lead it means, ``planning`` what it makes of
it), ``claims`` hold off other posts of the same person, ``writing`` and ``keys`` write it.
Files are put into the file store before the transaction, so that a row never names a missing one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from gateway import database, journal
from gateway.contract import Call, Caller, Parsed, Rejected, System, Upload
from gateway.store import claims, writing
from gateway.store.deciding import CREATE, UPDATE, Decision, Post, decide, first_claims
from gateway.store.group import Job, alone
from gateway.store.history import record_changes
from gateway.store.keys import write_keys
from gateway.store.planning import Plan
from gateway.store.references import NewPool, make_pool

__all__ = ["CREATE", "UPDATE", "Outcome", "store"]

ATTEMPTS = 5
"""How often a post that meets keys it has not claimed begins again, before it waits for all such
posts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the store did, or on a dry run would do; ``lead_id`` is ``None`` for a lead not made."""

    action: str
    lead_id: int | None
    decision: Mapping[str, Any]


def store(
    parsed: Parsed,
    call: Call,
    caller: Caller,
    system: System,
    *,
    kept: Sequence[Rejected] = (),
    dry_run: bool = False,
) -> Outcome:
    """Insert or update the lead that ``parsed`` means, and write the journal's row with it.

    ``kept`` are the values that go into a note instead. With ``dry_run`` everything is decided and
    nothing is written or reserved. Raises LeadNotFound and ExternalIdTaken.
    """
    post = Post(parsed, caller, system, tuple(kept), datetime.now(UTC))
    if dry_run:
        return database.look_up(
            system.engine, lambda connection: _outcome(decide(post, connection))
        )
    prepared = _Prepared(
        call=call,
        uploads=tuple((upload, system.files.put(upload.content)) for upload in parsed.uploads),
        body=journal.keep_body(call, system.files),
    )
    held = first_claims(post)
    # Updates of two leads could wait for each other's rows, in two batches in two orders.
    run = system.group.run if parsed.mode == "insert" else alone
    for _ in range(ATTEMPTS):
        try:
            return run(system.engine, _job(post, prepared, held))
        except claims.Unclaimed as unclaimed:
            held |= unclaimed.digests
            run = alone
    held |= {claims.COMMON}
    return alone(system.engine, _job(post, prepared, held))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """What goes into the store with a post and was made before its transaction."""

    call: Call
    uploads: tuple[tuple[Upload, str], ...]
    body: Mapping[str, Any]


def _job(post: Post, prepared: _Prepared, held: frozenset[bytes]) -> Job[Outcome]:
    """Return what decides and writes in a transaction in which ``held`` is claimed.

    It raises claims.Unclaimed where the decision needs more; nothing is then written.
    """
    request_id = prepared.call.request_id

    def work(connection: Connection) -> Outcome:
        decision = decide(post, connection, lock=True)
        missing = decision.claims - held
        if missing and claims.are_needed(connection) and claims.COMMON not in held:
            raise claims.Unclaimed(missing)
        return _write(connection, post, decision, prepared)

    return Job(work, held, lambda connection: journal.is_recorded(connection, request_id))


def _write(connection: Connection, post: Post, decision: Decision, prepared: _Prepared) -> Outcome:
    request_id, planned = prepared.call.request_id, decision.plan
    trace = decision.trace() | {"request_id": request_id}
    stamp: dict[str, Any] = {"now": post.now, "request_id": request_id}
    values = _values(connection, planned, post.now)
    lead_id = decision.found.lead_id
    if decision.stored is None or lead_id is None:
        lead_id = writing.insert_lead(
            connection, post.defaults | values | {"match": trace}, now=post.now
        )
    elif planned.changed or prepared.uploads or planned.new_external_id:
        stamped = values | {"match": trace, "updated_at": post.now}
        writing.update_lead(connection, lead_id, stamped)
        changed = replace(planned, values=values)
        record_changes(connection, lead_id, decision.stored, changed, **stamp)
    write_keys(
        connection,
        lead_id,
        old=decision.old_keys,
        new=decision.new_keys,
        rules=post.system.match_rules,
    )
    if planned.new_external_id is not None:
        writing.add_external_id(connection, lead_id, planned.new_external_id)
    writing.append_notes(connection, lead_id, planned.notes, **stamp)
    if planned.tags is not None:
        writing.replace_tags(connection, lead_id, planned.tags, new=decision.stored is None)
    if planned.followup_at is not None:
        writing.add_followup(connection, lead_id, planned.followup_at, **stamp)
    writing.add_files(connection, lead_id, prepared.uploads, **stamp)
    journal.record(
        connection,
        prepared.call,
        prepared.body,
        outcome=journal.ACCEPTED,
        caller=post.caller,
        lead_id=lead_id,
        problems=[rejected.problem for rejected in post.kept],
        unknown=post.parsed.unknown,
        decision=decision.trace(),
    )
    return replace(_outcome(decision), lead_id=lead_id)


def _outcome(decision: Decision) -> Outcome:
    return Outcome(
        action=decision.action, lead_id=decision.found.lead_id, decision=decision.trace()
    )


def _values(connection: Connection, planned: Plan, now: datetime) -> dict[str, Any]:
    """Return the planned values by column; a pool that is made with its lead is made now."""
    values = dict(planned.values)
    if isinstance(values.get("pool_id"), NewPool):
        values["pool_id"] = make_pool(connection, values["pool_id"], now)
    return values
