"""Drains the spool: each post that waited is done as if it had only taken long, once, in order.

A file goes only after the row of its post stands in the journal. So a drain that is killed, or
whose COMMIT got lost, finds out from the journal the next time; request ids are unique there.
New posts go directly to the database meanwhile: what they set is newer, and ``Call.late`` keeps a
drained post from overwriting it.
"""

import base64
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway import auth, journal, outage
from gateway.contract import Call, Caller, Credentials, Done, Reply, System, Upload
from gateway.database import look_up
from gateway.dispatch import Identity, perform, record
from gateway.errors import Problem, Refused
from gateway.replies import refuse
from gateway.sealing import CannotOpen
from gateway.spool import BrokenFile
from gateway.transport import call as transport_call
from gateway.transport.again import late_call
from gateway.transport.reading import Body

log = logging.getLogger("gateway.spool")

MOST_STUCK = 5
"""Posts in one run that the database does not take although it takes others."""


@dataclass(slots=True)
class Drained:
    """What a run came to. ``already`` were in the journal, ``broken`` and ``unreadable`` are files
    that stay; ``is_away`` says that it ended because the database went away."""

    accepted: int = 0
    refused: int = 0
    failed: int = 0
    superseded: int = 0
    already: int = 0
    broken: int = 0
    unreadable: int = 0
    stuck: int = 0
    waiting: int = 0
    is_away: bool = False


def drain(system: System, *, wait: bool = True) -> Drained | None:
    """Do every post that waits in the spool of this node, and return what became of them.

    Only one process drains at a time: without ``wait`` the answer is ``None`` where another does,
    and what could not be done lately is left for later.
    """
    with system.spool.drainer(wait=wait) as is_mine:
        if not is_mine:
            return None
        drained = Drained()
        system.spool.sweep()
        for path in system.spool.paths():
            if not wait and system.spool.is_put_off(path):
                continue
            going_on = _do(path, system, drained)
            if drained.is_away or not going_on:
                break
        drained.waiting = system.spool.waiting().posts
        return drained


def _do(path: Path, system: System, drained: Drained) -> bool:
    """Do the post in one file; ``False`` where the run must end."""
    try:
        header, body = system.spool.read(path)
    except FileNotFoundError:
        return True
    except BrokenFile as error:
        system.spool.set_aside(path, error)
        drained.broken += 1
        return True
    except (CannotOpen, OSError) as error:
        log.error("%s cannot be read: %s; it stays", path.name, error)
        system.spool.put_off(path)
        drained.unreadable += 1
        return True
    try:
        with system.breaker.turn(is_post=False):
            outcome = _drain_one(header, body, system)
    except Exception as error:
        if not outage.is_away(error):
            # The journal does not take it; somebody must see to that, the others go on.
            log.exception("%s cannot be drained; it stays", path.name)
        elif not outage.can_write(system.engine):
            drained.is_away = True
            return False
        else:
            log.warning("%s is not taken (%s); it stays", path.name, type(error).__name__)
        return _stuck(path, system, drained)
    setattr(drained, outcome, getattr(drained, outcome) + 1)
    log.info("%s drained outcome=%s", path.stem, outcome)
    try:
        system.spool.remove(path)
    except OSError as error:
        log.error("%s is done and cannot be removed: %s", path.name, error)
        return _stuck(path, system, drained)
    return True


def _stuck(path: Path, system: System, drained: Drained) -> bool:
    """Leave a file for later, so that those behind it are done in the next run."""
    system.spool.put_off(path)
    drained.stuck += 1
    return drained.stuck < MOST_STUCK


def _drain_one(header: dict[str, Any], body: bytes, system: System) -> str:
    """Do one post and return its outcome; its row then stands in the journal."""
    request_id = header["request_id"]
    if look_up(system.engine, lambda connection: journal.is_recorded(connection, request_id)):
        return "already"
    call = rebuild(header, body, system)
    refusal = header.get("refusal")
    if refusal is not None:
        known = _identify(header, call, system)() if header["caller"] is not None else None
        done = Done(_refused(refusal), journal.REFUSED, known)
        return _recorded(call, system, done)
    identify = _identify(header, call, system)
    try:
        caller = identify()
    except Refused as wrong:
        return _recorded(call, system, Done(refuse(wrong), journal.REFUSED, None))
    retry = look_up(system.engine, lambda connection: journal.retry_of(connection, call, caller))
    if retry is not None:
        by, lead_id = retry
        reply = Reply(status=0, status_message="", lead_id=lead_id, repeat_of=by)
        return _recorded(call, system, Done(reply, journal.SUPERSEDED, caller))
    return perform(call, system, lambda: caller).outcome


def _recorded(call: Call, system: System, done: Done) -> str:
    record(call, system, done)
    return done.outcome


def _identify(header: dict[str, Any], call: Call, system: System) -> Callable[[], Caller]:
    """Return what gives the caller: proven when the post came, or by credentials that were kept."""
    if header["caller"] is None:
        return Identity(call, system).online
    if header.get("named"):
        # Whom a plugin named, or anonymous: no row of a login says more of it.
        return lambda: Caller(**header["named"])
    return lambda: _by_name(header["caller"], system) or Caller(name=header["caller"])


def _by_name(name: str, system: System) -> Caller | None:
    return auth.ANONYMOUS if name == auth.ANONYMOUS.name else auth.known(name, system)


def _refused(refusal: dict[str, Any]) -> Reply:
    problems = tuple(Problem(*each) for each in refusal["problems"])
    return Reply(
        status=1,
        status_message=problems[0].message,
        lead_id=refusal["lead_id"],
        problems=problems,
    )


def rebuild(header: dict[str, Any], body: bytes, system: System) -> Call:
    """Return the call that was spooled, with its own id, time, caller's key and bytes."""
    request = transport_call.Request(
        request_id=header["request_id"],
        received_at=datetime.fromisoformat(header["received_at"]),
        method=header["method"],
        path=header["path"],
        address=header["address"],
        headers=header["headers"],
        query=header["query"].encode("latin-1"),
        body=Body(body, header["body_size"], header["body_sha256"]),
    )
    call = late_call(request, system.settings)
    if not header["has_body"]:
        call = replace(call, body=None)
    if "command" in header:
        call = replace(call, command=header["command"])
    if "read" in header:
        call = _with_read(call, header["read"])
    if "credentials" in header:
        call = replace(call, credentials=Credentials(**header["credentials"]))
    return call


def _with_read(call: Call, read: dict[str, Any]) -> Call:
    uploads = tuple(
        Upload(field, name, base64.b64decode(content), content_type)
        for field, name, content, content_type in read["uploads"]
    )
    return replace(
        call,
        command=read["command"],
        form={name: _form_value(value) for name, value in read["form"].items()},
        leading_plus=frozenset(read["leading_plus"]),
        uploads=uploads,
        problem=None,
    )


def _form_value(value: Any) -> Any:
    """Return a value of a form as it was: JSON has no tuples."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return {key: _form_value(each) for key, each in value.items()}
    return value


def erase(system: System, digests: Collection[bytes]) -> int:
    """Delete the spooled posts of this node that have one of these search keys; return how many.

    ``digests`` are those that ``journal.sent_keys`` gives: of the person who must go. Refused
    posts are deleted as well. A post that cannot be read is left, and named in the log.
    """
    erased = 0
    with system.spool.drainer(wait=True):
        for path in system.spool.paths():
            try:
                header, body = system.spool.read(path)
            except (BrokenFile, CannotOpen) as error:
                log.error("%s cannot be read: %s; it stays", path.name, error)
                continue
            call = rebuild(header, body, system)
            if not journal.sent_keys(call, system).isdisjoint(digests):
                system.spool.remove(path)
                erased += 1
    return erased
