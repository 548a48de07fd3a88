"""Replays posts of the journal: each is done again, after its time, as an entry of its own.

The old row is closed in the transaction of the new one, so that a post is never done twice: not
when a replay is killed in the middle, and not when two people replay it at once. A replay that is
refused again leaves the old row as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import Connection

from gateway import auth, journal, repeats
from gateway.commands.lead_set import LEAD_SET
from gateway.contract import Call, Caller, Done, System
from gateway.database import in_transaction, look_up
from gateway.dispatch import attempt, perform
from gateway.errors import Refused
from gateway.formats import Flag
from gateway.journal import finding, reducing, replacing
from gateway.replaying.correcting import DRY_RUN, NOTHING, Corrections, corrected
from gateway.transport.again import late_call, request_of
from gateway.transport.identity import new_request_id

__all__ = ["LEFT", "CannotReplay", "Corrections", "Replayed", "rebuild", "replay"]

LEFT = "left"
"""Stands for an outcome where nothing was done and the post is as it was."""


class CannotReplay(Exception):
    """The post cannot be done again; the text says why and, where there is one, the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of one post. ``replay`` is the request id of the new entry, where there is one.

    ``outcome`` is that of the new entry; ``dry_run`` where it would be accepted, ``superseded``
    where its caller got it accepted meanwhile, or LEFT. ``unknown`` are the names that no field of
    this system claims now.
    """

    request_id: str
    outcome: str
    replay: str | None = None
    lead_id: int | None = None
    decision: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether nobody need look at the post any more."""
        return self.outcome in (journal.ACCEPTED, journal.SUPERSEDED, journal.DRY_RUN)


def replay(
    system: System,
    request_id: str,
    *,
    corrections: Corrections = NOTHING,
    login: str | None = None,
    dry_run: bool = False,
) -> Replayed:
    """Do the post ``request_id`` again, as ``login`` or else as the login that it came from.

    With ``dry_run`` nothing is written, in the journal neither.
    """
    try:
        row = finding.get(system, request_id)
        if row is None:
            raise CannotReplay("there is no such post")
        if why := replacing.closed(row):
            raise CannotReplay(why)
        sent = rebuild(row, system)
        call = corrected(sent, corrections, system.schema)
        _check(call, sent, corrections)
        caller = _caller(row, login, system)
        if dry_run and call.command in system.commands.keys() - {LEAD_SET.name}:
            raise CannotReplay(f"{call.command} cannot be tried without doing it")
    except CannotReplay as why_not:
        return Replayed(request_id=request_id, outcome=LEFT, messages=(str(why_not),))
    unknown = tuple(sorted(call.form.keys() - system.schema.readers.keys()))
    retry = _answered(row, system) or _accepted_retry(system, (sent, call), caller)
    if retry is not None:
        return _superseded(system, request_id, *retry, dry_run=dry_run)
    if dry_run:
        tried = replace(call, dry_run="1")
        done = attempt(tried, system, lambda: replace(caller, may_dry_run=True))
    else:
        done = perform(call, system, lambda: caller)
    return _replayed(call, done, system, unknown=unknown, dry_run=dry_run)


def rebuild(row: Mapping[str, Any], system: System) -> Call:
    """Return the call of a row of the journal as a post that is done after its time.

    It has an id of its own and the time of the row; credentials and the key for repeats, which has
    had its answer, are not in it. Raises CannotReplay.
    """
    try:
        body, query = _bytes(row, system)
    except journal.Unreadable as error:
        raise CannotReplay(f"it cannot be read: {error}") from None
    if body is None:
        raise CannotReplay("of its body only length and hash were kept; its sender must send it")
    call = _sent(row, system, body=body, query=query)
    return replace(
        call, request_id=new_request_id(), replay_of=row["request_id"], idempotency_key=""
    )


def _bytes(row: Mapping[str, Any], system: System) -> tuple[bytes | None, bytes]:
    # Credentials that stand in it go no further than in the post itself, when it came.
    return (
        journal.read_body(row, system, with_secrets=True),
        journal.read_query(row, system, with_secrets=True),
    )


def _sent(row: Mapping[str, Any], system: System, *, body: bytes, query: bytes) -> Call:
    return late_call(request_of(row, body=body, query=query), system.settings)


def _check(call: Call, sent: Call, corrections: Corrections) -> None:
    if call.problem is not None:
        raise CannotReplay(f"it cannot be read: {call.problem.problems[0].message}")
    if DRY_RUN not in corrections.unset and _is_try(sent):
        raise CannotReplay("it was only a try; --unset dry_run does it in earnest")


def _is_try(call: Call) -> bool:
    if not call.dry_run.strip():
        return False
    try:
        return bool(Flag().deserialize(call.dry_run.strip()))
    except ValidationError:
        return True


def _caller(row: Mapping[str, Any], login: str | None, system: System) -> Caller:
    """Return the caller, for whom whoever replays vouches: passwords are kept nowhere."""
    name = login or row["caller"] or row["claimed"]
    if not name:
        raise CannotReplay("it named no login; say with --as whose post it is")
    if name == auth.ANONYMOUS.name and system.settings.GATEWAY_ALLOW_ANONYMOUS:
        return auth.ANONYMOUS
    caller = auth.known(name, system)
    if caller is None:
        raise CannotReplay(f"there is no login {name}; add it, or name another with --as")
    if ended := auth.ended(name, system):
        raise CannotReplay(f"the login {name} is {ended}; name another with --as")
    return caller


def _answered(row: Mapping[str, Any], system: System) -> tuple[str, int | None] | None:
    """Return the accepted post that the post of ``row`` repeats by its key, if there is one.

    A repeat that did not wait for its first post was refused, and must not be done beside it.
    """
    caller = auth.known(row["caller"], system) if row["caller"] else None
    if caller is None:
        return None
    body, query = _bytes(row, system)
    call = _sent(row, system, body=body or b"", query=query)
    try:
        key = repeats.key_of(call, caller, system.settings)
        if key is not None:
            repeats.look(system, key, call)
    except repeats.Repeated as repeated:
        first = repeated.first
        if first.outcome == journal.ACCEPTED:
            return first.request_id, first.lead_id
    except Refused:  # what is wrong with its key was said when it came, and a replay needs none
        pass
    return None


def _accepted_retry(
    system: System, calls: tuple[Call, ...], caller: Caller
) -> tuple[str, int | None] | None:
    """Return the accepted post that says the same, with or without corrections, if there is one."""

    def find(connection: Connection) -> tuple[str, int | None] | None:
        found = (journal.retry_of(connection, call, caller) for call in calls)
        return next((each for each in found if each is not None), None)

    return look_up(system.engine, find)


def _superseded(
    system: System, request_id: str, by: str, lead_id: int | None, *, dry_run: bool
) -> Replayed:
    def close(connection: Connection) -> None:
        journal.hold_original(connection, request_id)
        replacing.supersede(connection, request_id, by=by, lead_id=lead_id)
        reducing.follow(connection, request_id, first=by)

    if not dry_run:
        try:
            in_transaction(system.engine, close)
        except Refused as refusal:
            return Replayed(request_id=request_id, outcome=LEFT, messages=(str(refusal),))
    return Replayed(
        request_id=request_id,
        outcome=journal.SUPERSEDED,
        lead_id=lead_id,
        messages=(f"the same fields were accepted since as {by}",),
    )


def _replayed(
    call: Call, done: Done, system: System, *, unknown: tuple[str, ...], dry_run: bool
) -> Replayed:
    reply = done.reply
    decision = reply.decision
    if done.outcome == journal.ACCEPTED:
        found = look_up(
            system.engine, lambda connection: journal.decision_of(connection, call.request_id)
        )
        decision = found[1] if found else None
    return Replayed(
        request_id=call.replay_of,
        outcome=done.outcome,
        replay=None if dry_run else call.request_id,
        lead_id=reply.lead_id,
        decision=decision or {},
        messages=tuple(each.message for each in (*reply.problems, *reply.warnings)),
        unknown=unknown,
    )
