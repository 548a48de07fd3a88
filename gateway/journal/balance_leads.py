"""Whether leads balance: what accepted posts made is there, merged away or erased, and no more.

A lead that no accepted post of the journal made is an import's or nobody's. An import's names its
run as long as no post has changed it; after that it is only known that runs made so many leads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from gateway.journal.imported import NAMES_ITS_RUN, unaccounted
from gateway.journal.offenders import MOST, SET_RIGHT, Offender
from gateway.journal.outcomes import ACCEPTED
from gateway.journal.sweeping import IN_PROGRESS
from gateway.models import Erasure, ImportRun, Lead, LeadMerge, Submission

SHORTEST = timedelta(days=1)
"""The least that the journal can be set to keep: whatever is younger no purge has taken."""

_submission = Submission.__table__
_lead = Lead.__table__
_merge = LeadMerge.__table__
_erasure = Erasure.__table__
_run = ImportRun.__table__

_action = _submission.c.decision["action"].as_string()
_is_accepted = _submission.c.outcome == ACCEPTED
# A lead_set that is accepted names its lead; commands of plugins need not have one.
_has_made = and_(
    _is_accepted,
    or_(
        _action == "create",
        and_(_submission.c.command == "lead_set", _submission.c.lead_id.is_(None)),
    ),
)
_is_made = (
    select(_submission.c.request_id)
    .where(_submission.c.lead_id == _lead.c.lead_id, _is_accepted, _action == "create")
    .exists()
)

IMPORTED, UPDATED, STRANGE = "imported", "updated", "strange"
_kind = case(
    (_run.c.run_id.is_not(None), IMPORTED),
    (_lead.c.match["action"].as_string() == "update", UPDATED),
    else_=STRANGE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leads:
    """The second equation. ``made`` are accepted posts that made a lead.

    ``since`` is from when on leads are looked at that no post made, ``None`` where the journal has
    no accepted post; ``present`` has those of them that are no import's. ``imported`` stand apart:
    ``presumed`` of them have been updated since, and runs made at least as many.
    """

    since: datetime | None
    made: int
    present: int
    merged_away: int
    erased: int
    imported: int
    presumed: int
    wrong: int

    @property
    def is_balanced(self) -> bool:
        """Whether every lead is in one place, and came from one post or import."""
        return not self.wrong and self.made == self.present + self.merged_away + self.erased


def balance_leads(
    connection: Connection, since: datetime | None
) -> tuple[Leads, int, list[Offender]]:
    """Return the equation of leads for posts from ``since`` on, and who does not fit in it."""
    made, present, merged, erased, wrong = _made(connection, since)
    offenders = _offenders(connection, since) if wrong else []
    begin = _begin(connection, since)
    kinds = {} if begin is None else _not_made(connection, begin)
    strange, updated = kinds.get(STRANGE, 0), kinds.get(UPDATED, 0)
    presumed = min(updated, unaccounted(connection, begin)) if begin and updated else 0
    # Which of those that were updated are not an import's nobody can say: all are named.
    named = [STRANGE] * bool(strange) + [UPDATED] * (updated > presumed)
    if begin is not None and named:
        offenders += _strangers(connection, begin, named)
    nobodys = strange + updated - presumed
    leads = Leads(
        since=begin,
        made=made,
        present=present + nobodys,
        merged_away=merged,
        erased=erased,
        imported=kinds.get(IMPORTED, 0) + presumed,
        presumed=presumed,
        wrong=wrong + nobodys,
    )
    return leads, leads.wrong, offenders


def received_from(since: datetime | None) -> list[ColumnElement[bool]]:
    """Return the condition for posts that came from ``since`` on."""
    return [] if since is None else [_submission.c.received_at >= since]


def _one_if(condition: ColumnElement[bool]) -> Any:
    return case((condition, 1), else_=0)


def _places(since: datetime | None) -> tuple[Any, Any, Any, Any]:
    """Return the leads that accepted posts say they made, joined with where each may be.

    Beside it the columns that are one where the lead is there, was merged away, was erased.
    """
    made = (
        select(
            _submission.c.lead_id,
            func.count().label("posts"),
            func.min(_submission.c.request_id).label("first"),
            func.max(_submission.c.request_id).label("last"),
        )
        .where(_has_made, *received_from(since))
        .group_by(_submission.c.lead_id)
        .subquery("made")
    )
    gone = and_(_erasure.c.lead_id == made.c.lead_id, _erasure.c.erased_at.is_not(None))
    joined = (
        made.outerjoin(_lead, _lead.c.lead_id == made.c.lead_id)
        .outerjoin(_merge, _merge.c.lead_id == made.c.lead_id)
        .outerjoin(_erasure, gone)
    )
    found = [_one_if(table.c.lead_id.is_not(None)) for table in (_lead, _merge, _erasure)]
    return made, joined, found, or_(made.c.posts != 1, sum(found[1:], found[0]) != 1)


def _made(connection: Connection, since: datetime | None) -> list[int]:
    """Return how many posts made a lead, how many of these are there, merged away, erased; and
    how many are wrong."""
    made, joined, found, is_wrong = _places(since)
    wrong = case((made.c.lead_id.is_(None), made.c.posts), (is_wrong, 1), else_=0)
    sums = [func.coalesce(func.sum(each), 0) for each in (made.c.posts, *found, wrong)]
    return [int(each) for each in connection.execute(select(*sums).select_from(joined)).one()]


def _offenders(connection: Connection, since: datetime | None) -> list[Offender]:
    nowhere = (
        select(_submission.c.request_id)
        .where(_has_made, _submission.c.lead_id.is_(None), *received_from(since))
        .order_by(_submission.c.request_id)
        .limit(MOST)
    )
    offenders = [
        Offender(
            request_id=request_id,
            wrong=f"accepted post {request_id} names no lead: somebody has changed its row",
            remedy=f"set its outcome right (flask journal show {request_id}), then replay it",
        )
        for request_id in connection.execute(nowhere).scalars()
    ]
    made, joined, found, is_wrong = _places(since)
    listed = (
        select(made, *(each.label(name) for each, name in zip(found, _PLACES, strict=True)))
        .select_from(joined)
        .where(made.c.lead_id.is_not(None), is_wrong)
        .order_by(made.c.lead_id)
        .limit(MOST)
    )
    return offenders + [_misplaced(row) for row in connection.execute(listed)]


_PLACES = ("present", "merged_away", "erased")


def _misplaced(row: Any) -> Offender:
    places = [name.replace("_", " ") for name in _PLACES if getattr(row, name)]
    post, lead_id = row.first, row.lead_id
    if row.posts != 1:
        wrong = f"{row.posts} accepted posts say they made lead {lead_id}: {post}, {row.last}"
        remedy = f"see flask journal list --lead {lead_id}; only one can have made it"
    elif places:
        wrong = f"lead {lead_id}, made by post {post}, is {' and '.join(places)}"
        remedy = "a lead is in one place only: was one table restored from a backup alone?"
    else:
        wrong = (
            f"accepted post {post} says it made lead {lead_id}, which is neither there, "
            "merged away nor erased"
        )
        remedy = f"restore the lead from a backup; flask journal show {post} --body has what came"
    return Offender(request_id=post, lead_id=lead_id, wrong=wrong, remedy=remedy)


def _begin(connection: Connection, since: datetime | None) -> datetime | None:
    """Return from when on the journal has the post of every lead that one made.

    A purge goes by the time when posts came. What is left of those from before it has been written
    after it, by a drain or a replay, so no row is left that was written before the time up to
    which it went. A lead is dated by its post, or as long after as that took.
    """
    written = func.coalesce(_submission.c.recorded_at, _submission.c.received_at)
    first = connection.execute(select(func.min(written)).where(_is_accepted)).scalar_one()
    if first is None:
        return None
    begin = max(first, min(first, datetime.now(UTC) - SHORTEST) + IN_PROGRESS)
    return begin if since is None else max(begin, since)


def _not_made(connection: Connection, begin: datetime) -> dict[str, int]:
    """Return how many leads there are that no accepted post made, by what they say of it."""
    counted = (
        select(_kind.label("kind"), func.count().label("leads"))
        .select_from(_lead.outerjoin(_run, NAMES_ITS_RUN))
        .where(_lead.c.created_at >= begin, ~_is_made)
        .group_by("kind")
    )
    return {row.kind: row.leads for row in connection.execute(counted)}


def _strangers(connection: Connection, begin: datetime, kinds: Sequence[str]) -> list[Offender]:
    listed = (
        select(_lead.c.lead_id)
        .select_from(_lead.outerjoin(_run, NAMES_ITS_RUN))
        .where(_lead.c.created_at >= begin, ~_is_made, _kind.in_(kinds))
        .order_by(_lead.c.lead_id)
        .limit(MOST)
    )
    lead_ids = connection.execute(listed).scalars().all()
    claims = select(_submission.c.lead_id, _submission.c.request_id, _submission.c.outcome).where(
        _submission.c.lead_id.in_(lead_ids), _action == "create"
    )
    claiming = {row.lead_id: row for row in connection.execute(claims)}
    return [_nobodys(lead_id, claiming.get(lead_id)) for lead_id in lead_ids]


def _nobodys(lead_id: int, claiming: Any) -> Offender:
    wrong = f"lead {lead_id} is there, and no accepted post and no import made it"
    if claiming is None:
        return Offender(
            lead_id=lead_id,
            wrong=wrong,
            remedy=f"see flask lead show {lead_id}: restore the row of its post, or erase the lead",
        )
    post = claiming.request_id
    return Offender(
        request_id=post,
        lead_id=lead_id,
        wrong=f"{wrong}; post {post} says it did, and its outcome is {claiming.outcome!r}",
        remedy=SET_RIGHT.format(id=post),
    )
