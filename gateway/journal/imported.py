"""What the journal knows of imports: their posts, and how many leads they made without one."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, func, or_, select

from gateway.models import ImportRun, Lead, Submission

METHOD = "IMPORT"
"""Stands in the place of the HTTP method in the row of a line that was imported as a post."""

AHEAD = timedelta(days=1)
"""How far behind the end of its import a lead may be dated by its file: in no known time zone."""

LAST_LINES = 500
"""Lines at the end of an import among which a post is looked for; each has one, or was refused."""

_run = ImportRun.__table__
_lead = Lead.__table__
_submission = Submission.__table__

NAMES_ITS_RUN = _run.c.run_id == _lead.c.match["request_id"].as_string()
"""Whether a lead still says which import made it."""


def post_id(run_id: str, line: int) -> str:
    """Return the request id of the post that an import with ``--match`` makes of a line."""
    return str(uuid5(UUID(run_id), str(line)))


def unaccounted(connection: Connection, begin: datetime) -> int:
    """Return how many leads dated ``begin`` or later imports may have made without a post, beside
    those that still name their import."""
    still = (
        select(_run.c.run_id, func.count().label("leads"))
        .select_from(_lead.join(_run, NAMES_ITS_RUN))
        .group_by(_run.c.run_id)
        .subquery("still")
    )
    runs = (
        select(_run.c.run_id, _run.c.through_line, _run.c.created - func.coalesce(still.c.leads, 0))
        .select_from(_run.outerjoin(still, still.c.run_id == _run.c.run_id))
        .where(or_(_run.c.finished_at.is_(None), _run.c.finished_at >= begin - AHEAD))
        .where(_run.c.created > func.coalesce(still.c.leads, 0))
    )
    return sum(
        int(left)
        for run_id, through, left in connection.execute(runs).all()
        if not _has_posts(connection, run_id, through)
    )


def _has_posts(connection: Connection, run_id: str, through: int) -> bool:
    """Return whether the lines of an import were posts, which account for the leads they made."""
    lines = range(max(1, through - LAST_LINES + 1), through + 1)
    ids = [post_id(run_id, line) for line in lines]
    found: Any = select(_submission.c.request_id).where(_submission.c.request_id.in_(ids)).limit(1)
    return connection.execute(found).one_or_none() is not None
