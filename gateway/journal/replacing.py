"""Lets one post stand in place of another: the row of a post that is replayed, held and closed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from gateway.errors import Refused
from gateway.journal.bodies import is_erased
from gateway.journal.outcomes import ACCEPTED, SUPERSEDED
from gateway.models import Submission

_submission = Submission.__table__
_hold = (
    select(
        _submission.c.outcome,
        _submission.c.superseded_by,
        _submission.c.lead_id,
        _submission.c.replay_of,
        _submission.c.flags,
    )
    .where(_submission.c.request_id == bindparam("id"))
    .with_for_update()
)
_supersede = (
    update(_submission)
    .where(_submission.c.request_id == bindparam("id"))
    .values(
        outcome=SUPERSEDED,
        superseded_by=bindparam("by"),
        lead_id=bindparam("lead"),
        handled_at=bindparam("now"),
    )
)


def hold_original(connection: Connection, request_id: str) -> None:
    """Hold the row of a post that is replayed until the transaction ends.

    Of two who replay it at once the second waits here. Raises Refused where it is done already.
    """
    row = connection.execute(_hold, {"id": request_id}).mappings().one_or_none()
    reason = f"there is no post {request_id}" if row is None else closed(dict(row))
    if reason:
        raise Refused(f"The post cannot be replayed: {reason}", code="already_replayed")


def closed(row: Mapping[str, Any]) -> str:
    """Return why the post of ``row`` is never replayed, empty text where it may be."""
    if is_erased(row):
        return "the person was erased"
    if row["superseded_by"] or row["outcome"] == SUPERSEDED:
        return f"{row['superseded_by'] or 'another post'} stands in its place"
    if row["outcome"] == ACCEPTED:
        return f"it was already accepted as lead {row['lead_id']}"
    if row["replay_of"]:
        return f"it is a replay itself; replay {row['replay_of']}"
    return ""


def supersede(connection: Connection, request_id: str, *, by: str, lead_id: int | None) -> None:
    """Say of the post ``request_id`` that ``by`` stands in its place; the lead is now its own, too.

    So an export and an erasure of the lead find it, whatever else it says of the person.
    """
    row = {"id": request_id, "by": by, "lead": lead_id, "now": datetime.now(UTC)}
    connection.execute(_supersede, row)
