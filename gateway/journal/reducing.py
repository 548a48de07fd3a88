"""Takes a person out of the journal: of their posts stays that there was one, and its outcome."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, or_, select, union, update

from gateway.journal import key_rows
from gateway.journal.bodies import ERASED, is_erased
from gateway.journal.outcomes import ACCEPTED
from gateway.models import Submission

AT_ONCE = 200

_submission = Submission.__table__
_post, _replay = _submission.alias("post"), _submission.alias("replay")
_replays_first = (
    _submission.c.replay_of.is_(None),
    _submission.c.received_at,
    _submission.c.request_id,
)
"""The order in which posts are emptied: what finds a replay goes last."""

_EMPTY: dict[str, Any] = {
    **dict.fromkeys(("address", "content_type", "path", "body_sha256"), ""),
    **dict.fromkeys(("query", "origin", "caller_request_id", "problems", "unknown", "body")),
    **dict.fromkeys(("stored_sha256", "headers", "claimed", "fields_digest")),
    "body_size": 0,
    "flags": ERASED,
}
_reduce = (
    update(_submission)
    .where(_submission.c.request_id == bindparam("id"))
    .values(**_EMPTY, decision=bindparam("reduced"), handled_at=bindparam("now"))
)


def posts_of(lead_ids: Collection[int], digests: Collection[bytes]) -> Select[Any]:
    """Return the statement that finds the posts of a person, those of other leads left out.

    These are the posts of the leads, those that became no lead and have one of ``digests``, and
    replays of all these that became none: a correction may have taken out what they are found by.
    """
    named = key_rows.found_by(digests)
    own = select(_post.c.request_id).where(_post.c.lead_id.in_(lead_ids))
    no_lead = select(_post.c.request_id).where(
        _post.c.request_id.in_(named), _post.c.outcome != ACCEPTED
    )
    tried = [
        select(_replay.c.request_id)
        .join_from(_post, _replay, _replay.c.replay_of == _post.c.request_id)
        .where(condition, _replay.c.outcome != ACCEPTED)
        for condition in (_post.c.lead_id.in_(lead_ids), _post.c.request_id.in_(named))
    ]
    # Joined, because of conditions by OR every engine makes a look at each row of the journal.
    found = union(own, no_lead, *tried).subquery("found")
    return (
        select(_submission)
        .join(found, found.c.request_id == _submission.c.request_id)
        .where(or_(_submission.c.flags.is_(None), _submission.c.flags != ERASED))
        .order_by(_submission.c.received_at, _submission.c.request_id)
    )


def reduce_some(
    connection: Connection, lead_ids: Collection[int], digests: Collection[bytes]
) -> tuple[int, list[str]]:
    """Empty some of the person's posts; return how many, and the files that they had."""
    posts = posts_of(lead_ids, digests).order_by(None).order_by(*_replays_first)
    rows = connection.execute(posts.limit(AT_ONCE)).mappings().all()
    if rows:
        reduce_rows(connection, rows)
    return len(rows), [row["stored_sha256"] for row in rows if row["stored_sha256"]]


def reduce_rows(connection: Connection, rows: Sequence[Any]) -> None:
    """Empty these rows: time, caller, command, outcome, codes, lead and action stay."""
    now = datetime.now(UTC)
    ids = [row["request_id"] for row in rows]
    key_rows.forget(connection, ids)
    connection.execute(
        _reduce,
        [
            {
                "id": row["request_id"],
                "reduced": _action(row["decision"]),
                "now": row["handled_at"] or now,
            }
            for row in rows
        ],
    )


def follow(connection: Connection, request_id: str, *, first: str) -> None:
    """Empty the post ``request_id``, which says what ``first`` said, where that one was emptied.

    No later erasure would find it. One that is about to empty ``first`` waits for us or we for it.
    """
    post = select(_submission)
    held = post.where(_submission.c.request_id == first).with_for_update()
    original = connection.execute(held).mappings().one_or_none()
    if original is not None and is_erased(dict(original)):
        rows = connection.execute(post.where(_submission.c.request_id == request_id)).mappings()
        reduce_rows(connection, rows.all())


def _action(decision: Any) -> dict[str, Any] | None:
    return {"action": decision["action"]} if decision and "action" in decision else None
