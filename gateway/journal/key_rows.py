"""By which digest which post is found: first a row a post, and sorted in later, a row a digest.

A digest lies anywhere in the index. A post that wrote a row for each of its own would change as
many pages, and on SQLite and MariaDB that was most of what the journal cost it. So it writes one
row, behind all others, with its digests one after the other; ``settle`` sorts those of many posts
in at once. Whoever looks, looks into both tables with one statement, which sees a post in one of
them. Whoever deletes begins with what waits: a row that is just being sorted in is waited for.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    union,
    union_all,
)

from gateway.database import in_transaction
from gateway.models import PendingKeys, SubmissionKey

AT_ONCE = 500
"""Posts whose keys are sorted in by one transaction."""

_WIDTH = 16
"""Bytes of a digest."""

_key = SubmissionKey.__table__
_pending = PendingKeys.__table__
_insert = insert(_pending)
_ids: Any = bindparam("ids", expanding=True)
_deletions = [delete(table).where(table.c.request_id.in_(_ids)) for table in (_pending, _key)]


def _unpacked() -> tuple[ColumnElement[bytes], Any]:
    """Return the digest, and the tables that have one row for each that waits."""
    longest = select(func.coalesce(func.max(func.length(_pending.c.digests)), 0)).scalar_subquery()
    place = select(literal_column("0").label("place")).cte("place", recursive=True)
    following: Any = place.c.place + _WIDTH
    place = place.union_all(select(following).where(following < longest))
    joined = _pending.join(place, place.c.place < func.length(_pending.c.digests))
    return func.substr(_pending.c.digests, place.c.place + 1, _WIDTH, type_=LargeBinary), joined


_digest, _waiting = _unpacked()
_settle = insert(_key).from_select(
    ["digest", "request_id"],
    select(_digest, _pending.c.request_id)
    .select_from(_waiting)
    .where(_pending.c.request_id.in_(_ids))
    .order_by(_digest, _pending.c.request_id),
)
_next = (
    select(_pending.c.request_id)
    .order_by(_pending.c.request_id)
    .limit(AT_ONCE)
    .with_for_update(skip_locked=True)
)

KEYS = union_all(
    select(_key.c.digest, _key.c.request_id),
    select(_digest.label("digest"), _pending.c.request_id).select_from(_waiting),
).subquery("found_by")
"""Every digest with the request id of its post."""

KEYED = union(select(_key.c.request_id), select(_pending.c.request_id)).subquery("keyed")
"""The request ids of all posts that are found by anything."""


def add(connection: Connection, request_id: str, digests: Collection[bytes]) -> None:
    """Write by what a post is found."""
    if digests:
        connection.execute(
            _insert, {"request_id": request_id, "digests": b"".join(sorted(digests))}
        )


def found_by(digests: Collection[bytes]) -> Select[Any]:
    """Return the statement that gives the request ids of posts with one of ``digests``."""
    wanted = sorted(digests)
    # A table of its own, which every engine makes once; conditions are said where an index is.
    found = union_all(
        select(_key.c.request_id).where(_key.c.digest.in_(wanted)),
        select(_pending.c.request_id).select_from(_waiting).where(_digest.in_(wanted)),
    ).subquery("named")
    return select(found.c.request_id)


def forget(connection: Connection, request_ids: Sequence[str]) -> None:
    """Delete by what these posts are found."""
    for deletion in _deletions:
        connection.execute(deletion, {"ids": request_ids})


def settle(engine: Engine) -> bool:
    """Sort in what waits, at most of AT_ONCE posts; return whether there may be more.

    Any number of processes may do it at once, and posts go on: each takes what no other has.
    """
    return in_transaction(engine, _settle_some) == AT_ONCE


def _settle_some(connection: Connection) -> int:
    ids = list(connection.execute(_next).scalars())
    if ids:
        connection.execute(_settle, {"ids": ids})
        connection.execute(_deletions[0], {"ids": ids})
    return len(ids)
