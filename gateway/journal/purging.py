"""Lets go what the journal need not keep, in short transactions, while posts keep coming."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from gateway import repeats
from gateway.contract import System
from gateway.database import has_one_writer, in_transaction, reading
from gateway.journal import strangers
from gateway.journal.recording import IS_OPEN
from gateway.journal.sweeping import remove_unnamed
from gateway.models import Submission
from gateway.sqlite_log import write_back

UNHANDLED_DAYS = 400
"""How long a post is kept that was refused or failed and that nobody has settled."""

LATE = timedelta(days=7)
"""How long a repeat key stays after it expired: a post that waited in a spool asks for it as of the
time when it came."""

AT_ONCE = 500
"""Rows in one transaction."""

AT_ONCE_ALONE = 100
"""Rows in one transaction where posts wait for it: they lie apart, each dirties several pages."""

_submission = Submission.__table__
_is_stranger = _submission.c.caller.is_(None)


@dataclass(frozen=True, slots=True)
class Due:
    """Which rows may go: those of each kind that came before its time."""

    settled: datetime
    unhandled: datetime
    strangers: datetime

    def condition(self) -> dict[str, ColumnElement[bool]]:
        """Return the condition of each kind by its name; a row is of one kind only."""
        at = _submission.c.received_at
        return {
            "settled": and_(at < self.settled, ~IS_OPEN, ~_is_stranger),
            "unhandled": and_(at < self.unhandled, IS_OPEN, ~_is_stranger),
            "strangers": and_(at < self.strangers, _is_stranger),
        }


def due(system: System) -> Due:
    """Return what may go now."""
    now = datetime.now(UTC)
    return Due(
        settled=now - timedelta(days=system.settings.GATEWAY_JOURNAL_DAYS),
        unhandled=now - timedelta(days=UNHANDLED_DAYS),
        strangers=now - timedelta(days=strangers.DAYS),
    )


def count(system: System, which: Due) -> dict[str, int]:
    """Return how many rows of each kind may go."""
    with reading(system.engine) as connection:
        return {
            kind: connection.execute(
                select(func.count()).select_from(_submission).where(condition)
            ).scalar_one()
            for kind, condition in which.condition().items()
        }


def purge(system: System, which: Due) -> Iterator[int]:
    """Delete the rows that may go, with their keys and files; yield how many after each batch.

    One pass in the order of time, so that the rows that stay are looked at once. Interrupted at
    any moment nothing is lost; a file that is left without its row goes with the next sweep.
    Old keys of repeats go as well, uncounted.
    """
    cursor: tuple[Any, ...] | None = None
    while True:
        rows = _next(system, which, cursor)
        if not rows:
            break
        cursor = (rows[-1].received_at, rows[-1].request_id)
        gone = [row.request_id for row in rows]
        in_transaction(system.engine, partial(_forget, gone))
        write_back(system.engine)
        remove_unnamed(system, {row.stored_sha256 for row in rows} - {None})
        yield len(gone)
    while in_transaction(system.engine, _forget_some_keys) == AT_ONCE:
        pass
    start = which.strangers.replace(minute=0, second=0, microsecond=0)
    in_transaction(system.engine, lambda on: strangers.forget_hours(on, start))


def _forget(request_ids: list[str], connection: Connection) -> None:
    strangers.forget(connection, request_ids)


def _forget_some_keys(connection: Connection) -> int:
    return repeats.forget(connection, datetime.now(UTC) - LATE, AT_ONCE)


def _next(system: System, which: Due, cursor: tuple[Any, ...] | None) -> Any:
    order = (_submission.c.received_at, _submission.c.request_id)
    at_once = min(AT_ONCE, AT_ONCE_ALONE) if has_one_writer(system.engine) else AT_ONCE
    statement = (
        select(*order, _submission.c.stored_sha256)
        .where(_submission.c.received_at < max(which.settled, which.unhandled, which.strangers))
        .where(or_(*which.condition().values()))
        .order_by(*order)
        .limit(at_once)
    )
    if cursor is not None:
        at, request_id = cursor
        # Said twice, because MariaDB finds no way by the index to a pair.
        statement = statement.where(order[0] >= at).where(or_(order[0] > at, order[1] > request_id))
    with reading(system.engine) as connection:
        return connection.execute(statement).all()
