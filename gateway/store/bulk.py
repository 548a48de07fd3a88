"""Many new leads in one transaction, as imports store them: what plain inserts would, in fewer
statements.

Each lead is decided as a post is (``deciding``), and what is refused is one lead's own trouble.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select

from gateway.contract import LeadEvent as Told
from gateway.contract import System
from gateway.driver import driver_of
from gateway.errors import ExternalIdTaken, PluginFault, Problem, Refused
from gateway.matching import add_keys_of, keys_of
from gateway.models import Erasure, Lead, LeadExternalId, LeadMerge
from gateway.store import claims
from gateway.store.bulk_drafts import Draft, draft_of, write_draft
from gateway.store.bulk_leads import NewLead, external_ids
from gateway.store.deciding import Decision, decide_new
from gateway.store.fast import Rows
from gateway.store.keys import values_of
from gateway.store.locating import Found, external_id_digest
from gateway.store.pools import with_pool
from gateway.store.posts import Post
from gateway.store.references import NewPool
from gateway.store.telling import event_of

log = logging.getLogger("gateway.store")

_lead: Table = Lead.__table__
_external: Table = LeadExternalId.__table__
_merge: Table = LeadMerge.__table__
_erasure: Table = Erasure.__table__

_NEW, _NEW_BY_EXTERNAL_ID = Found(), Found(new_external_id=True)

FAULT = Problem("", "internal", "A plugin or the database failed on this line; the log says how")


@dataclass(frozen=True, slots=True)
class Settled:
    """Of each lead of a batch, by its place: what becomes of it, or why it is refused."""

    decisions: Mapping[int, Decision]
    refused: Mapping[int, tuple[Problem, ...]]


def decide_early(leads: Sequence[NewLead], system: System) -> None:
    """Decide ``leads`` before their transaction, as far as that goes.

    Each step is done for all of them before the next one: so the processor has its code at hand.
    What fails is left to the transaction, which says of whom it is.
    """
    # The transaction asks the plugins.
    if system.hooks.before_store:
        return
    connection = Rows(system.engine).as_connection()
    seen: list[tuple[NewLead, dict[str, Any]]] = []
    for lead in leads:
        with suppress(Refused, PluginFault):
            # The transaction makes the pool.
            if isinstance(lead.post.parsed.changes.get("pool"), NewPool):
                continue
            post = lead.post
            lead.decision = decide_new(post, _found(post), connection, keys=lead.keys)
            if planned := lead.decision.plan.values:
                seen.append((lead, values_of(post.with_defaults(planned))))
    rules = system.match_rules.values()
    try:
        add_keys_of([(values, lead.keys) for lead, values in seen], rules)
    except PluginFault:
        for lead, values in seen:
            try:
                lead.keys |= keys_of(values, rules)
            except PluginFault:
                lead.decision = None


def insert_leads(
    connection: Connection,
    leads: Sequence[NewLead],
    *,
    request_id: str,
    draft: Draft | None = None,
) -> tuple[Settled, list[Told]]:
    """Insert ``leads`` but for those that are refused; return those, and what to tell listeners.

    Claims first, so it must be the first act of its transaction. All leads are new ones, or all
    bring their ids. ``draft`` are their rows where they have been made already; what has become
    otherwise meanwhile is made anew.
    """
    external = [each for lead in leads for each in external_ids(lead)]
    claims.take(connection, map(external_id_digest, set(external)))
    settled = settle(connection, leads, makes_pools=True)
    made = [(leads[at], decision) for at, decision in settled.decisions.items()]
    if not made:
        return settled, []
    if draft is None or not draft.is_of(made):
        with driver_of(connection, "new leads"):
            draft = draft_of(made, connection, request_id=request_id)
    lead_ids = write_draft(connection, draft)
    if not leads[0].post.system.hooks.after_commit:
        return settled, []
    told = [
        event_of(decision, lead.post, lead_id, uploads=(), request_id=request_id)
        for (lead, decision), lead_id in zip(made, lead_ids, strict=True)
    ]
    return settled, [each for each in told if each is not None]


def settle(
    connection: Connection, leads: Sequence[NewLead], *, makes_pools: bool = False
) -> Settled:
    """Return what becomes of each of ``leads``; writes nothing but, if told to, their new pools."""
    holders = _holders(connection, [each for lead in leads for each in external_ids(lead)])
    kept = _taken_ids(connection, [lead.lead_id for lead in leads if lead.lead_id is not None])
    decisions: dict[int, Decision] = {}
    refused: dict[int, tuple[Problem, ...]] = {}
    for at, lead in enumerate(leads):
        try:
            decision = _decide(connection, lead, holders, kept)
            if makes_pools:
                decision = _with_pool(connection, lead, decision)
        except Refused as refusal:
            refused[at] = refusal.problems
        except PluginFault:
            log.exception("a lead of an import could not be decided")
            refused[at] = (FAULT,)
        else:
            decisions[at] = decision
            holders.update(dict.fromkeys(external_ids(lead)))
            if lead.lead_id is not None:
                kept.add(lead.lead_id)
    return Settled(decisions, refused)


def _decide(
    connection: Connection, lead: NewLead, holders: Mapping[str, int | None], kept: set[int]
) -> Decision:
    if lead.lead_id is not None and lead.lead_id in kept:
        raise Refused(
            f"lead_id: there is or was a lead {lead.lead_id} (import without --keep-ids)",
            field="lead_id",
            code="lead_id_taken",
        )
    for external_id in external_ids(lead):
        if external_id in holders:
            holder = holders[external_id]
            if holder is not None:
                raise ExternalIdTaken(holder)
            raise Refused(
                "external_id: another line of the file has it",
                field="external_id",
                code="external_id_taken",
            )
    return lead.decision or decide_new(lead.post, _found(lead.post), connection)


def _with_pool(connection: Connection, lead: NewLead, decision: Decision) -> Decision:
    """Return ``decision`` with the id of the lead's new pool: only who is not refused makes one."""
    whole = with_pool(lead.post, decision, connection)
    return decision if whole is lead.post else decide_new(whole, _found(whole), connection)


def _found(post: Post) -> Found:
    return _NEW if post.parsed.changes.get("external_id") is None else _NEW_BY_EXTERNAL_ID


def _holders(connection: Connection, sent: Sequence[str]) -> dict[str, int | None]:
    """Return which leads the external ids in ``sent`` find."""
    if not sent:
        return {}
    found = select(_external.c.external_id, _external.c.lead_id).where(
        _external.c.external_id.in_(set(sent))
    )
    return {row.external_id: row.lead_id for row in connection.execute(found)}


def _taken_ids(connection: Connection, lead_ids: Sequence[int]) -> set[int]:
    """Return which of ``lead_ids`` are those of a lead, or of one that was merged or erased."""
    taken: set[int] = set()
    for table in (_lead, _merge, _erasure) if lead_ids else ():
        found = select(table.c.lead_id).where(table.c.lead_id.in_(lead_ids))
        taken.update(connection.execute(found).scalars())
    return taken
