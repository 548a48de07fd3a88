"""What strangers' posts may fill: a flood of them must not hurt, and one of them may be a lead.

Each process counts what it writes and adds it to the row of the hour now and then, so that no two
posts wait for each other. Then it looks whether all hours together are over the budget, and lets
the oldest posts go, a bounded number at a time. A process that is killed forgets the few posts
that it has not added yet; that much the budget may be wrong until they are thirty days old.
"""

import logging
import threading
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, func, select, update
from sqlalchemy.dialects import mysql, postgresql, sqlite

from gateway.database import in_transaction
from gateway.journal import key_rows
from gateway.models import StrangerHour, Submission

log = logging.getLogger("gateway.journal")

DAYS = 30
"""How long a stranger's post is kept at most."""

COUNTED_POSTS, COUNTED_BYTES = 64, 1024 * 1024
"""After how many posts or bytes a process adds them up."""

AT_ONCE = 500
"""Posts that go in one transaction."""

MOST_TURNS = 4
"""Transactions that one stranger's post may be kept waiting for; more go than have come."""

ROW_BYTES = 1024
"""What a row takes beside its body and query, with its keys and its part of the indexes."""

_submission = Submission.__table__
_hour = StrangerHour.__table__
_total = select(func.coalesce(func.sum(_hour.c.bytes), 0))
_oldest = (
    select(
        _submission.c.request_id,
        _submission.c.received_at,
        func.coalesce(func.length(_submission.c.body), 0),
        func.coalesce(func.length(_submission.c.query), 0),
    )
    .where(_submission.c.caller.is_(None))
    .order_by(_submission.c.received_at)
    .limit(AT_ONCE)
    .with_for_update(skip_locked=True)
)
_ids: Any = bindparam("ids", expanding=True)
_delete_posts = delete(_submission).where(_submission.c.request_id.in_(_ids))


class Strangers:
    """The strangers' posts that this process has written and not added up yet."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._lock = threading.Lock()
        self._posts = self._bytes = 0

    def count(self, engine: Engine, size: int) -> None:
        """Note a post of ``size`` bytes that was written; now and then let the oldest go."""
        with self._lock:
            self._posts += 1
            self._bytes += size + ROW_BYTES
            if self._posts < COUNTED_POSTS and self._bytes < min(COUNTED_BYTES, self.budget):
                return
            posts, added = self._posts, self._bytes
            self._posts = self._bytes = 0
        try:
            self._settle(engine, posts, added)
        except Exception:  # the post is in the journal, whatever becomes of the count
            log.exception("strangers' posts could not be counted")

    def _settle(self, engine: Engine, posts: int, added: int) -> None:
        hour = _start(datetime.now(UTC))
        in_transaction(
            engine, lambda connection: _change(connection, hour, posts=posts, size=added)
        )
        for _ in range(MOST_TURNS):
            if not in_transaction(engine, self._drop_oldest):
                return

    def _drop_oldest(self, connection: Connection) -> bool:
        """Delete the oldest posts while there is more than the budget; whether some went."""
        over = int(connection.execute(_total).scalar_one()) - self.budget
        if over <= 0:
            return False
        gone: list[str] = []
        posts: Counter[datetime] = Counter()
        sizes: Counter[datetime] = Counter()
        for request_id, at, body, query in connection.execute(_oldest):
            if over <= 0:
                break
            size = body + query + ROW_BYTES
            over -= size
            gone.append(request_id)
            posts[_start(at)] += 1
            sizes[_start(at)] += size
        forget(connection, gone)
        for hour in sorted(posts):
            _change(connection, hour, posts=-posts[hour], size=-sizes[hour], dropped=posts[hour])
        if gone:
            log.warning("strangers' posts are over their budget: %d went", len(gone))
        return bool(gone)


def forget(connection: Connection, request_ids: list[str]) -> None:
    """Delete these rows of the journal, and the keys by which they are found."""
    if request_ids:
        key_rows.forget(connection, request_ids)
        connection.execute(_delete_posts, {"ids": request_ids})


def forget_hours(connection: Connection, before: datetime) -> None:
    """Take off what hours ``before`` held; how many posts of them were dropped stays."""
    connection.execute(update(_hour).where(_hour.c.hour < before).values(posts=0, bytes=0))


def held(connection: Connection) -> dict[str, int]:
    """Return how many strangers' posts there are, their bytes, and how many went early."""
    names = ("posts", "bytes", "dropped")
    sums = select(*(func.coalesce(func.sum(_hour.c[name]), 0) for name in names))
    return dict(zip(names, map(int, connection.execute(sums).one()), strict=True))


def _change(
    connection: Connection, hour: datetime, *, posts: int, size: int, dropped: int = 0
) -> None:
    """Add to what the hour holds; a row that is made below nothing is right in the sum."""
    values = {"hour": hour, "posts": posts, "bytes": size, "dropped": dropped}
    more = {name: _hour.c[name] + values[name] for name in ("posts", "bytes", "dropped")}
    name = connection.dialect.name
    statement: Any
    if name in ("mysql", "mariadb"):
        statement = mysql.insert(_hour).values(values).on_duplicate_key_update(more)
    else:
        made = (sqlite if name == "sqlite" else postgresql).insert(_hour).values(values)
        statement = made.on_conflict_do_update(index_elements=["hour"], set_=more)
    connection.execute(statement)


def _start(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
