"""What posts bring to a transaction, and how it runs several of them.

Where several transactions can write at once, one that has many posts in it waits for nobody: a
post that waits holds up those beside it, and what they hold holds up still others. There only those
come whose rows are ready. Some have match rules, and their rows count if no lead has their keys;
the others find their lead in the same transaction. Where that needs what somebody else holds, the
transaction fails within ``claims.SOON_SECONDS``, and each post waits by itself.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from sqlalchemy import Connection

from gateway import repeats
from gateway.errors import Refused
from gateway.matching import known
from gateway.store import claims, fast

Result = TypeVar("Result")

CLEAN = (Refused, repeats.Repeated, claims.Unclaimed)
"""What a post may raise while nothing of it is written yet, so that its neighbours can go on."""


@dataclass(frozen=True, slots=True)
class Ready(Generic[Result]):
    """What a post writes, where that is known before its transaction: the rows of a new lead.

    ``outcome`` gives the result, from the id of the lead. It counts only where no lead has any of
    the keys in ``absent`` while ``claims`` are held; ``keys`` are those that the lead then has.
    """

    rows: fast.Rows
    outcome: Callable[[int], Result]
    claims: frozenset[bytes] = frozenset()
    absent: frozenset[bytes] = frozenset()
    keys: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """What became of a post, and the match keys that its lead then has."""

    result: Result
    keys: frozenset[bytes] = frozenset()


class Job(Generic[Result]):
    """One post for the store.

    ``work(connection, is_together)`` decides and writes; it may run several times, and what it
    raises of ``CLEAN`` it raises only while it has written nothing that stays. Together with others
    it waits for nobody, and where several can write at once the claims of ``ready`` are held.
    ``is_committed`` looks whether what it wrote is in the database. Where there is ``ready``,
    ``run_together`` writes that in place of ``work``, if it counts.
    """

    def __init__(
        self,
        work: Callable[[Connection, bool], Done[Result]],
        is_committed: Callable[[Connection], bool],
        ready: Ready[Result] | None = None,
    ) -> None:
        self.work = work
        self.is_committed = is_committed
        self.ready = ready
        self.lead_id: int | None = None
        # Not an Event, which is made of three of these and of Python: every post needs one.
        self._woken = threading.Lock()
        self._woken.acquire()
        self.is_done = False
        self.leads = False
        self.result: Result | None = None
        self.error: Exception | None = None

    @property
    def claims(self) -> frozenset[bytes]:
        """What must be claimed for ``ready`` to count."""
        return frozenset() if self.ready is None else self.ready.claims

    @property
    def absent(self) -> frozenset[bytes]:
        """The keys that no lead may have for ``ready`` to count."""
        return frozenset() if self.ready is None else self.ready.absent

    def wait(self) -> None:
        """Return when somebody wakes this job."""
        self._woken.acquire()

    def wake(self) -> None:
        """Let the thread that waits, or comes to wait, go on; once in the life of a job."""
        self._woken.release()

    def run(self, connection: Connection, *, is_together: bool = False) -> frozenset[bytes]:
        """Do the work, and return the keys of its lead; the post's own trouble stays with it."""
        self.result, self.error, self.lead_id = None, None, None
        try:
            done = self.work(connection, is_together)
        except CLEAN as error:
            self.error = error
            return frozenset()
        self.result = done.result
        return done.keys

    def has_made(self, lead_id: int) -> None:
        """Take note that the rows of ``ready`` are written, and the id that they got."""
        self.lead_id, self.error = lead_id, None

    def outcome(self) -> Result:
        """Return what the work returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        if self.ready is not None and self.lead_id is not None:
            return self.ready.outcome(self.lead_id)
        return cast(Result, self.result)


def run_together(connection: Connection, batch: Sequence[Job[Result]]) -> None:
    """Run the jobs one after another, but write the rows of new leads together.

    A post finds a lead among those that are stored or, by their keys, among those of the posts
    before it.
    """
    claims.take_soon(connection, {each for job in batch for each in job.claims})
    found = known(connection, {each for job in batch for each in job.absent})
    ready: list[Job[Result]] = []
    for job in batch:
        if job.ready is not None and found.isdisjoint(job.ready.absent):
            ready.append(job)
            found |= job.ready.keys
            continue
        # Who looks for a lead must find those of the posts before it.
        _write(connection, ready)
        ready = []
        found |= job.run(connection, is_together=True)
    _write(connection, ready)


def keep_ids(jobs: Sequence[Job[Result]], ids: Sequence[int]) -> None:
    """Give each job the id of the lead that its rows have made."""
    for job, lead_id in zip(jobs, ids, strict=True):
        job.has_made(lead_id)


def rows_of(jobs: Sequence[Job[Result]]) -> list[fast.Rows]:
    """Return the rows of the jobs that have some ready."""
    return [job.ready.rows for job in jobs if job.ready is not None]


def _write(connection: Connection, jobs: Sequence[Job[Result]]) -> None:
    """Write the rows that are ready."""
    if jobs:
        keep_ids(jobs, fast.write(connection, rows_of(jobs)))
