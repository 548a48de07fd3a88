"""What listeners are told of a post once it is committed."""

from collections.abc import Sequence
from copy import deepcopy
from types import MappingProxyType
from typing import Any

from gateway.contract import LeadEvent, Upload
from gateway.store.deciding import Decision
from gateway.store.history import changes_of
from gateway.store.keys import values_of
from gateway.store.planning import WIRE_NAMES, Stored
from gateway.store.posts import Post

CREATED, UPDATED = "created", "updated"


def event_of(
    decision: Decision, post: Post, lead_id: int, *, uploads: Sequence[Upload], request_id: str
) -> LeadEvent | None:
    """Return what to tell of the post; ``None`` where nobody listens or it changed nothing."""
    if not post.system.hooks.after_commit:
        return None
    planned, stored = decision.plan, decision.stored
    # The caller's defaults are values of a new lead like those that were sent.
    row: dict[str, Any] = dict(stored.row) if stored else post.defaults
    changes = {} if stored else {WIRE_NAMES.get(name, name): each for name, each in row.items()}
    changes |= {each.field: each.new for each in changes_of(planned, stored or Stored())}
    if planned.new_external_id is not None:
        changes["external_id"] = planned.new_external_id
    if planned.notes:
        changes["notes"] = list(planned.notes)
    if uploads:
        changes["files"] = [upload.name for upload in uploads]
    if stored is not None and not changes:
        return None
    lead = values_of(row | dict(planned.values)) | {"lead_id": lead_id, "updated_at": post.now}
    lead.setdefault("created_at", post.now)
    lead.pop("match", None)
    return LeadEvent(
        lead_id=lead_id,
        action=UPDATED if stored else CREATED,
        lead=MappingProxyType(deepcopy(lead)),
        changes=MappingProxyType(deepcopy(changes)),
        request_id=request_id,
    )
