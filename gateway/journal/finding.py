"""Rows of the journal by what an operator knows of them, and what the journal holds in all."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, or_, select

from gateway.contract import System
from gateway.database import reading
from gateway.journal import key_rows, keys, strangers
from gateway.journal.bodies import ERASED
from gateway.journal.recording import IS_OPEN
from gateway.models import LeadMerge, Submission

Row = Mapping[str, Any]

_submission = Submission.__table__
_merge = LeadMerge.__table__
_LISTED = [column for column in _submission.c if column.name not in ("body", "query")]
_not_erased = or_(_submission.c.flags.is_(None), _submission.c.flags != ERASED)


class NoKey(Exception):
    """What was typed finds nobody, ever; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows; what is empty does not count. ``phone``, ``email`` and ``name`` are a person's.

    ``is_open`` takes only posts that became no lead and that nobody has settled, ``is_replayable``
    those of them whose body is there to be replayed.
    """

    outcome: str = ""
    caller: str = ""
    code: str = ""
    since: datetime | None = None
    until: datetime | None = None
    phone: str = ""
    email: str = ""
    name: str = ""
    lead_id: int | None = None
    is_open: bool = False
    is_replayable: bool = False


def find(system: System, wanted: Wanted, *, limit: int) -> list[Row]:
    """Return the newest ``limit`` rows, newest first, without body and query. Raises NoKey."""
    statement = (
        select(*_LISTED)
        .where(*_conditions(system, wanted))
        .order_by(_submission.c.received_at.desc(), _submission.c.request_id.desc())
        .limit(limit)
    )
    return _rows(system, statement)


def get(system: System, request_id: str) -> Row | None:
    """Return one row whole."""
    statement = select(_submission).where(_submission.c.request_id == request_id)
    return next(iter(_rows(system, statement)), None)


def replays_of(system: System, request_id: str) -> list[str]:
    """Return the request ids of the posts that repeat this one, oldest first."""
    statement = (
        select(_submission.c.request_id)
        .where(_submission.c.replay_of == request_id)
        .order_by(_submission.c.received_at)
    )
    with reading(system.engine) as connection:
        return list(connection.execute(statement).scalars())


def status(system: System, since: datetime | None) -> dict[str, Any]:
    """Return what the journal holds: posts by outcome, the oldest that waits for somebody, bytes.

    All but the strangers' part counts from ``since``.
    """
    part = _since(since)
    with reading(system.engine) as connection:
        outcomes = connection.execute(
            select(
                _submission.c.outcome,
                func.count(),
                func.coalesce(func.sum(_submission.c.body_size), 0),
            )
            .where(*part)
            .group_by(_submission.c.outcome)
            .order_by(_submission.c.outcome)
        ).all()
        waiting, oldest = connection.execute(
            select(func.count(), func.min(_submission.c.received_at)).where(
                *part, IS_OPEN, _not_erased
            )
        ).one()
        return {
            "posts": {outcome: count for outcome, count, _ in outcomes},
            "bytes": sum(int(size) for *_, size in outcomes),
            "unhandled": waiting,
            "oldest_unhandled": oldest,
            "strangers": strangers.held(connection)
            | {"budget": system.settings.GATEWAY_STRANGER_BUDGET},
        }


def merged_into(connection: Connection, lead_id: int) -> list[int]:
    """Return the ids that find the lead: its own, and those that were merged into it."""
    others = connection.execute(
        select(_merge.c.lead_id).where(_merge.c.survivor_id == lead_id)
    ).scalars()
    return [lead_id, *sorted(others)]


def _conditions(system: System, wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = _since(wanted.since)
    if wanted.until is not None:
        found.append(_submission.c.received_at < wanted.until)
    if wanted.outcome:
        found.append(_submission.c.outcome == wanted.outcome)
    if wanted.caller:
        found.append(_submission.c.caller == wanted.caller)
    if wanted.code:
        listed = literal(",").concat(_submission.c.codes).concat(",")
        found.append(listed.contains(f",{wanted.code},", autoescape=True))
    if wanted.lead_id is not None:
        with reading(system.engine) as connection:
            ids = merged_into(connection, wanted.lead_id)
        found.append(_submission.c.lead_id.in_(ids))
    for kind in (keys.PHONE, keys.EMAIL, keys.NAME):
        if text := getattr(wanted, kind):
            found.append(_has_key(system, kind, text))
    if wanted.is_open or wanted.is_replayable:
        found += [IS_OPEN, _not_erased]
    if wanted.is_replayable:
        found.append(or_(_submission.c.body.is_not(None), _submission.c.stored_sha256.is_not(None)))
    return found


def _since(since: datetime | None) -> list[ColumnElement[bool]]:
    return [] if since is None else [_submission.c.received_at >= since]


def _has_key(system: System, kind: str, text: str) -> ColumnElement[bool]:
    digest = keys.search_key(kind, text, system.settings)
    if digest is None:
        what = "first and last name" if kind == keys.NAME else f"{kind} that says who it is"
        raise NoKey(f"--{kind}: not a {what}")
    return _submission.c.request_id.in_(key_rows.found_by([digest]))


def _rows(system: System, statement: Select[Any]) -> list[Row]:
    with reading(system.engine) as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]
