"""A lead of a file as a post with ``match_update``: one transaction each, with its journal row.

Such posts must be decided one after another, and beside those that come over HTTP. The request id
is made of the import's and the line, so a line whose post is in the journal is not done again.
"""

from gateway import journal
from gateway.contract import Call, System
from gateway.database import look_up
from gateway.hooks import tell
from gateway.importing.records import Record
from gateway.importing.runs import Run
from gateway.journal.imported import METHOD, post_id
from gateway.store import CREATE, store
from gateway.store.bulk_leads import NewLead

__all__ = ["CREATE", "post", "tried"]


def post(lead: NewLead, record: Record, run: Run, system: System) -> str:
    """Store the lead, or find that it was stored; return what was done. Raises Refused."""
    call = _call(lead, record, post_id(run.run_id, record.line))
    if run.is_resumed:
        done = look_up(
            system.engine, lambda connection: journal.decision_of(connection, call.request_id)
        )
        if done is not None:
            return str(done[1]["action"])
    what = lead.post
    outcome = store(what.parsed, call, what.caller, system, kept=what.kept)
    if outcome.event is not None:
        tell(system.hooks, outcome.event)
    return outcome.action


def tried(lead: NewLead, record: Record, run: Run, system: System) -> str:
    """Return what ``post`` would do. Raises Refused."""
    what = lead.post
    call = _call(lead, record, run.run_id)
    return store(what.parsed, call, what.caller, system, kept=what.kept, dry_run=True).action


def _call(lead: NewLead, record: Record, request_id: str) -> Call:
    # The line stands in the file, which is kept by who imports it.
    return Call(
        request_id=request_id,
        received_at=lead.post.now,
        method=METHOD,
        path=f"line {record.line}",
        command="lead_set",
        form=record.form,
        body=None,
        body_size=len(record.raw),
    )
