"""The late guard: a post that is done after its time overwrites nothing that a later post has set.

Later is who reached us later, whenever it was stored. What a post set stands in its decision in the
journal. Where that row is gone, the history and the times of the lead tell, in favour of what is
stored.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from gateway.contract import Parsed
from gateway.journal import ACCEPTED
from gateway.models import LeadChange, LeadMerge, LeadTag, Submission
from gateway.store.planning import WIRE_NAMES, Stored

_change = LeadChange.__table__
_merge = LeadMerge.__table__
_submission = Submission.__table__
_tag = LeadTag.__table__
_ids: Any = bindparam("ids", expanding=True)
_merged = select(_merge.c.lead_id).where(_merge.c.survivor_id == bindparam("id"))
_posts = select(
    _submission.c.request_id,
    _submission.c.lead_id,
    _submission.c.received_at,
    _submission.c.decision,
).where(_submission.c.lead_id.in_(_ids), _submission.c.outcome == ACCEPTED)
_later = _posts.where(_submission.c.received_at > bindparam("at"))
_earlier = _posts.where(_submission.c.received_at <= bindparam("at")).order_by(
    _submission.c.received_at.desc()
)
_history = (
    select(_change.c.field, _change.c.old, _change.c.changed_at, _submission.c.received_at)
    .join_from(_change, _submission, _change.c.request_id == _submission.c.request_id, isouter=True)
    .where(_change.c.lead_id == bindparam("id"))
    .order_by(_change.c.change_id)
)
_one_tag = select(_tag.c.folded).where(_tag.c.lead_id == bindparam("id")).limit(1)

_OWN = {"lead_id", "external_id", "match", "custom", "created_at", "updated_at"}
_TAGS = ("tags", "tag_append")


def set_later(connection: Connection, stored: Stored, at: datetime) -> frozenset[str]:
    """Return the fields of the lead that posts after ``at`` have set, or cleared, or a merge.

    Tags are one field. The lead must be locked, so that no later post is about to be committed.
    """
    lead_id = stored.row["lead_id"]
    ids = [lead_id, *connection.execute(_merged, {"id": lead_id}).scalars()]
    later = connection.execute(_later, {"ids": ids, "at": at}).all()
    names = {name for row in later for name in _set_by(row.decision)}
    history = connection.execute(_history, {"id": lead_id}).all()
    names |= {row.field for row in history if row.received_at is None and row.changed_at > at}
    if stored.row["created_at"] > at and not _creator_is_known(connection, lead_id, later, at):
        names |= _set_at_creation(connection, stored, history)
    if "address" in names:
        # The second line of an older address would stand beside the newer one.
        names.add("address_2")
    return frozenset(names - {"notes"})


def without(parsed: Parsed, names: frozenset[str]) -> Parsed:
    """Return ``parsed`` without what it would set of these fields; what it appends stays."""
    dropped = set(names)
    if "tags" in names:
        dropped |= {*_TAGS}
    if "external_id" in names:
        # The id that was sent finds the lead all the same. Which is shown goes with the lead_id.
        dropped = dropped - {"external_id"} | {"lead_id"}
    return replace(
        parsed,
        changes={name: value for name, value in parsed.changes.items() if name not in dropped},
    )


def _set_by(decision: Mapping[str, Any] | None) -> set[str]:
    """Return the fields that a post set: those that it changed, and those that had its value."""
    said = decision or {}
    return {*said.get("changes", ()), *said.get("same", ())}


def _creator_is_known(connection: Connection, lead_id: int, later: Any, at: datetime) -> bool:
    """Whether the journal has the post that made the lead: then its decision says what it set."""
    if any(_made(row, lead_id) for row in later):
        return True
    # Only the few posts that were on their way when the lead was made stand before its own.
    earlier = connection.execute(_earlier, {"ids": [lead_id], "at": at})
    return any(_made(row, lead_id) for row in earlier)


def _made(row: Any, lead_id: int) -> bool:
    return bool(row.lead_id == lead_id and (row.decision or {}).get("action") == "create")


def _set_at_creation(connection: Connection, stored: Stored, history: Any) -> set[str]:
    """Return the fields that had a value when the lead was made: before their first change."""
    row = stored.row
    now = {WIRE_NAMES.get(name, name) for name in row.keys() - _OWN if row[name] is not None}
    now |= {*(row["custom"] or {})}
    if row["external_id"] is not None:
        now.add("external_id")
    if connection.execute(_one_tag, {"id": row["lead_id"]}).first() is not None:
        now.add("tags")
    first: dict[str, str | None] = {}
    for each in history:
        first.setdefault(each.field, each.old)
    changed = {name for name, old in first.items() if old not in (None, "[]")}
    return (now - first.keys()) | changed
