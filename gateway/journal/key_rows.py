"""By which digest which post is found: first a row a post, and sorted in later, a row a digest.

A digest lies anywhere in an index. A post that wrote a row for each of its own would change as many
pages, and on SQLite and MariaDB that was most of what the journal cost it. So it writes one row,
behind all others, with its digests one after the other. Once a run of posts is together ``settle``
sorts their digests in, behind those of the runs before: a run lies on few pages, however long the
journal is, and is one more place to look at.

Whoever looks, looks at all places with one statement, which sees a post in one of them. Whoever
deletes begins with what waits: a row that is just being sorted in is waited for.
"""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    true,
    union_all,
)

from gateway.database import in_transaction, reading
from gateway.models import PendingKeys, SubmissionKey

RUN = 10_000
"""Posts of a run: what waits is searched through, so it must not be very many."""

AT_ONCE = 500
"""Posts whose keys are sorted in by one transaction; on SQLite others wait for it."""

_WIDTH = 16
"""Bytes of a digest."""

_key = SubmissionKey.__table__
_pending = PendingKeys.__table__
_insert = insert(_pending)
_ids: Any = bindparam("ids", expanding=True)
_deletions = [delete(table).where(table.c.request_id.in_(_ids)) for table in (_pending, _key)]


def _numbers(name: str, most: Any) -> CTE:
    """Return a table of the numbers from 1 to ``most``, whose steps double.

    MariaDB ends a recursion after a thousand steps, and says nothing.
    """
    number = select(literal_column("1").label("number")).cte(name, recursive=True)
    bits: Any = union_all(select(literal_column("0").label("bit")), select(literal_column("1")))
    bit = bits.subquery("bit")
    following: Any = number.c.number * 2 + bit.c.bit
    doubled = select(following).join_from(number, bit, true()).where(following <= most)
    return number.union_all(doubled)


def _nth(digests: Any, number: Any) -> ColumnElement[bytes]:
    return func.substr(digests, (number - 1) * _WIDTH + 1, _WIDTH, type_=LargeBinary)


def _unpacked() -> tuple[ColumnElement[bytes], Any]:
    """Return the digest, and the tables that have one row for each that waits."""
    longest = select(func.coalesce(func.max(func.length(_pending.c.digests)), 0)).scalar_subquery()
    nth = _numbers("nth", longest / _WIDTH)
    is_there = nth.c.number * _WIDTH <= func.length(_pending.c.digests)
    return _nth(_pending.c.digests, nth.c.number), _pending.join(nth, is_there)


_digest, _waiting = _unpacked()
_run = _numbers("run", select(func.max(_key.c.run)).scalar_subquery())
_settle = insert(_key).from_select(
    ["run", "digest", "request_id"],
    select(bindparam("run", type_=_key.c.run.type), _digest, _pending.c.request_id)
    .select_from(_waiting)
    .where(_pending.c.request_id.in_(_ids))
    .order_by(_digest, _pending.c.request_id),
)
_next = (
    select(_pending.c.request_id)
    .order_by(_pending.c.request_id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_count = select(func.count()).select_from(_pending)
_last_run = select(func.coalesce(func.max(_key.c.run), 0))

KEYS = union_all(
    select(_key.c.digest, _key.c.request_id),
    select(_digest.label("digest"), _pending.c.request_id).select_from(_waiting),
).subquery("found_by")
"""Every digest with the request id of its post."""


REQUEST_IDS = (_key.c.request_id, _pending.c.request_id)
"""The columns that name the posts, once or several times, that are found by anything."""


def add(connection: Connection, request_id: str, digests: Collection[bytes]) -> None:
    """Write by what a post is found."""
    if digests:
        connection.execute(
            _insert, {"request_id": request_id, "digests": b"".join(sorted(digests))}
        )


def found_by(digests: Collection[bytes]) -> Select[Any]:
    """Return the statement that gives the request ids of posts with one of ``digests``."""
    packed = literal(b"".join(sorted(digests)), LargeBinary)
    number = _numbers("wanted", len(digests)).c.number
    wanted = select(_nth(packed, number).label("digest")).where(number <= len(digests))
    digest = wanted.subquery("wanted_digest").c.digest
    # Tables joined, not lists: of a list MariaDB would look at all keys of each run.
    found = union_all(
        select(_key.c.request_id).where(_key.c.run == _run.c.number, _key.c.digest == digest),
        select(_pending.c.request_id).select_from(_waiting).where(_digest == digest),
    ).subquery("named")
    return select(found.c.request_id)


def forget(connection: Connection, request_ids: Sequence[str]) -> None:
    """Delete by what these posts are found."""
    for deletion in _deletions:
        connection.execute(deletion, {"ids": request_ids})


def settle(engine: Engine, *, least: int = RUN) -> bool:
    """Sort in a run of posts if at least so many wait; return whether it was one.

    Any number of processes may do it at once, and posts go on: each takes what no other has.
    """
    with reading(engine) as connection:
        if connection.execute(_count).scalar_one() < max(1, least):
            return False
        run = connection.execute(_last_run).scalar_one() + 1
    left = RUN
    while left:
        most = min(left, AT_ONCE)
        moved = in_transaction(engine, partial(_settle_some, run, most))
        left -= moved
        if moved < most:
            break
    return left < RUN


def _settle_some(run: int, most: int, connection: Connection) -> int:
    ids = list(connection.execute(_next, {"most": most}).scalars())
    if ids:
        connection.execute(_settle, {"run": run, "ids": ids})
        connection.execute(_deletions[0], {"ids": ids})
    return len(ids)
