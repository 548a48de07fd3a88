"""The Core statements of a post, prebuilt, and the functions that run them in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, CursorResult, bindparam, delete, insert, select, update

from gateway.contract import Upload
from gateway.formats import Note
from gateway.models import Lead, LeadEvent, LeadExternalId, LeadFile, LeadNote, LeadTag
from gateway.normal import fold_label
from gateway.store.lead_rows import Lock, read_leads
from gateway.store.planning import Stored
from gateway.store.vault import vault_of

_lead = Lead.__table__
_external = LeadExternalId.__table__
_tag = LeadTag.__table__

_NOTHING = dict.fromkeys(column.name for column in _lead.c if column.name != "lead_id")
_insert_lead = insert(_lead)
_insert_note = insert(LeadNote.__table__)
_insert_tag = insert(_tag)
_insert_event = insert(LeadEvent.__table__)
_insert_file = insert(LeadFile.__table__)
_insert_external = insert(_external)
# Sets the columns that it is given values for: one made for them each time took a tenth of a post.
_update_lead = update(_lead).where(_lead.c.lead_id == bindparam("id"))
_delete_tags = delete(_tag).where(_tag.c.lead_id == bindparam("id"))
_find_external = select(_external.c.lead_id).where(_external.c.external_id == bindparam("id"))


def inserted_key(made: CursorResult[Any]) -> int:
    """Return the key that the database gave to the one row just inserted."""
    key = made.inserted_primary_key
    assert key is not None  # noqa: S101 true for every single-row insert
    return int(key[0])


def read_lead(
    connection: Connection, lead_id: int, *, with_tags: bool, lock: Lock
) -> Stored | None:
    """Return the lead, locked as ``lock`` says; ``None`` if there is none."""
    ids = (lead_id,)
    return read_leads(connection, ids, with_tags=ids if with_tags else (), lock=lock).get(lead_id)


def find_by_external_id(connection: Connection, external_id: str) -> int | None:
    """Return the lead that ``external_id`` finds."""
    found: int | None = connection.execute(_find_external, {"id": external_id}).scalar_one_or_none()
    return found


def insert_lead(
    connection: Connection, values: Mapping[str, Any], *, at: datetime, now: datetime
) -> int:
    """Make the lead's row of ``values`` by column, dated ``at``, and return its id."""
    sealed = vault_of(connection).seal_row(values)
    row = {**_NOTHING, **sealed, "created_at": at, "updated_at": now}
    return inserted_key(connection.execute(_insert_lead, row))


def update_lead(connection: Connection, lead_id: int, values: Mapping[str, Any]) -> None:
    """Set ``values`` by column."""
    connection.execute(_update_lead, {"id": lead_id, **vault_of(connection).seal_row(values)})


def add_external_id(connection: Connection, lead_id: int, external_id: str) -> None:
    """Make ``external_id`` find the lead; it must not find any yet."""
    connection.execute(_insert_external, {"external_id": external_id, "lead_id": lead_id})


def append_notes(
    connection: Connection, lead_id: int, notes: Sequence[Note], *, now: datetime, request_id: str
) -> None:
    """Append ``notes`` in their order."""
    # One statement a note: ids of a batch insert may come in any order on PostgreSQL.
    for note in notes:
        connection.execute(
            _insert_note,
            {
                "lead_id": lead_id,
                "status": note.status,
                "text": note.text,
                "created_at": now,
                "request_id": request_id,
            },
        )


def replace_tags(connection: Connection, lead_id: int, tags: Sequence[str], *, new: bool) -> None:
    """Give the lead exactly ``tags``; ``new`` says that it cannot have any yet."""
    if not new:
        connection.execute(_delete_tags, {"id": lead_id})
    if tags:
        connection.execute(
            _insert_tag,
            [
                {"lead_id": lead_id, "folded": fold_label(tag), "position": n, "label": tag}
                for n, tag in enumerate(tags)
            ],
        )


def add_followup(
    connection: Connection, lead_id: int, due_at: datetime, *, now: datetime, request_id: str
) -> None:
    """Make a follow-up event."""
    connection.execute(
        _insert_event,
        {
            "lead_id": lead_id,
            "kind": "followup",
            "due_at": due_at,
            "created_at": now,
            "request_id": request_id,
        },
    )


def add_files(
    connection: Connection,
    lead_id: int,
    uploads: Sequence[tuple[Upload, str]],
    *,
    now: datetime,
    request_id: str,
) -> None:
    """Add a row for each upload; its bytes lie in the file store under the SHA-256 beside it."""
    for upload, sha256 in uploads:
        connection.execute(
            _insert_file,
            {
                "lead_id": lead_id,
                "name": upload.name,
                "size": len(upload.content),
                "sha256": sha256,
                "content_type": upload.content_type[:255],
                "created_at": now,
                "request_id": request_id,
            },
        )
