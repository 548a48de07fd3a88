"""Many new leads in one transaction, as imports store them: what plain inserts would, in fewer
statements.

Each lead is decided as a post is (``deciding``), and what is refused is one lead's own trouble.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, select

from gateway.contract import LeadEvent as Told
from gateway.errors import ExternalIdTaken, PluginFault, Problem, Refused
from gateway.models import (
    Erasure,
    Lead,
    LeadEvent,
    LeadExternalId,
    LeadMerge,
    LeadNote,
    LeadTag,
    MatchKey,
)
from gateway.normal import fold_label
from gateway.store import claims, ids
from gateway.store.bulk_rows import write_numbered, write_rows
from gateway.store.deciding import Decision, decide_new
from gateway.store.fast import Rows
from gateway.store.locating import Found, external_id_digest
from gateway.store.pools import with_pool
from gateway.store.posts import Post
from gateway.store.telling import event_of
from gateway.store.vault import vault_of

log = logging.getLogger("gateway.store")

_TABLES: dict[str, Table] = {
    model.__tablename__: model.__table__
    for model in (Lead, LeadExternalId, LeadTag, LeadNote, LeadEvent, MatchKey, LeadMerge)
}
_lead, _external, _merge = (_TABLES[name] for name in ("lead", "lead_external_id", "lead_merge"))
_erasure: Table = Erasure.__table__

_CHILDREN: dict[str, tuple[str, ...]] = {
    "match_key": ("digest", "lead_id", "rule", "version"),
    "lead_external_id": ("external_id", "lead_id"),
    "lead_tag": ("lead_id", "folded", "position", "label"),
    "lead_note": ("lead_id", "status", "text", "created_at", "request_id"),
    "lead_event": ("lead_id", "kind", "due_at", "created_at", "request_id"),
}
"""The tables that hang on a lead, each with the columns that are written."""

_NEW, _NEW_BY_EXTERNAL_ID = Found(), Found(new_external_id=True)

FAULT = Problem("", "internal", "A plugin or the database failed on this line; the log says how")


@dataclass(slots=True, kw_only=True)
class NewLead:
    """A lead to insert, and what it brings that no post can say.

    ``decision`` is what becomes of it where that is known before its transaction. ``lead_id`` is
    ``None`` for a new id. ``times`` are its own ``created_at`` and ``updated_at``; ``note_times``
    are those of its notes, in order, as far as they have any.
    """

    post: Post
    decision: Decision | None = None
    lead_id: int | None = None
    external_ids: tuple[str, ...] = ()
    times: Mapping[str, datetime] = field(default_factory=dict)
    note_times: tuple[datetime | None, ...] = ()


Made = tuple[NewLead, Decision]


@dataclass(frozen=True, slots=True)
class Settled:
    """Of each lead of a batch, by its place: what becomes of it, or why it is refused."""

    decisions: Mapping[int, Decision]
    refused: Mapping[int, tuple[Problem, ...]]


def decide_early(post: Post) -> Decision | None:
    """Return what becomes of a new lead, ``None`` where a plugin is to be asked in its transaction.

    Raises what ``decide_new`` does.
    """
    if post.system.hooks.before_store:
        return None
    return decide_new(post, _found(post), Rows(post.system.engine).as_connection())


def insert_leads(
    connection: Connection, leads: Sequence[NewLead], *, request_id: str
) -> tuple[Settled, list[Told]]:
    """Insert ``leads`` but for those that are refused; return those, and what to tell listeners.

    Claims first, so it must be the first act of its transaction. All leads are new ones, or all
    bring their ids.
    """
    external = [each for lead in leads for each in external_ids(lead)]
    claims.take(connection, map(external_id_digest, set(external)))
    settled = settle(connection, leads, makes_pools=True)
    made = [(leads[at], decision) for at, decision in settled.decisions.items()]
    if not made:
        return settled, []
    lead_ids = _write_leads(connection, made, request_id)
    for name, rows in _children(made, lead_ids, request_id).items():
        write_rows(connection, _TABLES[name], _CHILDREN[name], rows)
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


def external_ids(lead: NewLead) -> tuple[str, ...]:
    """Return every external id that the lead brings, each once."""
    own = lead.post.parsed.changes.get("external_id")
    if not own and not lead.external_ids:
        return ()
    return tuple(dict.fromkeys((*((own,) if own else ()), *lead.external_ids)))


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


def _write_leads(connection: Connection, made: Sequence[Made], request_id: str) -> list[int]:
    """Insert the leads and return their ids, in order."""
    seal_row = vault_of(connection).seal_row
    values = [seal_row({**lead.post.defaults, **decision.plan.values}) for lead, decision in made]
    # Most leads have few columns; one that no lead of the batch has is left to be NULL.
    used = set().union(*values)
    columns = [column.name for column in _lead.c if column.name in used]
    rows = [
        (
            lead.times.get("created_at", lead.post.now),
            lead.times.get("updated_at", lead.post.now),
            trace,
            *map(row.get, columns),
        )
        for (lead, _), trace, row in zip(made, _traces(made, request_id), values, strict=True)
    ]
    names = ["created_at", "updated_at", "match", *columns]
    lead_ids = [lead.lead_id for lead, _ in made if lead.lead_id is not None]
    if lead_ids:
        ids.go_past(connection, max(lead_ids))
    else:
        reserved = ids.reserve(connection, len(rows))
        if reserved is None:
            return write_numbered(connection, _lead, names, rows)
        lead_ids = reserved
    with_ids = [(lead_id, *row) for lead_id, row in zip(lead_ids, rows, strict=True)]
    write_rows(connection, _lead, ["lead_id", *names], with_ids)
    return lead_ids


def _traces(made: Sequence[Made], request_id: str) -> Iterator[str]:
    """Yield the trace of each lead as JSON; of new leads it differs by the changed fields alone."""
    dumped: dict[tuple[str, ...], str] = {}
    for _, decision in made:
        changed = decision.plan.changed
        if changed not in dumped:
            dumped[changed] = json.dumps(decision.trace() | {"request_id": request_id})
        yield dumped[changed]


def _children(
    made: Sequence[Made], lead_ids: Sequence[int], request_id: str
) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows that hang on the leads, by table, in an order that is good to write."""
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _CHILDREN}
    keys, external, tags, notes, events = rows.values()
    folded = {tag: fold_label(tag) for tag in {t for _, each in made for t in each.plan.tags or ()}}
    versions = {name: rule.version for name, rule in made[0][0].post.system.match_rules.items()}
    for (lead, decision), lead_id in zip(made, lead_ids, strict=True):
        planned, now = decision.plan, lead.post.now
        keys += [
            (digest, lead_id, rule, versions[rule]) for digest, rule in decision.new_keys.items()
        ]
        external += [(each, lead_id) for each in external_ids(lead)]
        tags += [(lead_id, folded[tag], at, tag) for at, tag in enumerate(planned.tags or ())]
        times = (*lead.note_times, *([None] * len(planned.notes)))
        notes += [
            (lead_id, note.status, note.text, at or now, request_id)
            for note, at in zip(planned.notes, times, strict=False)
        ]
        if planned.followup_at is not None:
            events.append((lead_id, "followup", planned.followup_at, now, request_id))
    # Sorted, so that two transactions never lock index entries in two orders.
    keys.sort(key=itemgetter(0))
    return rows
