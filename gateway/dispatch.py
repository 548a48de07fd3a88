"""Step 2: who is calling, and which command; the one place where a refusal becomes a reply."""

import logging
import time

from gateway import auth, hooks, journal, respond
from gateway.commands.lead_set import LEAD_SET
from gateway.contract import Answer, Call, Caller, Command, Reply, System
from gateway.database import in_transaction
from gateway.errors import PluginFault, Problem, Refused, UnknownCommand
from gateway.schema import unknown_names
from gateway.store.asking import check_defaults

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
        caller = _caller(call, system)
        reply = _command(call, system).run(call, system, caller)
        if reply.decision is not None:
            outcome = journal.DRY_RUN
    except Refused as refusal:
        reply, outcome = refuse(refusal), journal.REFUSED
    except Exception as error:
        # Which plugin and which hook stands in the line itself, where it can be searched for.
        what = error if isinstance(error, PluginFault) else "fault"
        log.exception("%s %s", call.request_id, what)
        reply, outcome = fault(call.request_id), journal.FAILED
    # A plugin's command may have stored a lead, and the row with it, and failed after that.
    if not (reply.recorded or call.stored):
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
    answer = respond.render(reply, call, caller, system.settings)
    return hooks.render(system.hooks, answer, reply, call)


def refuse(refusal: Refused) -> Reply:
    """Return the reply for a refusal: status 1, the only failure value ever documented."""
    hooks.tidy(refusal)
    return Reply(
        status=1,
        status_message=refusal.problems[0].message,
        lead_id=refusal.lead_id,
        problems=refusal.problems,
    )


def fault(request_id: str) -> Reply:
    """Return the reply for a fault of ours; the reference finds the post in the journal."""
    message = f"Internal error, reference {request_id}"
    return Reply(status=1, status_message=message, problems=(Problem("", "internal", message),))


def _caller(call: Call, system: System) -> Caller:
    """Return who calls: whom the first plugin names, else the login that the credentials prove."""
    caller = hooks.authenticate(system.hooks, call, system.settings)
    if caller is None:
        return auth.identify(call.credentials, system)
    check_defaults(caller, system)
    return caller


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
        body = journal.keep_body(call, system.files)
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
                unknown=_unknown(call, system) if caller else (),
                decision=reply.decision,
            ),
        )
    except Exception:  # the caller gets its answer whatever the journal does
        log.exception("%s could not be written to the journal", call.request_id)


def _unknown(call: Call, system: System) -> tuple[str, ...]:
    """Return the names that no field claims; another command than lead_set has names of its own."""
    return unknown_names(call.form, system.schema) if call.command == LEAD_SET.name else ()


def _word(text: str) -> str:
    """Return ``text`` as one word for a log line, whatever a caller put into it."""
    return text.encode("ascii", "backslashreplace").decode().replace(" ", "_")[:60] or "-"
