"""What posts bring to a transaction, and how it runs several of them.

Where several transactions can write at once, one that has many posts in it waits for nobody: a
post that waits holds up those beside it, and what they hold holds up still others. There only those
come whose rows are ready, and those of which is known what they look for (``sight``): each finds
its lead mostly among those that were read for all at the start, or makes a new one where nobody is
there. Whose lead somebody else holds comes later, by itself. Where one needs more that somebody
holds, the transaction fails within ``database.TOGETHER_SECONDS``, and each post waits by itself.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection

from gateway import repeats
from gateway.errors import Refused
from gateway.store import claims, fast
from gateway.store.locating import Seen
from gateway.store.sight import Sight
from gateway.store.wanted import Wanted

Result = TypeVar("Result")

CLEAN = (Refused, repeats.Repeated, claims.Unclaimed)
"""What a post may raise while nothing of it is written yet, so that its neighbours can go on."""


@dataclass(frozen=True, slots=True)
class Ready(Generic[Result]):
    """What a post writes that makes a lead: its rows, and the match keys that the lead then has.

    ``outcome`` gives the result, from the id of the lead.
    """

    rows: fast.Rows
    outcome: Callable[[int], Result]
    keys: frozenset[bytes] = frozenset()


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
    nobody, and where several can write at once the claims of ``wanted`` are held.
    ``is_committed`` looks whether what it wrote is in the database. Where there is ``ready``,
    ``run_together`` writes that in place of ``work``. So it does with what ``make`` gives, if
    anything, where nobody is there who is wanted.
    """

    def __init__(
        self,
        work: Callable[[Connection, Beside | None], Done[Result]],
        is_committed: Callable[[Connection], bool],
        ready: Ready[Result] | None = None,
        *,
        wanted: Wanted | None = None,
        make: Callable[[], Ready[Result] | None] = lambda: None,
    ) -> None:
        self.work = work
        self.is_committed = is_committed
        self.ready = ready
        self.wanted = wanted
        self._make = make
        self.lead_id: int | None = None
        # Not an Event, which is made of three of these and of Python: every post needs one.
        self._woken = threading.Lock()
        self._woken.acquire()
        self.is_done = False
        self.leads = False
        self.result: Result | None = None
        self.error: Exception | None = None

    def wait(self) -> None:
        """Return when somebody wakes this job."""
        self._woken.acquire()

    def wake(self) -> None:
        """Let the thread that waits, or comes to wait, go on; once in the life of a job."""
        self._woken.release()

    def rows_in(self, sight: Sight) -> Ready[Result] | None:
        """Return what makes a new lead, where ``sight`` has nobody who is wanted."""
        if self.wanted is not None:
            self.ready = None
            if sight.has_nobody(self.wanted):
                # What it is refused for comes up again when the work decides.
                with suppress(*CLEAN):
                    self.ready = self._make()
        return self.ready

    def run(
        self, connection: Connection, beside: Callable[[], Beside | None] = lambda: None
    ) -> Done[Result] | None:
        """Do the work; the post's own trouble stays with it, and there is nothing done."""
        self.result, self.error, self.lead_id = None, None, None
        try:
            done = self.work(connection, beside())
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
    wanted = (job.wanted for job in batch if job.wanted is not None)
    sight, pending = Sight(connection, wanted), _Pending[Result](connection)
    for job in batch:
        ready = job.rows_in(sight)
        if ready is not None:
            pending.jobs.append(job)
            sight.touched_keys |= ready.keys
            continue
        rows = fast.MoreRows(connection, soon=True)
        done = job.run(connection, partial(_beside, job.wanted, rows, sight, pending))
        if done is not None:
            pending.rows.append(rows)
            sight.touched_keys |= done.keys
            sight.touched_leads.add(done.lead_id)
    pending.write(commit=commit)


def _beside(
    wanted: Wanted | None, rows: fast.MoreRows, sight: Sight, pending: "_Pending[Any]"
) -> Beside:
    """Return what a post gets beside others. Raises what ``Sight.of`` does."""
    seen = None if wanted is None else sight.of(wanted)
    if seen is None:
        # It looks by itself, and must find what those before it have made.
        pending.write()
    return Beside(rows, seen)


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
            ids = fast.write(connection, rows_of(jobs), soon=True, commit=is_all, begun=True)
            keep_ids(jobs, ids)
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
