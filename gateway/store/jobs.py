"""What posts bring to a transaction, and how it runs several of them.

Where several transactions can write at once, one that has many posts in it waits for nobody: a
post that waits holds up those beside it, and what they hold holds up still others. There only those
come whose rows are ready. Some have match rules, and their rows count if no lead has their keys;
the others find their lead in the same transaction, mostly among those that it has read for all at
its start. Where one needs what somebody else holds, the transaction fails within
``database.TOGETHER_SECONDS``, and each post waits by itself.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection

from gateway import repeats
from gateway.errors import Refused
from gateway.store import claims, fast, writing
from gateway.store.locating import Seen

Result = TypeVar("Result")

CLEAN = (Refused, repeats.Repeated, claims.Unclaimed)
"""What a post may raise while nothing of it is written yet, so that its neighbours can go on."""


@dataclass(frozen=True, slots=True)
class Ready(Generic[Result]):
    """What a post writes, where that is known before its transaction: the rows of a new lead.

    ``outcome`` gives the result, from the id of the lead. It counts only where no lead has any of
    the keys in ``absent`` while ``claims`` are held; ``keys`` are those that the lead then has.
    ``has_tags`` says that, of a lead that is there, the post needs the tags.
    """

    rows: fast.Rows
    outcome: Callable[[int], Result]
    claims: frozenset[bytes] = frozenset()
    absent: frozenset[bytes] = frozenset()
    keys: frozenset[bytes] = frozenset()
    has_tags: bool = False


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """What became of a post, and its lead, with all match keys that this had or has."""

    result: Result
    lead_id: int
    keys: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Beside:
    """What a post gets that does not run alone: ``rows`` take what it makes of a stored lead, and
    are written when those of its neighbours are; ``seen`` is the lead that was read for it."""

    rows: fast.MoreRows
    seen: Seen | None


class Job(Generic[Result]):
    """One post for the store.

    ``work(connection, beside)`` decides and writes; it may run several times, and what it raises of
    ``CLEAN`` it raises only while it has written nothing that stays. Beside others it waits for
    nobody, and where several can write at once the claims of ``ready`` are held.
    ``is_committed`` looks whether what it wrote is in the database. Where there is ``ready``,
    ``run_together`` writes that in place of ``work``, if it counts.
    """

    def __init__(
        self,
        work: Callable[[Connection, Beside | None], Done[Result]],
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

    def run(self, connection: Connection, beside: Beside | None = None) -> Done[Result] | None:
        """Do the work; the post's own trouble stays with it, and there is nothing done."""
        self.result, self.error, self.lead_id = None, None, None
        try:
            done = self.work(connection, beside)
        except CLEAN as error:
            self.error = error
            return None
        self.result = done.result
        return done

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


def run_together(connection: Connection, batch: Sequence[Job[Result]], *, commit: bool) -> None:
    """Run the jobs one after another, but read and write together what can be.

    A post finds a lead among those that are stored or, by their keys, among those of the posts
    before it. With ``commit`` the connection is one of ``database.connect_for_good``, on
    which the transaction begins with the first statement and ends with the last.
    """
    sight, pending = _Sight(connection, batch), _Pending[Result](connection)
    for job in batch:
        if job.ready is not None and sight.has_nobody(job):
            pending.jobs.append(job)
            sight.touched_keys |= job.ready.keys
            continue
        beside = Beside(fast.MoreRows(connection), sight.of(job))
        if beside.seen is None:
            # It looks by itself, and must find what those before it have made.
            pending.write()
        done = job.run(connection, beside)
        if done is not None:
            pending.rows.append(beside.rows)
            sight.touched_keys |= done.keys
            sight.touched_leads.add(done.lead_id)
    pending.write(commit=commit)


class _Sight:
    """What is read for a batch at its start, when its claims are held: who has the keys of its
    posts.

    It does not count where a post of the batch has touched the same keys or the same lead since.
    """

    def __init__(self, connection: Connection, batch: Sequence[Job[Any]]) -> None:
        claimed = {each for job in batch for each in job.claims}
        absent = {each for job in batch for each in job.absent}
        self._known = claims.begin_soon(connection, claimed, absent)
        self.touched_keys: set[bytes] = set()
        self.touched_leads: set[int] = set()
        alone: set[int] = set()
        with_tags: set[int] = set()
        for job in batch:
            ids = self._candidates(job)
            if len(ids) == 1:
                alone |= ids
                if job.ready is not None and job.ready.has_tags:
                    with_tags |= ids
        self._leads = writing.lock_leads(connection, alone, with_tags=with_tags)

    def has_nobody(self, job: Job[Any]) -> bool:
        """Whether no lead has any of the keys that none may have."""
        absent = job.absent
        return self._known.keys().isdisjoint(absent) and self.touched_keys.isdisjoint(absent)

    def of(self, job: Job[Any]) -> Seen | None:
        """Return the lead that has keys of the post, if there is just one and it is as it was."""
        if not self.touched_keys.isdisjoint(job.absent):
            return None
        ids = self._candidates(job)
        if len(ids) != 1 or not ids.isdisjoint(self.touched_leads):
            return None
        stored = self._leads.get(ids.pop())
        if stored is None:
            return None
        return Seen(stored, tuple(each for each in job.absent if each in self._known))

    def _candidates(self, job: Job[Any]) -> set[int]:
        return {lead_id for each in job.absent for lead_id in self._known.get(each, ())}


class _Pending(Generic[Result]):
    """What is decided and not yet written: new leads, and what becomes of others."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.jobs: list[Job[Result]] = []
        self.rows: list[fast.MoreRows] = []

    def write(self, *, commit: bool = False) -> None:
        """Write it, and with ``commit`` end the transaction."""
        connection, jobs, rows = self._connection, self.jobs, self.rows
        if jobs:
            is_all = commit and not rows
            keep_ids(jobs, fast.write(connection, rows_of(jobs), soon=True, commit=is_all))
        if rows or (commit and not jobs):
            fast.add(connection, rows, soon=True, commit=commit)
        self.jobs, self.rows = [], []


def keep_ids(jobs: Sequence[Job[Result]], ids: Sequence[int]) -> None:
    """Give each job the id of the lead that its rows have made."""
    for job, lead_id in zip(jobs, ids, strict=True):
        job.has_made(lead_id)


def rows_of(jobs: Sequence[Job[Result]]) -> list[fast.Rows]:
    """Return the rows of the jobs that have some ready."""
    return [job.ready.rows for job in jobs if job.ready is not None]
