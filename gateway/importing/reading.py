"""The records of a file in batches, each read and decided as far as it goes without a transaction.

All this is done for one batch while the one before it is stored.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gateway.contract import System
from gateway.errors import PluginFault, Problem, Refused
from gateway.importing.lines import CannotImport
from gateway.importing.options import Options
from gateway.importing.preparing import Preparer
from gateway.importing.records import Record
from gateway.importing.runs import Run
from gateway.store.bulk import FAULT, decide_early
from gateway.store.bulk_drafts import Draft, draft_early
from gateway.store.bulk_leads import NewLead

log = logging.getLogger("gateway.import")

MOST_BYTES = 4 << 20
"""Bytes of one batch, whatever its number of lines: it is in memory, and posts wait for it."""

AT_ONCE = 250
"""Leads for which a step is done before the next one: of more the processor had forgotten the first
when the next step begins."""


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

        A step for some of them before the next step, which took a third longer lead by lead: so the
        processor has the code of the step and what it works on at hand.
        """
        self.preparer.forget()
        entries = [
            Entry(record, problems=() if record.problem is None else (record.problem,))
            for record in records
        ]
        for start in range(0, len(entries), AT_ONCE):
            some = entries[start : start + AT_ONCE]
            self._prepare([entry for entry in some if not entry.problems])
            if self.options.match is None:
                decide_early([entry.lead for entry in some if entry.lead is not None], self.system)
        if self.options.match is not None:
            return Batch(entries)
        leads = [entry.lead for entry in entries if entry.lead is not None]
        if self.options.dry_run:
            return Batch(entries)
        return Batch(entries, draft_early(leads, self.system.engine, request_id=self.run.run_id))

    def _prepare(self, entries: Sequence[Entry]) -> None:
        forms = self.preparer.forms([entry.record for entry in entries])
        for entry, form in zip(entries, forms, strict=True):
            try:
                entry.lead = self.preparer.lead(form)
            except Refused as refusal:
                entry.problems = refusal.problems
            except PluginFault:
                log.exception("line %d could not be read", entry.record.line)
                entry.problems = (FAULT,)
