"""Each caller's habits: how often it posts, when last, what was refused, what it sends anew.

One snapshot, and statements whose answers are short whatever the journal holds: the sums of the
window in one go, then a few by the index of caller and time for each caller.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    null,
    or_,
    select,
    type_coerce,
)

from gateway.contract import System
from gateway.database import snapshot
from gateway.journal.imported import METHOD
from gateway.journal.outcomes import UNHANDLED
from gateway.models import Login, Submission, login_state

MOST_PAUSES = 1000
"""Pauses of one caller that the usual one is found from, the newest."""

MOST_LISTS = 1000
"""Different lists of unknown names of one caller that are looked at, the latest to appear."""

MOST_NAMES = 50
"""Names of one caller that are looked for before the window, the latest to appear."""

NEAR = 1000
"""Posts before the window in which a name is looked for first; most are found there."""

_row = Submission.__table__
_login = Login.__table__
# A replay stands for a post that has its own row, and an import is no post of anybody's form:
# neither is a sign of life of the caller.
_is_post = and_(_row.c.replay_of.is_(None), _row.c.method != METHOD)
_sends_unknown = _row.c.unknown.is_not(null())


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_sums = (
    select(
        _row.c.caller,
        func.count().label("posts"),
        *(_count(_row.c.outcome == outcome).label(outcome) for outcome in UNHANDLED),
        _count(_row.c.flags.contains("fallback_charset", autoescape=True)).label("fallbacks"),
        _count(_sends_unknown).label("with_unknown"),
    )
    .where(_row.c.received_at.between(bindparam("since"), bindparam("now")), _is_post)
    .group_by(_row.c.caller)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What one caller did in the window; ``caller`` is ``None`` for all strangers together.

    ``login`` is the state of its login, ``None`` where there is none: a plugin lets it in.
    ``refused`` counts by outcome the posts that became no lead. ``last_post`` is the newest in the
    whole journal. ``usual_pause`` is the median of the newest pauses between two posts of the
    window. ``new_names`` are claimed by no field and in no earlier post, the latest first.
    """

    caller: str | None
    login: str | None
    posts: int
    refused: Mapping[str, int]
    fallbacks: int
    last_post: datetime | None
    usual_pause: timedelta | None
    new_names: tuple[str, ...]

    @property
    def refusals(self) -> int:
        """How many posts became no lead, and nobody has mended them."""
        return sum(self.refused.values())


def habits(
    system: System, *, since: datetime, now: datetime, callers: Collection[str] = ()
) -> list[Habits]:
    """Return what each caller did since then, by name, and the strangers last.

    These are all that have posted since then or have a login; or only ``callers``, of whom those
    are missing that have neither a login nor any post. Posts that a clock which was ahead has dated
    after ``now`` do not count: nobody would be silent until then.
    """
    with snapshot(system.engine) as connection:
        sums = {
            row["caller"]: row
            for row in connection.execute(_sums, {"since": since, "now": now}).mappings()
        }
        logins = {
            name: login_state(disabled_at, retired_at)
            for name, disabled_at, retired_at in connection.execute(
                select(_login.c.name, _login.c.disabled_at, _login.c.retired_at)
            )
        }
        everybody = sorted((sums.keys() | logins.keys()) - {None})
        wanted: list[str | None] = [*(sorted(set(callers)) if callers else everybody)]
        if None in sums and not callers:
            wanted.append(None)
        found = [
            _habits(connection, system, (since, now), caller, sums.get(caller), logins.get(caller))
            for caller in wanted
        ]
    return [each for each in found if each.last_post or each.login]


def _habits(
    connection: Connection,
    system: System,
    window: tuple[datetime, datetime],
    caller: str | None,
    sums: Mapping[Any, Any] | None,
    login: str | None,
) -> Habits:
    since, now = window
    times = (
        connection.execute(
            select(_row.c.received_at)
            .where(_row.c.caller == caller, _row.c.received_at <= now, _is_post)
            .order_by(_row.c.received_at.desc())
            .limit(MOST_PAUSES + 1)
        )
        .scalars()
        .all()
    )
    new_names: Iterable[str] = ()
    if sums and sums["with_unknown"] and caller is not None:
        new_names = _new_names(connection, system, since, caller)
    return Habits(
        caller=caller,
        login=login,
        posts=sums["posts"] if sums else 0,
        refused={outcome: int(sums[outcome]) if sums else 0 for outcome in UNHANDLED},
        fallbacks=int(sums["fallbacks"]) if sums else 0,
        last_post=times[0] if times else None,
        usual_pause=_usual_pause([each for each in times if each >= since]),
        new_names=tuple(new_names),
    )


def _usual_pause(times: Iterable[datetime]) -> timedelta | None:
    """Return the median of the pauses between ``times``, which are newest first."""
    seconds = [(later - earlier).total_seconds() for later, earlier in pairwise(times)]
    return timedelta(seconds=median(seconds)) if seconds else None


def _new_names(
    connection: Connection, system: System, since: datetime, caller: str
) -> Iterable[str]:
    """Return names that no field claims and that came from ``caller`` since then only."""
    unknown = _unknown_text(connection)
    of_caller = (_row.c.caller == caller, _is_post, _sends_unknown)
    # By the latest first appearance: so no flood of names hides one that is new.
    lists = connection.execute(
        select(unknown)
        .where(*of_caller, _row.c.received_at >= since)
        .group_by(unknown)
        .order_by(func.min(_row.c.received_at).desc())
        .limit(MOST_LISTS)
    ).scalars()
    # A name is as old as the oldest list that has it: as a key that is set again at the end.
    names: dict[str, None] = {}
    for each in lists:
        for name in json.loads(each):
            names.pop(name, None)
            if name not in system.schema.readers:
                names[name] = None
    left = list(names)[:MOST_NAMES]
    before = select(unknown.label("unknown")).where(*of_caller, _row.c.received_at < since)
    near = before.order_by(_row.c.received_at.desc()).limit(NEAR)
    for earlier in (near, before.distinct()):
        if left:
            text = earlier.subquery().c.unknown
            # Not one look-up a name: then each that is new would cost a walk of its own.
            seen = connection.execute(select(*(_count(_names(text, name)) for name in left))).one()
            left = [name for name, count in zip(left, seen, strict=True) if not count]
    return left


def _unknown_text(connection: Connection) -> ColumnElement[str]:
    """Return the names of a row as the JSON that stands there, which can be grouped."""
    if connection.dialect.name == "postgresql":
        return cast(_row.c.unknown, Text)
    # It is text there; a cast would compare it by another collation on MariaDB.
    return type_coerce(_row.c.unknown, Text)


def _names(text: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Return whether the JSON has the name; LIKE takes A for a on SQLite, ``replace`` nowhere."""
    spellings = dict.fromkeys((json.dumps(name), json.dumps(name, ensure_ascii=False)))
    # What stands in front tells a name from the end of one that has a quote in it.
    return or_(
        *(func.replace(text, f"{front}{each}", "") != text for each in spellings for front in "[, ")
    )
