"""Files of the store that no row names: what becomes of them, and when.

A file is put before its row, so one without a row may belong to a post in progress. Its age tells:
putting content that is there already makes its file young again.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, select

from gateway.contract import System
from gateway.database import reading
from gateway.models import LeadFile, Submission

IN_PROGRESS = timedelta(minutes=5)
"""Longer than a post can take from putting a file to committing the row that names it."""

SWEPT_AFTER = timedelta(days=1)
"""How old a file must be that nobody has said is no longer needed."""

AT_ONCE = 500

_NAME = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{16}\.part)?")
_NAMING = (LeadFile.__table__.c.sha256, Submission.__table__.c.stored_sha256)


@dataclass(frozen=True, slots=True)
class Swept:
    """What one batch of a sweep looked at, and the names that went or would go."""

    seen: int
    gone: list[str]


def unnamed(connection: Connection, names: Collection[str]) -> set[str]:
    """Return those of ``names`` that no row has."""
    left = set(names)
    for column in _NAMING:
        if left:
            left -= set(connection.execute(select(column).where(column.in_(left))).scalars())
    return left


def remove_unnamed(system: System, names: Collection[str]) -> list[str]:
    """Remove the files of ``names`` that no row has any more; return those that are left to go.

    Left is a file so young that a post in progress may be about to name it.
    """
    before = datetime.now(UTC) - IN_PROGRESS
    left = []
    for some in _batches(sorted(names)):
        with reading(system.engine) as connection:
            free = unnamed(connection, some)
        for name in sorted(free):
            if not system.files.remove(name, before) and system.files.exists(name):
                left.append(name)
    return left


def sweep(system: System, *, dry_run: bool) -> Iterator[Swept]:
    """Remove every file that no row names and that is older than a day, batch after batch."""
    before = datetime.now(UTC) - SWEPT_AFTER
    ours = (name for name in system.files.every() if _NAME.fullmatch(name))
    for some in _batches(ours):
        with reading(system.engine) as connection:
            free = sorted(unnamed(connection, some))
        remove = system.files.is_old if dry_run else system.files.remove
        yield Swept(len(some), [name for name in free if remove(name, before)])


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    left = iter(names)
    while some := list(islice(left, AT_ONCE)):
        yield some
