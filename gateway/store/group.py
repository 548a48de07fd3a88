"""Group commit: posts that wait for the store share one transaction.

Most of what a durable post costs is its commit. The first post that comes leads: it begins a
transaction, takes those that have queued meanwhile, runs them one after another, commits once and
wakes them; whoever is first in the queue by then leads next. No extra thread, and a post that is
alone does not wait. Each still gets its own answer: a refusal is one post's own, and where the
database refuses the batch each of its posts is run again by itself.

A batch of ten costs little more than one of two. So the first post waits for those that are being
read in this process at that moment, a few milliseconds at most: whatever takes longer, a plugin
that asks another server, is not waited for again.

Where several can write at once, only those come here that wait for nobody: ``jobs`` says why.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic

from sqlalchemy import Connection, Engine

from gateway import database
from gateway.kept import Kept
from gateway.store import fast
from gateway.store.jobs import Job, Result, keep_ids, rows_of, run_together

log = logging.getLogger("gateway.store")

MOST_IN_A_BATCH = 16
"""Posts in one transaction; with more, the first of them would wait too long for the last."""

GATHER_SECONDS = 0.01
"""How long the first post waits for those that are on their way here."""


class Committed(Exception):
    """The post is in the database, and what its work returned is lost: the journal knows it."""


class Group(Generic[Result]):
    """The posts that wait for the store in this process.

    ``check`` gets the driver's connection before each batch: see ``Kept``.
    """

    def __init__(self, check: Callable[[Any], None]) -> None:
        self._lock = threading.Lock()
        self._queue: deque[Job[Result]] = deque()
        self._is_led = False
        self._coming: set[int] = set()
        self._door: threading.Lock | None = None
        # Only one post leads at a time.
        self._kept = Kept(check)
        self._kept_for_good = Kept(check, database.connect_for_good)

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
            if job.result is not None:
                return job.result
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
        if not database.has_one_writer(engine):
            # Here nobody comes who waits for others. Who meets somebody else in there is better off
            # alone than with all the others once more.
            self._take(batch)
            with self._kept_for_good.lend(engine) as connection:
                if any(job.wanted is not None for job in batch):
                    run_together(connection, batch, commit=True)
                else:
                    ids = fast.write(connection, rows_of(batch), soon=True, commit=True)
                    keep_ids(batch, ids)
            return

        def work(connection: Connection) -> None:
            # Not before the transaction has begun: others queue while this one waits for its turn.
            if not batch:
                self._take(batch)
            run_together(connection, batch, commit=False)

        _in_transaction(engine, batch, work, connect=self._kept.lend)

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

    def work(connection: Connection) -> None:
        job.run(connection)

    _in_transaction(engine, [job], work)
    return job.outcome()


def _in_transaction(
    engine: Engine,
    batch: Sequence[Job[Result]],
    work: Callable[[Connection], None],
    *,
    connect: Callable[[Engine], AbstractContextManager[Connection]] = Engine.connect,
) -> None:
    """Commit what ``work`` writes, which is what the jobs of ``batch`` write by then."""

    def is_committed(connection: Connection) -> bool:
        # All of it is there or nothing; a post that was refused has nothing to look for.
        written = next((job for job in batch if job.error is None), None)
        return written is None or written.is_committed(connection)

    database.in_transaction(engine, work, is_committed=is_committed, connect=connect)
