"""Where each value of a lead came from: a row for every field that a post or a merge changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, select

from gateway.database import reading
from gateway.models import LeadChange
from gateway.schema import LeadSchema
from gateway.store.planning import WIRE_NAMES, Plan, Stored
from gateway.store.reading import shown
from gateway.store.vault import vault_of

_change = LeadChange.__table__
_insert = insert(_change)
_read = select(_change).where(_change.c.lead_id == bindparam("id")).order_by(_change.c.change_id)


@dataclass(frozen=True, slots=True)
class Change:
    """A field of a lead by its wire name, its value before and after."""

    field: str
    old: Any
    new: Any


def changes_of(planned: Plan, stored: Stored) -> list[Change]:
    """Return every field of ``stored`` that ``planned`` changes; of notes there is no old value."""
    changes = [
        Change(WIRE_NAMES.get(column, column), stored.row.get(column), new)
        for column, new in planned.values.items()
        if column != "custom"
    ]
    if "custom" in planned.values:
        old, new = stored.row.get("custom") or {}, planned.values["custom"] or {}
        changes.extend(
            Change(name, old.get(name), new.get(name))
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        )
    if planned.tags is not None:
        changes.append(Change("tags", list(stored.tags), list(planned.tags)))
    return changes


def record_changes(
    connection: Connection,
    lead_id: int,
    stored: Stored,
    planned: Plan,
    *,
    now: datetime,
    request_id: str | None,
) -> None:
    """Write the old and the new value of every field that ``planned`` changes."""
    write_changes(connection, lead_id, changes_of(planned, stored), now=now, request_id=request_id)


def write_changes(
    connection: Connection,
    lead_id: int,
    changes: Iterable[Change],
    *,
    now: datetime,
    request_id: str | None,
) -> None:
    """Write ``changes`` of the lead, values as JSON; ``request_id`` says where they come from.

    Those of sensitive fields are sealed.
    """
    seal = vault_of(connection).seal_change
    rows = [
        {
            "lead_id": lead_id,
            "field": change.field,
            "old": seal(change.field, change.old),
            "new": seal(change.field, change.new),
            "request_id": request_id,
            "changed_at": now,
        }
        for change in changes
    ]
    if rows:
        connection.execute(_insert, rows)


def read_history(
    engine: Engine, lead_id: int, schema: LeadSchema, *, masked: bool = True
) -> list[dict[str, Any]]:
    """Return what has changed on the lead, newest last, ready for JSON; sensitive values masked
    unless ``masked`` is false.

    ``by`` is the request id of the post, or says which merge it was.
    """
    with reading(engine) as connection:
        opened = vault_of(connection).open_change
        show = partial(shown, connection, schema, masked=masked)
        return [
            {
                "at": row["changed_at"].isoformat(),
                "field": row["field"],
                "old": show(row["field"], opened(row["old"])),
                "new": show(row["field"], opened(row["new"])),
                "by": row["request_id"],
            }
            for row in connection.execute(_read, {"id": lead_id}).mappings().all()
        ]
