"""All that we hold on the person of a lead, as one value ready for JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from gateway import journal
from gateway.contract import System
from gateway.database import reading
from gateway.journal.finding import merged_into
from gateway.journal.reducing import posts_of
from gateway.models import LeadFile
from gateway.store.history import read_history
from gateway.store.locating import follow_merge
from gateway.store.person import telling_keys_of
from gateway.store.reading import show_lead

_file = LeadFile.__table__
_NOT_SHOWN = frozenset({"body", "query", "stored_sha256", "fields_digest"})


def export(system: System, lead_id: int) -> dict[str, Any] | None:
    """Return lead, history, files and posts of the person, unmasked; ``None`` without a lead.

    Of a lead that was merged it is the one that stayed. Where the bytes of a post cannot be read,
    ``unreadable`` says why.
    """
    with reading(system.engine) as connection:
        lead_id = follow_merge(connection, lead_id)
    lead = show_lead(system.engine, lead_id, system.schema, masked=False)
    if lead is None:
        return None
    with reading(system.engine) as connection:
        ids = merged_into(connection, lead_id)
        posts = _posts(connection, system, lead_id, ids)
    return {
        "lead": lead,
        "merged_leads": ids[1:],
        "history": read_history(system.engine, lead_id, system.schema, masked=False),
        "posts": [_post(row, system) for row in posts],
    }


def files_of(system: System, lead_id: int) -> list[tuple[str, str]]:
    """Return name and SHA-256 of each file of the lead."""
    statement = select(_file.c.name, _file.c.sha256).where(_file.c.lead_id == lead_id)
    with reading(system.engine) as connection:
        return [(name, sha256) for name, sha256 in connection.execute(statement)]


def _posts(connection: Connection, system: System, lead_id: int, ids: list[int]) -> list[Any]:
    digests = telling_keys_of(connection, lead_id, system.settings)
    return list(connection.execute(posts_of(ids, digests)).mappings())


def _post(row: Mapping[str, Any], system: System) -> dict[str, Any]:
    shown = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in _NOT_SHOWN
    }
    try:
        body, query = journal.read_body(row, system), journal.read_query(row, system)
    except journal.Unreadable as error:
        return shown | {"unreadable": str(error)}
    return shown | {"query": _text(query), "body": None if body is None else _text(body)}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
