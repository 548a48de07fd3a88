"""Step 5: apply a post to the store: one transaction for the lead, its rows and the journal's.

Files are put into the file store before the transaction, so that a row never names a missing one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from gateway import database, journal
from gateway.contract import Call, Caller, Parsed, Rejected, System, Upload
from gateway.errors import ExternalIdTaken, LeadNotFound
from gateway.store import writing
from gateway.store.planning import COLUMNS, Plan, Stored, plan
from gateway.store.references import NewPool, make_pool

CREATE, UPDATE = "create", "update"
"""What a post does to the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the store did, or on a dry run would do; ``lead_id`` is ``None`` for a lead not made."""

    action: str
    lead_id: int | None
    decision: Mapping[str, Any]


def store(
    parsed: Parsed,
    call: Call,
    caller: Caller,
    system: System,
    *,
    kept: Sequence[Rejected] = (),
    dry_run: bool = False,
) -> Outcome:
    """Insert or update the lead that ``parsed`` means, and write the journal's row with it.

    ``kept`` are the values that go into a note instead. With ``dry_run`` everything is decided and
    nothing is written or reserved. Raises LeadNotFound and ExternalIdTaken.
    """
    post = _Post(parsed, call, caller, system, tuple(kept), datetime.now(UTC))
    if dry_run:
        with database.reading(system.engine) as connection:
            return post.decide(connection)[-1]
    uploads = [(upload, system.files.put(upload.content)) for upload in parsed.uploads]
    body = journal.keep_body(call, system.files)
    return database.in_transaction(
        system.engine, lambda connection: post.write(connection, uploads=uploads, body=body)
    )


@dataclass(frozen=True, slots=True)
class _Post:
    """One post on its way into the store; both methods may run again after a conflict."""

    parsed: Parsed
    call: Call
    caller: Caller
    system: System
    kept: tuple[Rejected, ...]
    now: datetime

    def decide(self, connection: Connection) -> tuple[Stored | None, Plan, Outcome]:
        """Return the lead as stored, what the post makes of it, and how that is answered."""
        changes = self.parsed.changes
        found = _locate(connection, self.parsed)
        stored = None
        if found.lead_id is not None:
            with_tags = "tags" in changes or "tag_append" in changes
            stored = writing.read_lead(connection, found.lead_id, with_tags=with_tags)
            if stored is None:
                raise LeadNotFound("lead_id: there is no such lead to update", field="lead_id")
        if found.taken_by is not None:
            raise ExternalIdTaken(found.taken_by)
        planned = plan(
            self.parsed,
            stored,
            self.system.schema,
            kept=self.kept,
            new_external_id=found.new_external_id,
            now=self.now,
            zone=ZoneInfo(self.system.settings.GATEWAY_TIMEZONE),
        )
        action = CREATE if stored is None else UPDATE
        decision = {
            "action": action,
            "lead_id": found.lead_id,
            "found_by": found.by,
            "rule": None,
            "changes": list(planned.changed),
        }
        return stored, planned, Outcome(action=action, lead_id=found.lead_id, decision=decision)

    def write(
        self,
        connection: Connection,
        *,
        uploads: Sequence[tuple[Upload, str]],
        body: Mapping[str, Any],
    ) -> Outcome:
        """Decide, and write all of it in the transaction of ``connection``."""
        post = self._with_pool(connection)
        stored, planned, outcome = post.decide(connection)
        trace = dict(outcome.decision) | {"request_id": self.call.request_id}
        lead_id = outcome.lead_id
        if lead_id is None:
            defaults = {COLUMNS.get(name, name): v for name, v in self.caller.defaults.items()}
            lead_id = writing.insert_lead(
                connection, planned, defaults=defaults | {"match": trace}, now=self.now
            )
        else:
            self._update(connection, lead_id, planned, trace, touched=bool(uploads))
        self._write_rows(connection, lead_id, planned, uploads, new=stored is None)
        journal.record(
            connection,
            self.call,
            body,
            outcome=journal.ACCEPTED,
            caller=self.caller,
            lead_id=lead_id,
            problems=[rejected.problem for rejected in self.kept],
            unknown=self.parsed.unknown,
            decision=outcome.decision,
        )
        return replace(outcome, lead_id=lead_id)

    def _update(
        self,
        connection: Connection,
        lead_id: int,
        planned: Plan,
        trace: Mapping[str, Any],
        *,
        touched: bool,
    ) -> None:
        if planned.changed or touched:
            stamp = {"match": trace, "updated_at": self.now}
            writing.update_lead(connection, lead_id, {**planned.values, **stamp})

    def _with_pool(self, connection: Connection) -> "_Post":
        pool = self.parsed.changes.get("pool")
        if not isinstance(pool, NewPool):
            return self
        changes = dict(self.parsed.changes) | {"pool": make_pool(connection, pool, self.now)}
        return replace(self, parsed=replace(self.parsed, changes=changes))

    def _write_rows(
        self,
        connection: Connection,
        lead_id: int,
        planned: Plan,
        uploads: Sequence[tuple[Upload, str]],
        *,
        new: bool,
    ) -> None:
        stamp: dict[str, Any] = {"now": self.now, "request_id": self.call.request_id}
        if planned.new_external_id is not None:
            writing.add_external_id(connection, lead_id, planned.new_external_id)
        writing.append_notes(connection, lead_id, planned.notes, **stamp)
        if planned.tags is not None:
            writing.replace_tags(connection, lead_id, planned.tags, new=new)
        if planned.followup_at is not None:
            writing.add_followup(connection, lead_id, planned.followup_at, **stamp)
        writing.add_files(connection, lead_id, uploads, **stamp)


@dataclass(frozen=True, slots=True)
class _Found:
    """The lead that a post names, and by which field; ``None`` and ``None`` for a new one.

    ``new_external_id`` says that the sent external id finds no lead yet, ``taken_by`` which other
    lead it finds.
    """

    lead_id: int | None
    by: str | None
    new_external_id: bool
    taken_by: int | None = None


def _locate(connection: Connection, parsed: Parsed) -> _Found:
    lead_id, external_id = parsed.changes.get("lead_id"), parsed.changes.get("external_id")
    holder = None
    if external_id is not None:
        holder = writing.find_by_external_id(connection, external_id)
    if lead_id is not None:
        taken_by = holder if holder != lead_id else None
        return _Found(lead_id, "lead_id", external_id is not None and holder is None, taken_by)
    if parsed.mode == "update" and holder is None:
        raise LeadNotFound("external_id: there is no such lead to update", field="external_id")
    if parsed.mode == "insert" and holder is not None and "match_update" not in parsed.flags:
        return _Found(None, None, False, holder)
    by = None if holder is None else "external_id"
    return _Found(holder, by, external_id is not None and holder is None)
