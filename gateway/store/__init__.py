"""Step 5: apply a post to the store: one transaction for the lead, its rows and the journal's.

``deciding`` says what a post does (``locating`` which lead it means, ``planning`` what it makes of
it), ``claims`` hold off other posts of the same person, ``writing`` and ``keys`` write it.
Files are put into the file store before the transaction, so that a row never names a missing one.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway import database, journal, repeats
from gateway.contract import Call, Caller, LeadEvent, Parsed, Rejected, System, Upload
from gateway.store import claims, fast, writing
from gateway.store.deciding import (
    CREATE,
    UPDATE,
    Decision,
    decide,
    decide_unmatched,
    first_claims,
)
from gateway.store.group import Committed, alone
from gateway.store.history import record_changes
from gateway.store.jobs import CLEAN, Beside, Done, Job, Ready
from gateway.store.keys import write_keys
from gateway.store.lead_rows import Lock
from gateway.store.pools import with_pool
from gateway.store.posts import Post
from gateway.store.telling import event_of
from gateway.store.wanted import Wanted, can_share, wanted_of

__all__ = ["CREATE", "UPDATE", "Outcome", "store"]

ATTEMPTS = 5
"""How often a post is tried that meets keys it has not claimed, before it takes turns with others
of that kind."""

LAST_ATTEMPTS = 30
"""How often it is tried then."""


class Outcome(NamedTuple):
    """What the store did, or on a dry run would do; ``lead_id`` is ``None`` for a lead not made.

    ``decision`` is why, on a dry run, and ``event`` what listeners are to be told.
    """

    action: str
    lead_id: int | None
    decision: Mapping[str, Any] | None = None
    event: LeadEvent | None = None


def store(
    parsed: Parsed,
    call: Call,
    caller: Caller,
    system: System,
    *,
    kept: Sequence[Rejected] = (),
    dry_run: bool = False,
    key: repeats.Key | None = None,
) -> Outcome:
    """Insert or update the lead that ``parsed`` means, and write the journal's row with it.

    ``kept`` are the values that go into a note instead. With ``dry_run`` everything is decided and
    nothing is written or reserved. ``key`` is that of a post which may be repeated. Raises
    LeadNotFound, ExternalIdTaken, and what ``repeats.reserve`` does.
    """
    late_at = call.received_at if call.late else None
    post = Post(parsed, caller, system, tuple(kept), datetime.now(UTC), late_at=late_at)
    if dry_run:
        tried = database.look_up(system.engine, lambda connection: decide(post, connection))
        return Outcome(action=tried.action, lead_id=tried.found.lead_id, decision=tried.trace())
    prepared = _Prepared(
        call=call,
        uploads=tuple((upload, system.files.put(upload.content)) for upload in parsed.uploads),
        body=journal.keep_body(call, system),
        keys=journal.search_keys(parsed.changes, system.settings),
        repeat=key,
        fields=journal.retry_digest(key.fields if key else repeats.fields_digest(call), caller),
    )
    try:
        return _write_claimed(post, prepared)
    except (DBAPIError, Committed):
        # Where the connection broke during COMMIT the journal tells what the caller must hear.
        done = database.look_up(
            system.engine, lambda connection: journal.decision_of(connection, call.request_id)
        )
        if done is None:
            raise
        lead_id, decision = done
        return Outcome(action=decision["action"], lead_id=lead_id)


class _Prepared(NamedTuple):
    """What goes into the store with a post and was made before its transaction."""

    call: Call
    uploads: tuple[tuple[Upload, str], ...]
    body: Mapping[str, Any]
    keys: frozenset[bytes]
    repeat: repeats.Key | None
    fields: bytes


def _write_claimed(post: Post, prepared: _Prepared) -> Outcome:
    """Write the post, again with more claims where it turns out to touch keys it does not hold.

    Every attempt claims before it reads, and writes only if the keys that its decision rests on are
    all claimed: so nobody has changed what it read, and nobody looks for what it changes. Other
    keys than before it meets only where somebody else has written in between. Who meets such again
    and again waits for the common claim too, so that posts of that kind at least do not do it to
    each other. Raises claims.Contended where even that does not help.
    """
    engine, held = post.system.engine, first_claims(post)
    wanted, ready = None, None
    if can_share(post, prepared.call, prepared.repeat):
        wanted = wanted_of(post, held)
        if wanted is None:
            ready = _ready(post, prepared, held)
    group = post.system.group
    for attempt in range(1, ATTEMPTS + LAST_ATTEMPTS + 1):
        try:
            job = _job(post, prepared, held, wanted, ready)
            # Where several can write at once, a post that waits would hold up its whole batch.
            if wanted or ready or database.has_one_writer(engine):
                return group.run(engine, job)
            group.leave()
            return alone(engine, job)
        except claims.Unclaimed as unclaimed:
            held |= unclaimed.digests
            wanted, ready = None, None
        if attempt == ATTEMPTS:
            held |= {claims.COMMON}
    raise claims.Contended(f"other posts changed the lead at each of {attempt} attempts")


def _ready(post: Post, prepared: _Prepared, held: frozenset[bytes]) -> Ready[Outcome] | None:
    """Return the rows of a post that makes a lead, where nobody else is meant; ``None`` where that
    needs more than ``held`` and the rows, and of an update."""
    if post.parsed.mode != "insert":
        return None
    rows = fast.Rows(post.system.engine)
    connection = rows.as_connection()
    try:
        decision = decide_unmatched(post, connection)
        if not decision.claims <= held:
            return None
        _write_rows(connection, post, decision, prepared)
    except fast.NeedsConnection:
        return None
    return Ready(
        rows,
        lambda lead_id: _told(post, decision, prepared, lead_id),
        keys=decision.touched,
    )


def _job(
    post: Post,
    prepared: _Prepared,
    held: frozenset[bytes],
    wanted: Wanted | None,
    ready: Ready[Outcome] | None,
) -> Job[Outcome]:
    """Return what decides and writes in a transaction in which ``held`` is claimed.

    It raises claims.Unclaimed where the decision needs more; nothing is then written.
    """
    call, repeat = prepared.call, prepared.repeat

    def work(connection: Connection, beside: Beside | None) -> Done[Outcome]:
        if call.replay_of:
            journal.hold_original(connection, call.replay_of)
        if repeat is None:
            return claimed(connection, beside)
        # Before the claims: a repeat waits for the first post and for nobody else.
        repeats.reserve(connection, repeat, call)
        try:
            return claimed(connection, beside)
        except CLEAN:
            repeats.release(connection, repeat, call)
            raise

    def claimed(connection: Connection, beside: Beside | None) -> Done[Outcome]:
        seen, lock = None, Lock.WAIT
        if beside is None:
            claims.take(connection, held)
        else:
            seen, lock = beside.seen, Lock.NOWAIT
        decision = decide(post, connection, lock=lock, seen=seen)
        # Only a post that is not refused makes its pool; then rules see that as they ever will.
        whole = with_pool(post, decision, connection)
        if whole is not post:
            decision = decide(whole, connection, lock=lock, seen=seen)
        missing = decision.claims - held
        if missing and claims.are_needed(connection):
            if beside is None:
                raise claims.Unclaimed(missing)
            claims.take_more(connection, missing)
        lead_id = _write(connection, whole, decision, prepared, beside)
        told = _told(whole, decision, prepared, lead_id)
        return Done(told, lead_id, decision.touched)

    return Job(
        work,
        lambda connection: journal.is_recorded(connection, call.request_id),
        ready,
        wanted=wanted,
        make=lambda: _ready(post, prepared, held),
    )


def _write(
    connection: Connection,
    post: Post,
    decision: Decision,
    prepared: _Prepared,
    beside: Beside | None,
) -> int:
    """Write what the post does, and return the id of its lead."""
    if prepared.call.replay_of or not fast.can_write(connection.engine):
        # A replay changes another row of the journal, too, which names its own.
        return _write_rows(connection, post, decision, prepared)
    if decision.stored is None:
        rows = fast.Rows(connection.engine)
        _write_rows(rows.as_connection(), post, decision, prepared)
        (lead_id,) = fast.write(connection, [rows], soon=beside is not None)
        return lead_id
    more = beside.rows if beside else fast.MoreRows(connection)
    lead_id = _write_rows(more.as_connection(), post, decision, prepared)
    if not beside:
        fast.add(connection, [more])
    return lead_id


def _write_rows(connection: Connection, post: Post, decision: Decision, prepared: _Prepared) -> int:
    request_id, planned = prepared.call.request_id, decision.plan
    why = decision.trace()
    trace = why | {"request_id": request_id}
    stamp: dict[str, Any] = {"now": post.at, "request_id": request_id}
    values = planned.values
    lead_id = decision.found.lead_id
    if decision.stored is None or lead_id is None:
        lead_id = writing.insert_lead(
            connection, {**post.defaults, **values, "match": trace}, at=post.at, now=post.now
        )
    elif planned.changed or prepared.uploads or planned.new_external_id:
        stamped = {**values, "match": trace, "updated_at": post.now}
        writing.update_lead(connection, lead_id, stamped)
        # The history tells when a value was stored; the journal, when its post came.
        record_changes(
            connection, lead_id, decision.stored, planned, now=post.now, request_id=request_id
        )
    write_keys(
        connection,
        lead_id,
        old=decision.old_keys,
        new=decision.new_keys,
        rules=post.system.match_rules,
    )
    if planned.new_external_id is not None:
        writing.add_external_id(connection, lead_id, planned.new_external_id)
    if planned.notes:
        writing.append_notes(connection, lead_id, planned.notes, **stamp)
    if planned.tags is not None:
        writing.replace_tags(connection, lead_id, planned.tags, new=decision.stored is None)
    if planned.followup_at is not None:
        writing.add_followup(connection, lead_id, planned.followup_at, **stamp)
    if prepared.uploads:
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
        decision=why | {"same": list(planned.same)} if planned.same else why,
        keys=prepared.keys,
        fields=prepared.fields,
    )
    return lead_id


def _told(post: Post, decision: Decision, prepared: _Prepared, lead_id: int) -> Outcome:
    """Return the outcome of a decision that is written, with what listeners are told of it."""
    uploads = [upload for upload, _ in prepared.uploads]
    request_id = prepared.call.request_id
    event = event_of(decision, post, lead_id, uploads=uploads, request_id=request_id)
    return Outcome(action=decision.action, lead_id=lead_id, event=event)
