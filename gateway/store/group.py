"""Group commit: posts that wait for the store share one transaction.

Most of what a durable post costs is its commit. The first post that comes leads: it begins a
transaction, takes those that have queued meanwhile, runs them one after another, commits once and
wakes them; whoever is first in the queue by then leads next. No extra thread, and a post that is
alone does not wait. Each still gets its own answer: a refusal is one post's own, and where the
database refuses the batch each of its posts is run again by itself.

A batch of ten costs little more than one of two. So the first post waits for those that are being
read in this process at that moment, a few milliseconds at most: whatever takes longer, a plugin
that asks another server, is not waited for again.

Where several can write at once, a post that waits for a row would hold up its whole batch: there
only those come here whose rows are ready. Some have match rules: their rows count if nobody has
their keys. What these wait for, a claim or the lead that one finds after all, the batch waits for
a second at most; then each post does by itself.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from sqlalchemy import Connection, Engine

from gateway import database, repeats
from gateway.errors import Refused
from gateway.matching import known
from gateway.store import claims, fast

log = logging.getLogger("gateway.store")

Result = TypeVar("Result")

MOST_IN_A_BATCH = 16
"""Posts in one transaction; with more, the first of them would wait too long for the last."""

GATHER_SECONDS = 0.01
"""How long the first post waits for those that are on their way here."""

CLEAN = (Refused, repeats.Repeated, claims.Unclaimed)
"""What a post may raise while nothing of it is written yet, so that its neighbours can go on."""


class Committed(Exception):
    """The post is in the database, and what its work returned is lost: the journal knows it."""


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


class Job(Generic[Result]):
    """One post for the store.

    ``work(connection, are_claimed)`` decides and writes; it may run several times, and what it
    raises of ``CLEAN`` it raises only while it has written nothing that stays. It is told whether
    its claims are held. ``is_committed`` looks whether what it wrote is in the database. Where
    there is ``ready``, a batch writes that in place of ``work``, if it counts.
    """

    def __init__(
        self,
        work: Callable[[Connection, bool], Result],
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

    def wait(self) -> None:
        """Return when somebody wakes this job."""
        self._woken.acquire()

    def wake(self) -> None:
        """Let the thread that waits, or comes to wait, go on; once in the life of a job."""
        self._woken.release()

    def run(self, connection: Connection, are_claimed: bool = False) -> None:
        """Do the work; what is this post's own trouble stays with it."""
        self.result, self.error, self.lead_id = None, None, None
        try:
            self.result = self.work(connection, are_claimed)
        except CLEAN as error:
            self.error = error

    def outcome(self) -> Result:
        """Return what the work returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        if self.ready is not None and self.lead_id is not None:
            return self.ready.outcome(self.lead_id)
        return cast(Result, self.result)


class Group(Generic[Result]):
    """The posts that wait for the store in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[Job[Result]] = deque()
        self._is_led = False
        self._coming: set[int] = set()
        self._door: threading.Lock | None = None

    def expect(self) -> None:
        """Take note that the post of this thread is on its way here; ``leave`` must follow."""
        self._coming.add(threading.get_ident())

    def leave(self) -> None:
        """Take note that the post of this thread does not come, or has been here."""
        if threading.get_ident() in self._coming:
            with self._lock:
                self._arrived()

    def run(self, engine: Engine, job: Job[Result]) -> Result:
        """Return what the work of ``job`` returns, committed. Raises Committed."""
        with self._lock:
            self._queue.append(job)
            self._arrived()
            job.leads, self._is_led = not self._is_led, True
        if not job.leads:
            job.wait()
        if job.leads:
            self._lead(engine)
        if job.is_done:
            return job.outcome()
        # The batch may be in the database though its COMMIT was not answered, and nobody could say.
        if database.look_up(engine, job.is_committed):
            raise Committed
        return alone(engine, job)

    def _arrived(self) -> None:
        """Open the door to the leader where this thread is the last that it waits for."""
        self._coming.discard(threading.get_ident())
        if self._door is not None and not self._coming:
            self._door.release()
            self._door = None

    def _gather(self) -> None:
        """Wait for the posts that are on their way."""
        with self._lock:
            if not self._coming or len(self._queue) >= MOST_IN_A_BATCH:
                return
            door = self._door = threading.Lock()
            door.acquire()
        if not door.acquire(timeout=GATHER_SECONDS):
            with self._lock:
                self._door = None
                self._coming.clear()

    def _lead(self, engine: Engine) -> None:
        batch: list[Job[Result]] = []
        try:
            self._gather()
            self._commit(engine, batch)
            for job in batch:
                job.is_done = True
        except Exception:
            # Whose fault it was shows when each runs alone; the others then lose nothing but time.
            log.info("a batch of %d posts could not be committed together", len(batch))
        finally:
            if not batch:
                # No transaction was to be had; then each finds that out for itself, and says it.
                self._take(batch)
            self._hand_over()
            for job in batch:
                if not job.leads:
                    job.wake()

    def _commit(self, engine: Engine, batch: list[Job[Result]]) -> None:
        """Take what waits into ``batch``, and commit what its jobs write."""
        if fast.writes_for_good(engine):
            # Here nobody comes whose rows are not ready.
            self._take(batch)
            if not any(_claims(job) for job in batch):
                _keep_ids(batch, fast.write_for_good(engine, _rows(batch)))
                return

        def work(connection: Connection) -> None:
            # Not before the transaction has begun: others queue while this one waits for its turn.
            if not batch:
                self._take(batch)
            _run(connection, batch)

        _in_transaction(engine, batch, work)

    def _take(self, batch: list[Job[Result]]) -> None:
        """Move the first of those that wait, the leader among them, into ``batch``."""
        with self._lock:
            most = min(MOST_IN_A_BATCH, len(self._queue))
            batch.extend(self._queue.popleft() for _ in range(most))

    def _hand_over(self) -> None:
        with self._lock:
            self._is_led = bool(self._queue)
            if self._queue:
                self._queue[0].leads = True
                self._queue[0].wake()


def alone(engine: Engine, job: Job[Result]) -> Result:
    """Return what the work of ``job`` returns, in a transaction of its own."""
    job.ready = None
    _in_transaction(engine, [job], job.run)
    return job.outcome()


def _in_transaction(
    engine: Engine, batch: Sequence[Job[Result]], work: Callable[[Connection], None]
) -> None:
    """Commit what ``work`` writes, which is what the jobs of ``batch`` write by then."""

    def is_committed(connection: Connection) -> bool:
        # All of it is there or nothing; a post that was refused has nothing to look for.
        written = next((job for job in batch if job.error is None), None)
        return written is None or written.is_committed(connection)

    database.in_transaction(engine, work, is_committed=is_committed)


def _run(connection: Connection, batch: Sequence[Job[Result]]) -> None:
    """Run the jobs one after another, but write the rows of new leads together.

    A post finds a lead among those that are stored or, by their keys, among those before it. What
    somebody holds for long must not keep all of them: each then waits for it by itself.
    """
    needed = {each for job in batch for each in _claims(job)}
    if needed:
        database.hurry(connection)
        claims.take(connection, needed)
    ready: list[Job[Result]] = []
    made: set[bytes] = set()
    stored: set[bytes] | None = None
    for place, job in enumerate(batch):
        if job.ready is not None:
            if stored is None:
                stored = _stored(connection, batch[place:])
            if job.ready.absent.isdisjoint(stored) and job.ready.absent.isdisjoint(made):
                made |= job.ready.keys
                ready.append(job)
                continue
        # Who looks for a lead must find those of the posts before it.
        _write(connection, ready)
        ready, stored = [], None
        job.run(connection, are_claimed=job.ready is not None)
    _write(connection, ready)


def _claims(job: Job[Result]) -> frozenset[bytes]:
    return frozenset() if job.ready is None else job.ready.claims


def _stored(connection: Connection, jobs: Sequence[Job[Result]]) -> set[bytes]:
    """Return which of the keys that no lead may have some lead has."""
    absent = {each for job in jobs if job.ready is not None for each in job.ready.absent}
    return known(connection, absent) if absent else set()


def _write(connection: Connection, jobs: list[Job[Result]]) -> None:
    """Write the rows that are ready."""
    if jobs:
        _keep_ids(jobs, fast.write(connection, _rows(jobs)))


def _keep_ids(jobs: list[Job[Result]], ids: Sequence[int]) -> None:
    for job, lead_id in zip(jobs, ids, strict=True):
        job.lead_id, job.error = lead_id, None


def _rows(jobs: list[Job[Result]]) -> list[fast.Rows]:
    return [job.ready.rows for job in jobs if job.ready is not None]
