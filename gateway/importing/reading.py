"""The records of a file in batches, each read and decided as far as it goes without a transaction.

All this is done for one batch while the one before it is stored.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.contract import System
from gateway.errors import PluginFault, Problem, Refused
from gateway.importing.lines import CannotImport
from gateway.importing.options import Options
from gateway.importing.preparing import Preparer
from gateway.importing.records import Record
from gateway.importing.runs import Run
from gateway.store.bulk import FAULT, early_steps
from gateway.store.bulk_drafts import Draft, draft_early
from gateway.store.bulk_leads import NewLead

log = logging.getLogger("gateway.import")

MOST_BYTES = 4 << 20
"""Bytes of one batch, whatever its number of lines: it is in memory, and posts wait for it."""


@dataclass(slots=True)
class Entry:
    """A record, and the lead of it or why there is none."""

    record: Record
    lead: NewLead | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that are stored together, and the rows of their leads where those are known."""

    entries: Sequence[Entry]
    draft: Draft | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what follows the line at which an import goes on."""

    system: System
    options: Options
    run: Run
    preparer: Preparer

    def batches(self, records: Iterable[Record]) -> Iterator[Batch]:
        """Yield ``records`` in batches; what was read of a file that breaks off comes first."""
        return map(self._batch, self._parts(records))

    def _parts(self, records: Iterable[Record]) -> Iterator[list[Record]]:
        part: list[Record] = []
        size = 0
        try:
            for record in records:
                if record.last <= self.run.through_line:
                    continue
                part.append(record)
                size += len(record.raw)
                if len(part) >= self.options.batch or size >= MOST_BYTES:
                    yield part
                    part, size = [], 0
        except CannotImport:
            # What was read before is stored, also of a file that cannot be read to its end.
            if part:
                yield part
            raise
        if part:
            yield part

    def _batch(self, records: Iterable[Record]) -> Batch:
        """Return the leads of ``records``, each decided as far as it can be now.

        Step by step and not lead by lead, which took a third longer: so the processor has the code
        of one step at hand.
        """
        self.preparer.forget()
        entries = [
            Entry(record, problems=() if record.problem is None else (record.problem,))
            for record in records
        ]
        _take_step(entries, self._prepare)
        if self.options.match is None:
            for step in early_steps(self.system):
                _take_step(entries, partial(_on_lead, step))
        if self.options.match is not None or self.options.dry_run:
            return Batch(entries)
        leads = [entry.lead for entry in entries if entry.lead is not None]
        return Batch(entries, draft_early(leads, self.system.engine, request_id=self.run.run_id))

    def _prepare(self, entry: Entry) -> None:
        entry.lead = self.preparer.lead(entry.record)


def _on_lead(step: Callable[[NewLead], None], entry: Entry) -> None:
    assert entry.lead is not None  # noqa: S101
    step(entry.lead)


def _take_step(entries: Iterable[Entry], step: Callable[[Entry], None]) -> None:
    for entry in entries:
        if entry.problems:
            continue
        try:
            step(entry)
        except Refused as refusal:
            entry.lead, entry.problems = None, refusal.problems
        except PluginFault:
            log.exception("line %d could not be read", entry.record.line)
            entry.lead, entry.problems = None, (FAULT,)
