"""Whether the books balance: every post that came became something, every lead came from a post.

Read in one snapshot, so that posts go on meanwhile; nothing is written and nobody waits for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    func,
    not_,
    or_,
    select,
    union,
)

from gateway.contract import System
from gateway.database import snapshot
from gateway.journal import key_rows
from gateway.journal.balance_leads import Leads, balance_leads, received_from
from gateway.journal.offenders import MOST, SET_RIGHT, Offender
from gateway.journal.outcomes import ACCEPTED, OUTCOMES, SUPERSEDED
from gateway.models import Submission

__all__ = ["MOST", "Balance", "Leads", "Offender", "Posts", "balance"]

AT_ONCE = 500
"""Ids of spooled posts that are looked up in one statement."""

_submission = Submission.__table__
_id = _submission.c.request_id
_outcome = _submission.c.outcome

_WRONG: dict[str, tuple[ColumnElement[bool], str]] = {
    "unknown": (not_(_outcome.in_(OUTCOMES)), "post {id} has the outcome {outcome!r}, of none"),
    "replaced": (
        and_(_outcome == SUPERSEDED, _submission.c.superseded_by.is_(None)),
        "post {id} is superseded, and no post stands in its place",
    ),
    # Only what is accepted gets one when it is written, and nothing accepted becomes anything else.
    "changed": (
        and_(_outcome != ACCEPTED, _submission.c.fields_digest.is_not(None)),
        "post {id} was accepted, and its outcome is {outcome!r} now",
    ),
}
_wrong = case(*((condition, name) for name, (condition, _) in _WRONG.items()), else_="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posts:
    """The first equation. ``outcomes`` are posts that are rightly what they are, by outcome.

    ``received`` are the rows of the journal, those that somebody has deleted from it and whose
    search keys tell, and the files of this node's spool, broken ones included. ``spooled`` are
    those that wait.
    """

    received: int
    outcomes: dict[str, int]
    spooled: int

    @property
    def is_balanced(self) -> bool:
        """Whether every post that came became something."""
        return self.received == sum(self.outcomes.values()) + self.spooled


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Both equations, and the first of ``wrong`` posts and leads that are not as they should be."""

    posts: Posts
    leads: Leads
    wrong: int
    offenders: Sequence[Offender]

    @property
    def is_balanced(self) -> bool:
        """Whether both equations hold."""
        return self.posts.is_balanced and self.leads.is_balanced


def balance(system: System, since: datetime | None) -> Balance:
    """Return whether the posts received from ``since`` on became something, and leads with them."""
    # Before the snapshot: what is drained in between is in both, and told by its id.
    waiting = _since([path.stem for path in system.spool.paths()], since)
    broken = _since([path.stem for path in system.spool.broken()], since)
    with snapshot(system.engine) as connection:
        posts, wrong, offenders = _balance_posts(connection, since, waiting, broken)
        leads, wrong_leads, others = balance_leads(connection, since)
    return Balance(
        posts=posts,
        leads=leads,
        wrong=wrong + wrong_leads,
        offenders=[*offenders, *others][:MOST],
    )


def _balance_posts(
    connection: Connection, since: datetime | None, waiting: list[str], broken: list[str]
) -> tuple[Posts, int, list[Offender]]:
    part = received_from(since)
    counted = select(_outcome, _wrong.label("wrong"), func.count().label("posts"))
    groups = connection.execute(counted.where(*part).group_by(_outcome, "wrong")).all()
    outcomes = dict.fromkeys(OUTCOMES, 0)
    wrong = 0
    for outcome, why, number in groups:
        if why:
            wrong += number
        else:
            outcomes[outcome] += number
    spooled = len(_unrecorded(connection, waiting))
    lost = _unrecorded(connection, broken)
    vanished = _vanished_since(since)
    gone = connection.execute(select(func.count()).select_from(vanished.subquery())).scalar_one()
    # Counted by itself, and not as the sum of the groups.
    rows = connection.execute(
        select(func.count()).select_from(_submission).where(*part)
    ).scalar_one()
    posts = Posts(
        received=rows + gone + spooled + len(lost),
        outcomes=outcomes,
        spooled=spooled,
    )
    offenders = _offenders(connection, part) if wrong else []
    if gone:
        deleted = connection.execute(
            vanished.order_by(vanished.selected_columns.request_id).limit(MOST)
        ).scalars()
        offenders += map(_vanished, deleted)
    offenders += map(_broken, lost)
    return posts, wrong + gone + len(lost), offenders


def _offenders(connection: Connection, part: list[ColumnElement[bool]]) -> list[Offender]:
    listed = (
        select(_id, _outcome, _submission.c.lead_id, _wrong.label("wrong"))
        .where(*part, or_(*(condition for condition, _ in _WRONG.values())))
        .order_by(_id)
        .limit(MOST)
    )
    return [
        Offender(
            request_id=row.request_id,
            lead_id=row.lead_id,
            wrong=_WRONG[row.wrong][1].format(id=row.request_id, outcome=row.outcome),
            remedy=f"{SET_RIGHT.format(id=row.request_id)}, or restore the row",
        )
        for row in connection.execute(listed)
    ]


def _vanished(request_id: str) -> Offender:
    return Offender(
        request_id=request_id,
        wrong=f"post {request_id} has search keys and no row: it was deleted, and not by a purge",
        remedy="restore the row from a backup; if it must be gone, delete its keys as well",
    )


def _broken(request_id: str) -> Offender:
    return Offender(
        request_id=request_id,
        wrong=f"post {request_id} lies in broken/ of this node's spool: it was cut short",
        remedy="ask its sender for it; take the file away when that is done",
    )


def _unrecorded(connection: Connection, request_ids: Sequence[str]) -> list[str]:
    """Return those of these posts that are not in the journal."""
    recorded: set[str] = set()
    for start in range(0, len(request_ids), AT_ONCE):
        some = request_ids[start : start + AT_ONCE]
        recorded.update(connection.execute(select(_id).where(_id.in_(some))).scalars())
    return [each for each in request_ids if each not in recorded]


def _vanished_since(since: datetime | None) -> Select[Any]:
    """Return the statement that finds posts from ``since`` on that have keys and no row."""
    found = []
    for request_id in key_rows.REQUEST_IDS:
        # Once each, and then joined: on MariaDB all else looks up every key.
        keyed = select(request_id).where(*_keys_since(request_id, since)).distinct().subquery()
        ids = keyed.c.request_id
        found.append(select(ids).outerjoin(_submission, _id == ids).where(_id.is_(None)))
    return select(union(*found).subquery("vanished").c.request_id)


def _keys_since(request_id: Any, since: datetime | None) -> list[ColumnElement[bool]]:
    """Return the condition for keys of posts from ``since`` on; of some only the id is left.

    The ids of posts sort by time. Those of imports say nothing of it, and count always.
    """
    if since is None:
        return []
    milliseconds = f"{max(0, int(since.timestamp() * 1000)):012x}"
    first = f"{milliseconds[:8]}-{milliseconds[8:]}"
    return [or_(request_id >= first, func.substr(request_id, 15, 1) != "7")]


def _since(request_ids: list[str], since: datetime | None) -> list[str]:
    """Return those of ``request_ids`` that do not say that they are older than ``since``."""
    if since is None:
        return request_ids
    return [each for each in request_ids if (at := _time_of(each)) is None or at >= since]


def _time_of(request_id: str) -> datetime | None:
    try:
        number = UUID(request_id)
        made_at = datetime.fromtimestamp((number.int >> 80) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return made_at if number.version == 7 else None
