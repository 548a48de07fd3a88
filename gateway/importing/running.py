"""An import on its way: records in batches, each stored in one transaction with its position."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from gateway.contract import LeadEvent, System
from gateway.database import in_transaction, reading
from gateway.errors import Problem, Refused
from gateway.hooks import tell
from gateway.importing import matching, runs
from gateway.importing.errors_file import ErrorsFile
from gateway.importing.lines import CannotImport
from gateway.importing.options import Options
from gateway.importing.reading import Batch, Entry, Reader
from gateway.importing.records import Record
from gateway.importing.tuning import tuned
from gateway.journal import key_rows
from gateway.store.bulk import FAULT, insert_leads, settle
from gateway.store.bulk_drafts import Draft

log = logging.getLogger("gateway.import")


@dataclass(slots=True)
class Counts:
    """What an import did: leads made and updated, lines refused, values kept in notes instead."""

    created: int = 0
    updated: int = 0
    refused: int = 0
    kept: int = 0

    @property
    def lines(self) -> int:
        """How many leads the file had."""
        return self.created + self.updated + self.refused


@dataclass(slots=True)
class Import:
    """One import; ``on_progress`` is told after each batch."""

    system: System
    options: Options
    run: runs.Run
    errors: ErrorsFile
    reader: Reader
    on_progress: Callable[[Counts], None]
    through: int = 0
    counts: Counts = field(default_factory=Counts)

    def store_all(self, records: Iterable[Record]) -> None:
        """Store what follows the line at which the import goes on, batch by batch.

        A thread stores one batch, mostly waiting for the database, while the next is read.
        """
        with tuned(), ThreadPoolExecutor(1, "import") as writer:
            waiting: Future[None] | None = None
            try:
                for batch in self.reader.batches(records):
                    if waiting is not None:
                        waiting.result()
                        self.on_progress(self.counts)
                    waiting = writer.submit(self._flush, batch)
            finally:
                # Also where the file breaks off: that a batch could not be stored is said first.
                if waiting is not None:
                    waiting.result()
        self.on_progress(self.counts)

    def _flush(self, batch: Batch) -> None:
        if self.options.dry_run:
            self._try(batch.entries)
        elif self.options.match is not None:
            self._post(batch.entries)
            # Here may be no worker that does it.
            key_rows.settle(self.system.engine)
        else:
            self._store(batch.entries, batch.draft)

    def _store(self, batch: Sequence[Entry], draft: Draft | None = None) -> None:
        """Store the batch; where the database refuses it, its halves, so that one line is at fault.

        What stops the database altogether is raised.
        """
        mark, before, after = self.errors.mark(), self.through, batch[-1].record.last
        placed = [entry for entry in batch if entry.lead is not None]
        leads = [entry.lead for entry in placed if entry.lead is not None]

        def work(connection: Connection) -> tuple[Counts, list[LeadEvent]]:
            refused: Mapping[int, tuple[Problem, ...]] = {}
            told: list[LeadEvent] = []
            if leads:
                settled, told = insert_leads(
                    connection, leads, request_id=self.run.run_id, draft=draft
                )
                refused = settled.refused
            counts = self._report(batch, placed, refused, mark)
            runs.advance(
                connection, self.run.run_id, before=before, after=after, counts=asdict(counts)
            )
            return counts, told

        def is_committed(connection: Connection) -> bool:
            return runs.through_line(connection, self.run.run_id) >= after

        try:
            counts, told = in_transaction(self.system.engine, work, is_committed=is_committed)
        except DBAPIError as error:
            self.errors.rewind(mark)
            if error.connection_invalidated or isinstance(error, OperationalError):
                raise
            self._store_parts(batch, placed, error)
            return
        self._add(counts, after)
        for event in told:
            tell(self.system.hooks, event)

    def _store_parts(
        self, batch: Sequence[Entry], placed: Sequence[Entry], error: DBAPIError
    ) -> None:
        if not placed:
            raise error
        if len(placed) == 1:
            entry = placed[0]
            # Not the message itself: some engines put the values of the row into it.
            cause = (
                getattr(error.orig, "sqlstate", None) or (*getattr(error.orig, "args", ()), "")[0]
            )
            name = type(error.orig).__name__
            log.error("line %d: the database refuses it (%s %s)", entry.record.line, name, cause)
            entry.lead, entry.problems = None, (FAULT,)
            self._store(batch)
            return
        half = len(batch) // 2
        self._store(batch[:half])
        self._store(batch[half:])

    def _post(self, batch: Sequence[Entry]) -> None:
        """Store each lead of the batch as a post of its own, which finds the lead that it means."""
        mark, counts = self.errors.mark(), Counts()
        for entry in batch:
            if entry.lead is None:
                continue
            try:
                action = matching.post(entry.lead, entry.record, self.run, self.system)
            except Refused as refusal:
                entry.lead, entry.problems = None, refusal.problems
                continue
            except (OperationalError, CannotImport):
                raise
            except Exception as error:
                if isinstance(error, DBAPIError) and error.connection_invalidated:
                    raise
                log.exception("line %d could not be stored", entry.record.line)
                entry.lead, entry.problems = None, (FAULT,)
                continue
            counts.created += action == matching.CREATE
            counts.updated += action != matching.CREATE
        reported = self._report(batch, [entry for entry in batch if entry.lead], {}, mark)
        counts.refused, counts.kept = reported.refused, reported.kept
        before, after = self.through, batch[-1].record.last
        in_transaction(
            self.system.engine,
            lambda connection: runs.advance(
                connection, self.run.run_id, before=before, after=after, counts=asdict(counts)
            ),
            is_committed=lambda connection: runs.through_line(connection, self.run.run_id) >= after,
        )
        self._add(counts, after)

    def _try(self, batch: Sequence[Entry]) -> None:
        """Decide the batch and write nothing but the errors."""
        placed = [entry for entry in batch if entry.lead is not None]
        if self.options.match is None:
            with reading(self.system.engine) as connection:
                refused = settle(connection, [entry.lead for entry in placed if entry.lead]).refused
            self._add(self._report(batch, placed, refused, self.errors.mark()), 0)
            return
        actions = []
        for entry in placed:
            assert entry.lead is not None  # noqa: S101
            try:
                actions.append(matching.tried(entry.lead, entry.record, self.run, self.system))
            except Refused as refusal:
                entry.lead, entry.problems = None, refusal.problems
        placed = [entry for entry in placed if entry.lead is not None]
        counts = self._report(batch, placed, {}, self.errors.mark())
        created = sum(action == matching.CREATE for action in actions)
        self._add(replace(counts, created=created, updated=len(actions) - created), 0)

    def _report(
        self,
        batch: Sequence[Entry],
        placed: Sequence[Entry],
        refused: Mapping[int, tuple[Problem, ...]],
        mark: int,
    ) -> Counts:
        """Write the errors of the batch in the order of its lines; return what becomes of it."""
        late = {id(placed[at]): problems for at, problems in refused.items()}
        troubles = [
            (entry.record, problems)
            for entry in batch
            if (problems := entry.problems or late.get(id(entry), ()))
        ]
        self.errors.rewind(mark)
        if troubles:
            self.errors.write(troubles)
        return Counts(
            created=len(placed) - len(refused),
            refused=len(troubles),
            kept=sum(
                len(entry.lead.post.kept)
                for entry in placed
                if entry.lead is not None and id(entry) not in late
            ),
        )

    def _add(self, counts: Counts, through: int) -> None:
        self.through = through
        for name, value in asdict(counts).items():
            setattr(self.counts, name, getattr(self.counts, name) + value)
