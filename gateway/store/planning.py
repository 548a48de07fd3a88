"""What a post makes of a lead, decided before anything is written; pure, so it can be tried dry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from gateway.contract import Parsed, Rejected
from gateway.errors import BadForm, problem
from gateway.formats import Note
from gateway.json_text import as_json
from gateway.models import LONG_TEXT
from gateway.normal import fold_label, mask
from gateway.schema import LeadSchema
from gateway.schema.plain import LONGEST_JSON, TOO_LONG_TOGETHER

COLUMNS = {"ownerID": "owner_id", "pool": "pool_id", "custom_status": "custom_status_id"}
"""Wire names whose column is called otherwise."""

WIRE_NAMES = {column: name for name, column in COLUMNS.items()}

NOT_COLUMNS = frozenset(
    {
        "lead_id",
        "external_id",
        "note",
        "notes",
        "tags",
        "tag_append",
        "admin_notes_append",
    }
)
"""Fields that are appended to a lead or find it; they have no column to be replaced."""

NOT_STORED = "Not stored"
"""Status of the note that holds a value which was kept aside."""


class Plan(NamedTuple):
    """The writes of one post: ``values`` by column (only what changes), and the rows to add.

    ``tags`` is the whole new list, or ``None`` where it stays. ``changed`` are wire names, ``same``
    those of the fields that were sent as they are stored.
    """

    values: Mapping[str, Any]
    changed: tuple[str, ...]
    notes: tuple[Note, ...] = ()
    tags: tuple[str, ...] | None = None
    followup_at: datetime | None = None
    new_external_id: str | None = None
    same: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A lead as the plan needs it: its row by column, its tags in order; none for a new lead."""

    row: Any = field(default_factory=dict)
    tags: Sequence[str] = ()


def plan(
    parsed: Parsed,
    stored: Stored | None,
    schema: LeadSchema,
    *,
    kept: Sequence[Rejected] = (),
    new_external_id: bool = False,
    now: datetime,
    zone: ZoneInfo,
) -> Plan:
    """Return what ``parsed`` makes of ``stored`` (``None``: of a new lead).

    ``kept`` are the values to put into a note; ``new_external_id`` says that the sent external id
    does not find any lead yet.
    """
    row = stored.row if stored else {}
    wanted = columns(parsed.changes, schema, row)
    external_id = parsed.changes.get("external_id")
    # Several ids may find a lead. An update by lead_id says which is shown; else the first one is.
    if external_id and (not row.get("external_id") or "lead_id" in parsed.changes):
        wanted["external_id"] = external_id
    appended = parsed.changes.get("admin_notes_append")
    if appended:
        wanted["admin_notes"] = _append(
            wanted.get("admin_notes", row.get("admin_notes")), appended, now, zone
        )
    if stored is None:
        values = {column: value for column, value in wanted.items() if value is not None}
    else:
        values = {column: value for column, value in wanted.items() if row.get(column) != value}
    tags = _tags(parsed.changes, stored.tags if stored else ())
    notes = _notes(parsed.changes, kept, schema)
    changed = _changed(values, row, tags, notes)
    return Plan(
        values=values,
        changed=changed,
        notes=notes,
        tags=tags,
        followup_at=values.get("followup_date"),
        new_external_id=parsed.changes.get("external_id") if new_external_id else None,
        same=_same(parsed.changes, wanted, schema, changed) if stored else (),
    )


def columns(
    changes: Mapping[str, Any], schema: LeadSchema, row: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values of ``changes`` by column; custom ones are merged into those of ``row``."""
    own, custom = _places(tuple(changes), schema.custom)
    wanted: dict[str, Any] = {column: changes[name] for column, name in own}
    if custom:
        sent = schema.dump_custom({name: changes[name] for name in custom})
        wanted["custom"] = _joined(row.get("custom") or {}, sent)
    return wanted


def _joined(old: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return custom values as they will be. Raises BadForm where they are too long together."""
    kept = {name: value for name, value in {**old, **sent}.items() if value is not None}
    size = len(as_json(kept).encode())
    # What has become longer in another way, by a merge, can be made shorter step by step.
    if size > LONGEST_JSON and size > len(as_json(old).encode()):
        longest = max(sent, key=lambda name: len(as_json(sent[name])))
        raise BadForm((problem(longest, "too_long", TOO_LONG_TOGETHER),))
    return kept or None


# Most posts send what others have sent, each with its own values.
@lru_cache(maxsize=256)
def _places(
    names: tuple[str, ...], custom: frozenset[str]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return those of ``names`` that have a column, behind its name, and the custom ones."""
    columns = [
        (COLUMNS.get(name, name), name)
        for name in names
        if name not in custom and name not in NOT_COLUMNS
    ]
    return tuple(columns), tuple(name for name in names if name in custom)


def _append(old: str | None, text: str, now: datetime, zone: ZoneInfo) -> str:
    line = f"[{now.astimezone(zone):%Y-%m-%d %H:%M:%S}] {text}"
    whole = f"{old}\n{line}" if old else line
    if len(whole) > LONG_TEXT:
        rule = f"the admin notes would be longer than {LONG_TEXT} characters (replace them)"
        raise BadForm((problem("admin_notes_append", "too_long", rule),))
    return whole


def _tags(changes: Mapping[str, Any], old: Sequence[str]) -> tuple[str, ...] | None:
    if "tags" not in changes and not changes.get("tag_append"):
        return None
    replaced = changes["tags"] or () if "tags" in changes else old
    tags: dict[str, str] = {}
    for tag in (*replaced, *(changes.get("tag_append") or ())):
        tags.setdefault(fold_label(tag), tag)
    new = tuple(tags.values())
    return None if new == tuple(old) else new


def _notes(
    changes: Mapping[str, Any], kept: Sequence[Rejected], schema: LeadSchema
) -> tuple[Note, ...]:
    notes = []
    if changes.get("note"):
        notes.append(Note("Note", changes["note"]))
    notes.extend(changes.get("notes") or ())
    for rejected in kept:
        if rejected.problem.code == "required":
            notes.append(Note(NOT_STORED, f"{rejected.problem.message}."))
            continue
        field = schema.fields[rejected.problem.field]
        sent = mask(rejected.sent) if field.sensitive else rejected.sent
        text = f"{rejected.problem.message}. Sent: {sent}"
        # What is too long for its field may be too long for one note as well.
        parts = [text[start : start + LONG_TEXT] for start in range(0, len(text), LONG_TEXT)]
        notes.extend(Note(NOT_STORED, part) for part in parts)
    return tuple(notes)


def _same(
    changes: Mapping[str, Any],
    wanted: Mapping[str, Any],
    schema: LeadSchema,
    changed: Sequence[str],
) -> tuple[str, ...]:
    sent = {WIRE_NAMES.get(column, column) for column in wanted if column != "custom"}
    sent |= schema.custom & changes.keys()
    if "tags" in changes or changes.get("tag_append"):
        sent.add("tags")
    return tuple(sorted(sent.difference(changed)))


def _changed(
    values: Mapping[str, Any],
    row: Mapping[str, Any],
    tags: tuple[str, ...] | None,
    notes: tuple[Note, ...],
) -> tuple[str, ...]:
    names = _wire_names(tuple(values))
    if "custom" in values:
        old, new = row.get("custom") or {}, values["custom"] or {}
        both = sorted(old.keys() | new.keys())
        names += tuple(name for name in both if old.get(name) != new.get(name))
    if tags is not None:
        names += ("tags",)
    if notes:
        names += ("notes",)
    return names


@lru_cache(maxsize=256)
def _wire_names(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the documented fields that are in ``columns``."""
    return tuple(WIRE_NAMES.get(column, column) for column in columns if column != "custom")
