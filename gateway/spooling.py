"""Takes a post while the database is away: refuses what must be refused, and saves the rest."""

import base64
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from gateway import journal
from gateway.contract import Call, Caller, Done, System, Upload
from gateway.errors import Refused
from gateway.replies import command_of, refuse, spool_full, spooled
from gateway.spool import SpoolFull

log = logging.getLogger("gateway.post")

SPOOLED = "spooled"
"""The outcome of a post that waits; it gets another one when it is drained."""

NOBODY_YET = Caller(name="")
"""Stands for a caller that can only be checked at the drain."""


def take(call: Call, system: System, identify: Callable[[], Caller | None]) -> Done:
    """Return what became of ``call`` without the database; never raises.

    ``identify`` gives the caller, ``None`` where that cannot be known now. A refusal is saved as
    well: its row of the journal is written when the database is back.
    """
    caller: Caller | None = None
    try:
        if call.problem is not None:
            raise call.problem
        caller = _who(call, identify)
        _check(call, system, caller or NOBODY_YET)
    except Refused as refusal:
        reply = refuse(refusal)
        try:
            _save(call, system, caller, refusal=refusal)
        except SpoolFull:
            log.error("%s was refused, and is in no journal: the spool is full", call.request_id)
        except Exception:
            log.exception("%s was refused, and cannot be saved", call.request_id)
        return Done(reply, journal.REFUSED, caller)
    try:
        _save(call, system, caller)
    except SpoolFull:
        return Done(spool_full(), journal.REFUSED, caller)
    except Exception:
        log.exception("%s cannot be saved", call.request_id)
        return Done(spool_full(), journal.REFUSED, caller)
    return Done(spooled(call.request_id), SPOOLED, caller)


def _who(call: Call, identify: Callable[[], Caller | None]) -> Caller | None:
    try:
        return identify()
    except Refused:
        raise
    except Exception:
        # A plugin's fault lets nobody in; who it is shows at the drain, and the post is kept.
        log.exception("%s: its caller cannot be known now", call.request_id)
        return None


def _check(call: Call, system: System, caller: Caller) -> None:
    check = command_of(call, system).check
    if check is None:
        return
    try:
        check(call, system, caller)
    except Refused:
        raise
    except Exception:
        # Whose fault it is shows at the drain; the post is kept whatever happens.
        log.exception("%s could not be checked", call.request_id)


def _save(
    call: Call, system: System, caller: Caller | None, *, refusal: Refused | None = None
) -> None:
    """Write the call down so that ``draining`` can make it again. Raises SpoolFull."""
    named = None
    if caller is not None and caller.login_id is None:
        named = _named(caller)
        if named is None and refusal is None:
            # Its plugin is asked again at the drain.
            caller = None
    body, query = journal.keepable(call, system)
    header: dict[str, Any] = {
        "request_id": call.request_id,
        "received_at": call.received_at.isoformat(),
        "method": call.method,
        "path": call.path,
        "address": call.address,
        "headers": _headers(call),
        "query": (query or b"").decode("latin-1"),
        "caller": caller.name if caller else None,
        "named": named,
        "body_size": call.body_size,
        "body_sha256": call.body_sha256,
        "has_body": body is not None,
    }
    is_proven, is_secret = True, False
    if refusal is not None:
        header["command"] = call.command
        header["refusal"] = {
            "lead_id": refusal.lead_id,
            "problems": [[each.field, each.code, each.message] for each in refusal.problems],
        }
    else:
        if caller is None:
            header["credentials"] = asdict(call.credentials)
            is_proven, is_secret = False, True
        if call.body is None or call.query is None:
            # The bytes cannot be kept without secret keys: a secret may stand anywhere in them.
            header["read"] = _read(call)
            is_secret = True
    system.spool.save(
        call.request_id,
        header,
        body or b"",
        is_secret=is_secret,
        is_proven=is_proven,
        is_refused=refusal is not None,
    )


def _named(caller: Caller) -> dict[str, Any] | None:
    """Return whom a plugin named as JSON has it, ``None`` where JSON does not give it back."""
    values = {each.name: getattr(caller, each.name) for each in fields(caller)}
    values["defaults"] = dict(caller.defaults)
    try:
        back = json.loads(json.dumps(values))
    except (TypeError, ValueError):
        return None
    return values if back == values else None


def _headers(call: Call) -> Mapping[str, str]:
    headers = dict(call.headers) | {
        "content-type": call.content_type,
        "accept": call.accept,
        "origin": call.origin,
        "x-request-id": call.caller_request_id,
        "idempotency-key": call.idempotency_key,
        "x-dry-run": call.dry_run,
    }
    return {name: value for name, value in headers.items() if value}


def _read(call: Call) -> dict[str, Any]:
    return {
        "command": call.command,
        "form": call.form,
        "leading_plus": sorted(call.leading_plus),
        "uploads": [_packed(upload) for upload in call.uploads],
    }


def _packed(upload: Upload) -> list[str]:
    content = base64.b64encode(upload.content).decode()
    return [upload.field, upload.name, content, upload.content_type]
