"""What is known of a new lead before it is stored, as imports bring many of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.store.deciding import Decision
from gateway.store.posts import Post


@dataclass(slots=True, kw_only=True)
class NewLead:
    """A lead to insert, and what it brings that no post can say.

    ``decision`` is what becomes of it where that is known before its transaction; its keys are then
    ``keys``, made after it. ``lead_id`` is ``None`` for a new id. ``times`` are its own
    ``created_at`` and ``updated_at``; ``note_times`` are those of its notes, in order, as far as
    they have any.
    """

    post: Post
    decision: Decision | None = None
    keys: dict[bytes, str] = field(default_factory=dict)
    lead_id: int | None = None
    external_ids: tuple[str, ...] = ()
    times: Mapping[str, datetime] = field(default_factory=dict)
    note_times: tuple[datetime | None, ...] = ()


Made = tuple[NewLead, Decision]


def external_ids(lead: NewLead) -> tuple[str, ...]:
    """Return every external id that the lead brings, each once."""
    own = lead.post.parsed.changes.get("external_id")
    if not own and not lead.external_ids:
        return ()
    return tuple(dict.fromkeys((*((own,) if own else ()), *lead.external_ids)))
