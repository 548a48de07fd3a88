"""Step 2: who is calling, and which command; the one place where a refusal becomes a reply."""

import logging
import time
from collections.abc import Callable

from gateway import auth, hooks, journal, repeats, respond, spooling
from gateway.commands.lead_set import LEAD_SET
from gateway.contract import Answer, Call, Caller, Done, System
from gateway.database import in_transaction
from gateway.errors import PluginFault, Refused
from gateway.outage import is_away, is_wait
from gateway.replies import command_of, fault, refuse
from gateway.schema import unknown_names
from gateway.store.asking import check_defaults

log = logging.getLogger("gateway.post")


def dispatch(call: Call, system: System) -> Answer:
    """Return the answer to ``call``, whatever it is; never raises.

    A refusal is answered with what to mend, a fault of ours with a reference and no inner text. A
    post that the database cannot take goes to the spool.
    """
    who = Identity(call, system)
    system.group.expect()
    try:
        done = _taken(call, system, who) or spooling.take(call, system, who.offline)
    finally:
        system.group.leave()
    # As the server is set up it is not, and making its words takes longer than asking.
    if log.isEnabledFor(logging.INFO):
        _note(call, done)
    answer = respond.render(done.reply, call, done.caller, system.settings)
    return hooks.render(system.hooks, answer, done.reply, call)


def _note(call: Call, done: Done) -> None:
    """Write the line of the log that each post has."""
    reply, caller = done.reply, done.caller
    log.info(
        "%s command=%s caller=%s outcome=%s status=%d lead=%s codes=%s us=%d",
        call.request_id,
        _word(call.command),
        _word(caller.name if caller else ""),
        done.outcome,
        reply.status,
        reply.lead_id or "-",
        ",".join(each.code for each in (*reply.problems, *reply.warnings)) or "-",
        (time.perf_counter_ns() - call.started) // 1000,
    )


class Identity:
    """Who makes a call: whom a plugin names, else the login that the credentials prove.

    Plugins are asked once, whatever becomes of the database meanwhile.
    """

    def __init__(self, call: Call, system: System) -> None:
        self._call, self._system = call, system
        self._answer: Caller | Exception | None = None
        self._is_asked = False

    def _by_plugin(self) -> Caller | None:
        if not self._is_asked:
            self._is_asked = True
            try:
                named = hooks.authenticate(self._system.hooks, self._call, self._system.settings)
                if named is not None:
                    check_defaults(named, self._system)
                self._answer = named
            except Exception as error:
                self._answer = error
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def online(self) -> Caller:
        """Return the caller. Raises Refused."""
        caller = self._by_plugin()
        return caller or auth.identify(self._call.credentials, self._system)

    def offline(self) -> Caller | None:
        """Return the caller as far as it is known without the database. Raises Refused."""
        caller = self._by_plugin()
        return caller or auth.identify_offline(self._call.credentials, self._system)


def _taken(call: Call, system: System, who: Identity) -> Done | None:
    """Return what became of ``call``, ``None`` where the journal does not have it."""
    breaker = system.breaker
    if not breaker.may_try():
        return None
    try:
        with breaker.turn(is_post=True):
            done = perform(call, system, who.online)
    except Exception as error:
        if not is_away(error):
            # What stands in no journal must stand in the spool, whatever the caller is told.
            log.exception("%s could not be written to the journal", call.request_id)
            return None
        log.warning("%s finds the database away: %s", call.request_id, type(error).__name__)
        if not is_wait(error):
            breaker.trip()
        return None
    if done.outcome == journal.ACCEPTED and breaker.is_open and not breaker.is_probed:
        breaker.close()
    return done


def perform(call: Call, system: System, identify: Callable[[], Caller]) -> Done:
    """Return what became of ``call``, which stands in the journal then.

    Raises what ``outage.is_away`` is true for, and whatever keeps its row out of the journal; what
    was written may then be in the database or not.
    """
    done = attempt(call, system, identify)
    # A plugin's command may have stored a lead, and the row with it, and failed after that.
    if not (done.reply.recorded or call.stored):
        record(call, system, done)
    return done


def attempt(call: Call, system: System, identify: Callable[[], Caller]) -> Done:
    """Return what became of ``call``; its row of the journal is written with a lead only.

    Raises what ``outage.is_away`` is true for.
    """
    caller: Caller | None = None
    outcome = journal.ACCEPTED
    try:
        if call.problem is not None:
            raise call.problem
        caller = identify()
        reply = command_of(call, system).run(call, system, caller)
        if reply.decision is not None:
            outcome = journal.DRY_RUN
        elif reply.repeat_of:
            outcome = journal.SUPERSEDED
    except Refused as refusal:
        reply, outcome = refuse(refusal), journal.REFUSED
    except Exception as error:
        if is_away(error):
            raise
        # Which plugin and which hook stands in the line itself, where it can be searched for.
        what = error if isinstance(error, PluginFault) else "fault"
        log.exception("%s %s", call.request_id, what)
        reply, outcome = fault(call.request_id), journal.FAILED
    return Done(reply, outcome, caller)


def record(call: Call, system: System, done: Done) -> None:
    """Write the journal's row of a post that stored nothing. Raises whatever keeps it out."""
    reply = done.reply
    body = journal.keep_body(call, system, is_stranger=done.caller is None)
    keys = journal.sent_keys(call, system)
    fields = None
    if done.outcome == journal.ACCEPTED:
        fields = journal.retry_digest(repeats.fields_digest(call), done.caller)
    in_transaction(
        system.engine,
        lambda connection: journal.record(
            connection,
            call,
            body,
            outcome=done.outcome,
            caller=done.caller,
            lead_id=reply.lead_id,
            problems=reply.problems,
            unknown=_unknown(call, system) if done.caller else (),
            decision=reply.decision,
            claimed=auth.claimed(call.credentials) if done.caller is None else "",
            keys=keys,
            superseded_by=reply.repeat_of if done.outcome == journal.SUPERSEDED else "",
            fields=fields,
        ),
        is_committed=lambda connection: journal.is_recorded(connection, call.request_id),
    )
    if done.caller is None:
        kept = (body["body"], body["query"])
        system.strangers.count(system.engine, sum(len(each or b"") for each in kept))


def _unknown(call: Call, system: System) -> tuple[str, ...]:
    """Return the names that no field claims; another command than lead_set has names of its own."""
    return unknown_names(call.form, system.schema) if call.command == LEAD_SET.name else ()


def _word(text: str) -> str:
    """Return ``text`` as one word for a log line, whatever a caller put into it."""
    return text.encode("ascii", "backslashreplace").decode().replace(" ", "_")[:60] or "-"
