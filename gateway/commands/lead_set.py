"""``lead_set``: the conductor. Parse, settle what cannot be taken, store, tell, reply."""

from collections.abc import Sequence

from marshmallow import ValidationError

from gateway import journal, repeats
from gateway.contract import Call, Caller, Command, Parsed, Rejected, Reply, System
from gateway.errors import BadForm, NotAllowed, PluginFault, Refused, problem
from gateway.formats import Flag
from gateway.hooks import tell
from gateway.schema import LeadSchema, parse
from gateway.store import CREATE, store
from gateway.store.references import resolve
from gateway.store.refusing import refusals_kept

CREATED = "Lead Creation Successful"
UPDATED = "Lead Update Successful"


def lead_set(call: Call, system: System, caller: Caller) -> Reply:
    """Insert or update one lead; answers with its id. Raises Refused for every cause."""
    if call.stored:
        raise PluginFault(f"command {call.command} stores a second lead by one call")
    dry_run = _dry_run(call, caller)
    key = repeats.key_of(call, caller, system.settings)
    try:
        if key is not None and dry_run:
            repeats.look(system, key, call)
        with refusals_kept(None if dry_run else key, call, caller, system):
            parsed, kept = understand(call, system, caller)
            outcome = store(parsed, call, caller, system, kept=kept, dry_run=dry_run, key=key)
    except repeats.Repeated as repeated:
        return _again(repeated.first, dry_run=dry_run)
    if not dry_run and outcome.lead_id is not None:
        call.stored.append(outcome.lead_id)
    if outcome.event is not None:
        tell(system.hooks, outcome.event)
    return Reply(
        status=0,
        status_message=_done(outcome.action),
        lead_id=outcome.lead_id,
        warnings=tuple(rejected.problem for rejected in kept),
        decision=outcome.decision,
        recorded=not dry_run,
    )


def _done(action: str) -> str:
    return CREATED if action == CREATE else UPDATED


def _again(first: repeats.First, *, dry_run: bool) -> Reply:
    """Return the answer that the first post was given."""
    refused = first.outcome == journal.REFUSED and first.problems
    return Reply(
        status=1 if refused else 0,
        status_message=first.problems[0].message if refused else _done(first.action),
        lead_id=first.lead_id,
        problems=first.problems if refused else (),
        warnings=() if refused else first.problems,
        decision=repeats.decision(first) if dry_run else None,
        repeat_of=first.request_id,
    )


def understand(call: Call, system: System, caller: Caller) -> tuple[Parsed, Sequence[Rejected]]:
    """Return what the call says, and the values of it that are kept aside; writes nothing.

    Raises BadForm.
    """
    create_pools = system.settings.GATEWAY_CREATE_POOLS
    parsed = resolve(_parsed(call, system, caller), system.engine, create_pools=create_pools)
    return parsed, _settled(parsed, system, caller)


def check(call: Call, system: System, caller: Caller) -> None:
    """Raise Refused where the post is refused whatever is stored; reads no database."""
    if _dry_run(call, caller):
        raise Refused(
            "dry_run: nothing can be decided while the database is away; send it again later",
            field="dry_run",
            code="unavailable",
        )
    _settled(_parsed(call, system, caller), system, caller)


def _parsed(call: Call, system: System, caller: Caller) -> Parsed:
    return parse(
        call.form,
        system.schema,
        uploads=call.uploads,
        leading_plus=call.leading_plus,
        ignore_empty=caller.ignore_empty,
    )


def _settled(parsed: Parsed, system: System, caller: Caller) -> Sequence[Rejected]:
    on_invalid = caller.on_invalid or system.settings.GATEWAY_ON_INVALID
    return settle(parsed, system.schema, on_invalid=on_invalid)


def settle(parsed: Parsed, schema: LeadSchema, *, on_invalid: str) -> Sequence[Rejected]:
    """Return the rejected values that are kept aside; raises BadForm where the post is refused.

    Only an insert is stored without a value, and only where ``on_invalid`` is ``keep`` and each
    rejected value is one that may be missing (contract, "A value that cannot be read").
    """
    rejected = parsed.rejected and sorted(
        parsed.rejected, key=lambda each: schema.readers[each.problem.field].rank
    )
    keep = parsed.mode == "insert" and on_invalid == "keep"
    if rejected and not (keep and all(each.keepable for each in rejected)):
        raise BadForm(tuple(each.problem for each in rejected))
    if parsed.mode == "update" and not parsed.changes.keys() & {"lead_id", "external_id"}:
        raise BadForm((problem("lead_id", "required", "an update needs lead_id or external_id"),))
    return rejected


def _dry_run(call: Call, caller: Caller) -> bool:
    if not call.dry_run.strip():
        return False
    try:
        asked = Flag().deserialize(call.dry_run.strip())
    except ValidationError as error:
        raise BadForm((problem("dry_run", "invalid", str(error.messages[0])),)) from None
    if asked and not caller.may_dry_run:
        raise NotAllowed("dry_run: this login may not try without writing", field="dry_run")
    return bool(asked)


LEAD_SET = Command(
    "lead_set", lead_set, help="Adds a lead, or updates one that is there.", check=check
)
