"""By which digest which post is found: first a row a post, and sorted in later, a row a digest.

A digest lies anywhere in an index. A post that wrote a row for each of its own would change as many
pages, and on SQLite and MariaDB that was most of what the journal cost it. So it writes one row,
behind all others, with its digests one after the other. Once a run of posts is together ``settle``
sorts their digests in, behind those of the runs before: a run lies on few pages, however long the
journal is, and is one more place to look at.

Whoever looks, looks at all places with one statement, which sees a post in one of them. Whoever
deletes begins with what waits: a row that is just being sorted in is waited for.
"""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    Boolean,
    ColumnElement,
    Connection,
    Delete,
    Engine,
    Insert,
    LargeBinary,
    Select,
    Table,
    TextClause,
    any_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from gateway.database import has_one_writer, in_transaction, reading
from gateway.models import PendingKeys, SubmissionKey

RUN = 10_000
"""Posts of a run: what waits is searched through, so it must not be very many."""

AT_ONCE = 500
"""Posts whose keys are sorted in by one transaction at most."""

AT_ONCE_ALONE = 100
"""The same where posts wait for it; then it is their turn for as long as it took."""

_WIDTH = 16
"""Bytes of a digest."""

_MOST_BYTES = AT_ONCE * 10 * _WIDTH
"""Bytes of digests that are sorted in by one transaction, but for those of its last post."""

_key: Table = SubmissionKey.__table__
_pending: Table = PendingKeys.__table__
_insert = insert(_pending)


class _Has(FunctionElement[bool]):
    """Whether bytes stand in others."""

    type = Boolean()
    inherit_cache = True


@compiles(_Has)
def _compile_has(element: _Has, compiler: Any, **how: Any) -> str:
    where, what = (compiler.process(each, **how) for each in element.clauses)
    # PostgreSQL has no other function for it that takes bytes.
    is_postgresql = compiler.dialect.name == "postgresql"
    place = f"position({what} IN {where})" if is_postgresql else f"instr({where}, {what})"
    return f"({place} > 0)"


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


def _unpacked(which: ColumnElement[bool]) -> Select[Any]:
    """Return the statement that gives a row for each digest of those that wait."""
    size = func.length(_pending.c.digests)
    longest = select(func.coalesce(func.max(size), 0)).where(which).scalar_subquery()
    nth = _numbers("nth", longest / _WIDTH)
    return (
        select(_nth(_pending.c.digests, nth.c.number).label("digest"), _pending.c.request_id)
        .join_from(_pending, nth, nth.c.number * _WIDTH <= size)
        .where(which)
    )


def _of_posts(table: Table, engine_name: str) -> ColumnElement[bool]:
    """Return what chooses the rows of the posts ``ids``."""
    if engine_name == "postgresql":
        # One parameter, and not one each.
        array: Any = ARRAY(table.c.request_id.type)
        return table.c.request_id == any_(bindparam("ids", type_=array))
    return table.c.request_id.in_(bindparam("ids", expanding=True))


def _sorting_in(which: ColumnElement[bool]) -> Insert:
    chosen = _unpacked(which).subquery("chosen")
    run = bindparam("run", type_=_key.c.run.type)
    rows = select(run, chosen.c.digest, chosen.c.request_id)
    return insert(_key).from_select(
        ["run", "digest", "request_id"], rows.order_by(chosen.c.digest, chosen.c.request_id)
    )


_up_to_last = _pending.c.request_id <= bindparam("last")
_settle_up_to_last = _sorting_in(_up_to_last)
_delete_up_to_last = delete(_pending).where(_up_to_last)
_next = (
    select(_pending.c.request_id, func.length(_pending.c.digests))
    .order_by(_pending.c.request_id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_count = select(func.count()).select_from(_pending)

# Each by itself: SQLite finds one end of an index, not both at once.
_first, _last = (select(end(_key.c.run)).scalar_subquery() for end in (func.min, func.max))
_run = _numbers("run", _last - _first + 1)
_next_run = select(func.coalesce(_last, 0) + 1)

KEYS = union_all(select(_key.c.digest, _key.c.request_id), _unpacked(true())).subquery("keys")
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
    number = _numbers("number", len(digests)).c.number
    each = select(_nth(packed, number).label("digest")).where(number <= len(digests))
    wanted = each.cte("wanted")
    # Distinct, so that it is a table by itself: else engines without statistics put the keys in
    # the middle of the join, and look at all of each run.
    place = select((_first + _run.c.number - 1).label("run"), wanted.c.digest).join_from(
        _run, wanted, true()
    )
    places = place.distinct().subquery("places")
    found = union_all(
        select(_key.c.request_id).join_from(
            places, _key, (_key.c.run == places.c.run) & (_key.c.digest == places.c.digest)
        ),
        select(_pending.c.request_id).where(
            select(wanted).where(_Has(_pending.c.digests, wanted.c.digest)).exists()
        ),
    ).subquery("named")
    return select(found.c.request_id)


def forget(connection: Connection, request_ids: Sequence[str]) -> None:
    """Delete by what these posts, one at least, are found."""
    for table in (_pending, _key):
        _delete(connection, table, sorted(request_ids))


def settle(
    engine: Engine,
    *,
    least: int | None = None,
    turn: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> bool:
    """Sort in a run of posts if at least so many wait, by default a whole one; return whether some
    were.

    Any number of processes may do it at once, and posts go on: each takes what no other has.
    ``turn`` is entered for each of its transactions, none of which takes long.
    """
    with turn(), reading(engine) as connection:
        waiting = connection.execute(_count).scalar_one()
        if waiting < (RUN if least is None else max(1, least)):
            return False
        run = connection.execute(_next_run).scalar_one()
    is_alone = has_one_writer(engine)
    most = min(AT_ONCE, AT_ONCE_ALONE) if is_alone else AT_ONCE
    left = RUN
    while left > 0:
        begun = time.monotonic()
        with turn():
            moved = in_transaction(engine, partial(_settle_some, run, min(left, most)))
        if not moved:
            break
        left -= moved
        if is_alone:
            time.sleep(time.monotonic() - begun)
    return left < RUN


def _settle_some(run: int, most: int, connection: Connection) -> int:
    ids: list[str] = []
    size = 0
    for request_id, length in connection.execute(_next, {"most": most}).all():
        ids.append(request_id)
        size += length
        if size >= _MOST_BYTES:
            break
    if ids and has_one_writer(connection.engine):
        # Nobody else writes, so these are all up to the last of them, which takes one parameter.
        last = {"last": ids[-1]}
        connection.execute(_settle_up_to_last, {"run": run, **last})
        connection.execute(_delete_up_to_last, last)
    elif ids:
        connection.execute(_settle(connection.dialect.name), {"run": run, "ids": ids})
        _delete(connection, _pending, ids)
    return len(ids)


@lru_cache(maxsize=4)
def _settle(engine_name: str) -> Insert:
    """Return the statement that sorts in the posts ``ids``."""
    return _sorting_in(_of_posts(_pending, engine_name))


def _delete(connection: Connection, table: Table, request_ids: Sequence[str]) -> None:
    if connection.dialect.name in ("mysql", "mariadb"):
        # One by one, in one block: for several MariaDB looks at each row of a small table, and
        # waits where another holds one.
        given = {f"id_{number}": each for number, each in enumerate(request_ids)}
        connection.execute(_block(table, len(request_ids)), given)
    else:
        connection.execute(_deletion(table, connection.dialect.name), {"ids": request_ids})


@lru_cache(maxsize=8)
def _deletion(table: Table, engine_name: str) -> Delete:
    """Return the statement that deletes what the posts ``ids`` are found by."""
    return delete(table).where(_of_posts(table, engine_name))


@lru_cache(maxsize=64)
def _block(table: Table, rows: int) -> TextClause:
    """Return the statement of MariaDB that deletes by so many request ids."""
    one = f"DELETE FROM {table.name} WHERE request_id = :id_"  # noqa: S608
    return text(f"BEGIN NOT ATOMIC {'; '.join(f'{one}{n}' for n in range(rows))}; END")
