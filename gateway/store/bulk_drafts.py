"""The rows of many new leads, made before their transaction: all but the ids, which it gives."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, Table

from gateway.models import Lead, LeadEvent, LeadExternalId, LeadNote, LeadTag, MatchKey
from gateway.normal import fold_label
from gateway.store import ids
from gateway.store.bulk_leads import Made, NewLead, external_ids
from gateway.store.bulk_rows import Sheet, sheet_of, write, write_numbered
from gateway.store.vault import vault_of

_lead: Table = Lead.__table__

_CHILDREN: dict[Table, tuple[str, ...]] = {
    MatchKey.__table__: ("digest", "rule", "version"),
    LeadExternalId.__table__: ("external_id",),
    LeadTag.__table__: ("folded", "position", "label"),
    LeadNote.__table__: ("status", "text", "created_at", "request_id"),
    LeadEvent.__table__: ("kind", "due_at", "created_at", "request_id"),
}
"""The tables that hang on a lead, each with the columns that are written beside its id."""

_Row = tuple[Any, ...]
"""A row of those; in front the place of its lead in the batch."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The rows of the leads in ``made``, as their engine takes them.

    ``lead_ids`` are the ids that they bring, empty for new ones. ``children`` are the rows that
    hang on them, each sheet with the places of their leads.
    """

    made: Sequence[Made]
    lead_ids: Sequence[int]
    leads: Sheet
    children: Sequence[tuple[Sheet, Sequence[int]]]

    def is_of(self, made: Sequence[Made]) -> bool:
        """Whether these are the rows of ``made``: of the same leads, decided as they are there."""
        return len(made) == len(self.made) and all(
            now is then for (_, now), (_, then) in zip(made, self.made, strict=True)
        )


def draft_early(leads: Sequence[NewLead], bind: Engine, *, request_id: str) -> Draft | None:
    """Return the rows of ``leads``; ``None`` where they cannot be known before their transaction.

    All leads are new ones, or all bring their ids.
    """
    made = [(lead, lead.decision) for lead in leads if lead.decision is not None]
    if not made or len(made) < len(leads):
        return None
    try:
        return draft_of(made, bind, request_id=request_id)
    except Exception:
        # Whatever is wrong with a value, its transaction finds again, and of which line it is.
        return None


def draft_of(made: Sequence[Made], bind: Connection | Engine, *, request_id: str) -> Draft:
    """Return the rows of the leads in ``made``, of which there is one."""
    children = []
    for (table, names), rows in zip(_CHILDREN.items(), _children(made, request_id), strict=True):
        if rows:
            places, *columns = zip(*rows, strict=True)
            children.append((sheet_of(bind.dialect, table, names, columns), places))
    return Draft(
        made=made,
        lead_ids=[lead.lead_id for lead, _ in made if lead.lead_id is not None],
        leads=_leads(made, bind, request_id),
        children=children,
    )


def write_draft(connection: Connection, draft: Draft) -> list[int]:
    """Insert the rows; return the ids of the leads, in order."""
    lead_ids = _write_leads(connection, draft)
    for sheet, places in draft.children:
        write(connection, sheet, [lead_ids[place] for place in places])
    return lead_ids


def _write_leads(connection: Connection, draft: Draft) -> list[int]:
    lead_ids = list(draft.lead_ids)
    if lead_ids:
        ids.go_past(connection, max(lead_ids))
    else:
        reserved = ids.reserve(connection, len(draft.made))
        if reserved is None:
            return write_numbered(connection, draft.leads)
        lead_ids = reserved
    write(connection, draft.leads, lead_ids)
    return lead_ids


def _leads(made: Sequence[Made], bind: Connection | Engine, request_id: str) -> Sheet:
    seal_row = vault_of(bind).seal_row
    values = [seal_row(lead.post.with_defaults(decision.plan.values)) for lead, decision in made]
    names, columns = _in_columns(values)
    for name in ("created_at", "updated_at"):
        columns.append([lead.times.get(name, lead.post.now) for lead, _ in made])
    columns.append(list(_traces(made, request_id)))
    return sheet_of(bind.dialect, _lead, [*names, "created_at", "updated_at", "match"], columns)


def _in_columns(rows: Sequence[Mapping[str, Any]]) -> tuple[Sequence[str], list[Sequence[Any]]]:
    """Return the columns of which some lead has a value, and their names; the others stay NULL."""
    kinds = {tuple(row) for row in rows}
    if len(kinds) == 1:
        return kinds.pop(), list(zip(*[row.values() for row in rows], strict=True))
    used = set().union(*kinds)
    names = [column.name for column in _lead.c if column.name in used]
    return names, [[row.get(name) for row in rows] for name in names]


def _traces(made: Sequence[Made], request_id: str) -> Iterator[str]:
    """Yield the trace of each lead as JSON; of new leads it differs by the changed fields alone."""
    dumped: dict[tuple[str, ...], str] = {}
    for _, decision in made:
        changed = decision.plan.changed
        if changed not in dumped:
            dumped[changed] = json.dumps(decision.trace() | {"request_id": request_id})
        yield dumped[changed]


def _children(made: Sequence[Made], request_id: str) -> Iterator[list[_Row]]:
    """Yield the rows that hang on the leads, table by table, in an order that is good to write."""
    versions = {name: rule.version for name, rule in made[0][0].post.system.match_rules.items()}
    keys = [
        (place, digest, rule, versions[rule])
        for place, (_, decision) in enumerate(made)
        for digest, rule in decision.new_keys.items()
    ]
    # Sorted, so that two transactions never lock index entries in two orders.
    keys.sort(key=itemgetter(1))
    yield keys
    yield [(place, each) for place, (lead, _) in enumerate(made) for each in external_ids(lead)]
    folded = {tag: fold_label(tag) for tag in {t for _, each in made for t in each.plan.tags or ()}}
    yield [
        (place, folded[tag], at, tag)
        for place, (_, decision) in enumerate(made)
        for at, tag in enumerate(decision.plan.tags or ())
    ]
    yield [
        (place, note.status, note.text, at or lead.post.now, request_id)
        for place, (lead, decision) in enumerate(made)
        for note, at in zip(
            decision.plan.notes,
            (*lead.note_times, *([None] * len(decision.plan.notes))),
            strict=False,
        )
    ]
    yield [
        (place, "followup", decision.plan.followup_at, lead.post.now, request_id)
        for place, (lead, decision) in enumerate(made)
        if decision.plan.followup_at is not None
    ]
