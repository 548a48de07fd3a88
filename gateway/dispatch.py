"""Step 2: who is calling, and which command; the one place where a refusal becomes a reply."""

import logging
import time

from gateway import auth, journal, respond
from gateway.contract import Answer, Call, Caller, Command, Reply, System
from gateway.database import in_transaction
from gateway.errors import Problem, Refused, UnknownCommand

log = logging.getLogger("gateway.post")


def dispatch(call: Call, system: System) -> Answer:
    """Return the answer to ``call``, whatever it is; never raises.

    A refusal is answered with what to mend, a fault of ours with a reference and no inner text.
    """
    caller: Caller | None = None
    outcome = journal.ACCEPTED
    try:
        if call.problem is not None:
            raise call.problem
        caller = auth.identify(call.credentials, system)
        reply = _command(call, system).run(call, system, caller)
        if reply.decision is not None:
            outcome = journal.DRY_RUN
        elif reply.repeat_of:
            outcome = journal.SUPERSEDED
    except Refused as refusal:
        reply, outcome = refuse(refusal), journal.REFUSED
    except Exception:
        log.exception("%s fault", call.request_id)
        reply, outcome = fault(call.request_id), journal.FAILED
    if not reply.recorded:
        _record(call, system, reply, caller=caller, outcome=outcome)
    log.info(
        "%s command=%s caller=%s outcome=%s status=%d lead=%s codes=%s us=%d",
        call.request_id,
        _word(call.command),
        _word(caller.name if caller else ""),
        outcome,
        reply.status,
        reply.lead_id or "-",
        ",".join(each.code for each in (*reply.problems, *reply.warnings)) or "-",
        (time.perf_counter_ns() - call.started) // 1000,
    )
    return respond.render(reply, call, caller, system.settings)


def refuse(refusal: Refused) -> Reply:
    """Return the reply for a refusal: status 1, the only failure value ever documented."""
    return Reply(
        status=1,
        status_message=refusal.problems[0].message,
        lead_id=refusal.lead_id,
        problems=refusal.problems,
        recorded=refusal.recorded,
    )


def fault(request_id: str) -> Reply:
    """Return the reply for a fault of ours; the reference finds the post in the journal."""
    message = f"Internal error, reference {request_id}"
    return Reply(status=1, status_message=message, problems=(Problem("", "internal", message),))


def _command(call: Call, system: System) -> Command:
    known = ", ".join(system.commands)
    if not call.command:
        raise UnknownCommand(f"command: missing; send one of: {known}")
    command = system.commands.get(call.command)
    if command is None:
        raise UnknownCommand(f"command: not one that this system knows; send one of: {known}")
    return command


def _record(
    call: Call, system: System, reply: Reply, *, caller: Caller | None, outcome: str
) -> None:
    """Write the journal's row of a post that stored nothing."""
    try:
        body = journal.keep_body(call, system, is_stranger=caller is None)
        keys = journal.sent_keys(call, system)
        in_transaction(
            system.engine,
            lambda connection: journal.record(
                connection,
                call,
                body,
                outcome=outcome,
                caller=caller,
                lead_id=reply.lead_id,
                problems=reply.problems,
                decision=reply.decision,
                claimed=auth.claimed(call.credentials) if caller is None else "",
                keys=keys,
                superseded_by=reply.repeat_of if outcome == journal.SUPERSEDED else "",
            ),
        )
        if caller is None:
            system.strangers.count(system.engine, len(body["body"] or b"") + len(call.query))
    except Exception:  # the caller gets its answer whatever the journal does
        log.exception("%s could not be written to the journal", call.request_id)


def _word(text: str) -> str:
    """Return ``text`` as one word for a log line, whatever a caller put into it."""
    return text.encode("ascii", "backslashreplace").decode().replace(" ", "_")[:60] or "-"
