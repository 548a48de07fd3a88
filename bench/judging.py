"""One round of a race, and every way in which its outcome is not that of posts in turn."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from bench.racing import Answer, Client, Fields
from bench.serial import (
    FAILED,
    TAKEN,
    Leads,
    TooManyOrders,
    expectation,
    has_order,
    kind,
    lead,
    outcome,
)
from bench.variants import Persons, Variant
from gateway.contract import System
from gateway.database import reading
from gateway.journal import ACCEPTED, REFUSED
from gateway.matching import keys_of
from gateway.models import Lead, LeadNote, LeadTag, MatchKey, Submission
from gateway.store.keys import values_of

_lead, _key, _note = Lead.__table__, MatchKey.__table__, LeadNote.__table__
_tag, _submission = LeadTag.__table__, Submission.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a round came to: how many leads it made, and every way in which it was wrong."""

    leads: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Round:
    """The posts of a round with their answers, and the person's leads before and after it."""

    sent: Sequence[Fields]
    answers: Sequence[Answer]
    before: Leads
    after: Leads


def run(variant: Variant, client: Client, system: System, *, number: int, posts: int) -> Result:
    """Let ``posts`` posts race and return what was wrong with the outcome.

    ``number`` tells the round's persons from those of all other rounds.
    """
    persons = Persons(number)

    def make(fields: Fields) -> int:
        made = client.send(fields)
        if not made.made_a_lead or made.lead_id is None:
            raise RuntimeError(f"no lead could be made before the race: {made}")
        return made.lead_id

    kinds = variant.posts(persons, make)
    sent = [
        kinds[n % len(kinds)] | {"note": f"note {n}", "tag_append": f"tag {n}"}
        for n in range(posts)
    ]
    before = _leads(system, persons)
    answers = client.send_at_once(sent)
    after = _leads(system, persons)
    ended = _Round(sent, answers, before, after)
    with reading(system.engine) as connection:
        faults = [
            *_refusals(ended, may_be_taken=variant.may_be_taken),
            *_order(connection, ended),
            *_journal(connection, ended),
            *_tags(connection, ended),
            *_keys(connection, system, ended),
        ]
    faults.extend(_tried_again(client, kinds, after))
    return Result(leads=len(after) - len(before), faults=tuple(faults))


def _leads(system: System, persons: Persons) -> Leads:
    with reading(system.engine) as connection:
        rows = connection.execute(select(_lead).where(_lead.c.full_name == persons.name))
        return frozenset((row["lead_id"], lead(row)) for row in rows.mappings())


def _refusals(ended: _Round, *, may_be_taken: bool) -> Iterator[str]:
    for answer in ended.answers:
        what = outcome(answer)[0]
        if what == FAILED or (what == TAKEN and not may_be_taken):
            yield f"refused: {answer.http_status} {answer.message}"


def _order(connection: Connection, ended: _Round) -> Iterator[str]:
    """Yield what no order explains; a lead's notes tell the order in which it took its posts."""
    told = {
        post["note"]: (kind(post), outcome(answer))
        for post, answer in zip(ended.sent, ended.answers, strict=True)
    }
    lead_ids = sorted(lead_id for lead_id, _ in ended.after)
    rows = connection.execute(
        select(_note.c.lead_id, _note.c.text)
        .where(_note.c.lead_id.in_(lead_ids))
        .order_by(_note.c.note_id)
    ).all()
    stored = Counter((lead_id, text) for lead_id, text in rows)
    wanted = _of_successes(ended, "note")
    if stored != wanted:
        yield f"notes: missing {dict(wanted - stored)}, too many {dict(stored - wanted)}"
        return
    histories = [[told[text] for holder, text in rows if holder == each] for each in lead_ids]
    try:
        if not has_order(ended.before, histories, ended.after):
            yield f"no order one after another explains {histories}, {ended.after}"
    except TooManyOrders:
        yield "no order one after another was found in time"
    for what, lead_id in told.values():
        if what == TAKEN and lead_id not in lead_ids:
            yield f"an external_id is taken by {lead_id}, which is not there"


def _of_successes(ended: _Round, name: str) -> Counter[tuple[int | None, str]]:
    """Return the values of ``name`` that must be on a lead, with that lead."""
    pairs = zip(ended.sent, ended.answers, strict=True)
    return Counter((answer.lead_id, post[name]) for post, answer in pairs if answer.is_success)


def _journal(connection: Connection, ended: _Round) -> Iterator[str]:
    columns = _submission.c.request_id, _submission.c.outcome, _submission.c.lead_id
    asked = [answer.request_id for answer in ended.answers]
    rows = connection.execute(select(*columns).where(_submission.c.request_id.in_(asked))).all()
    kept = {request_id: (outcome, lead_id) for request_id, outcome, lead_id in rows}
    for answer in ended.answers:
        expected = (ACCEPTED if answer.is_success else REFUSED), answer.lead_id
        if kept.get(answer.request_id) != expected:
            yield f"the journal has {kept.get(answer.request_id)} for {expected}"


def _tags(connection: Connection, ended: _Round) -> Iterator[str]:
    lead_ids = [lead_id for lead_id, _ in ended.after]
    rows = connection.execute(
        select(_tag.c.lead_id, _tag.c.label).where(_tag.c.lead_id.in_(lead_ids))
    )
    stored = Counter((lead_id, label) for lead_id, label in rows)
    wanted = _of_successes(ended, "tag_append")
    if stored != wanted:
        yield f"tags: missing {dict(wanted - stored)}, too many {dict(stored - wanted)}"


def _keys(connection: Connection, system: System, ended: _Round) -> Iterator[str]:
    for lead_id, _ in ended.after:
        row = connection.execute(select(_lead).where(_lead.c.lead_id == lead_id)).mappings().one()
        stored = connection.execute(select(_key.c.digest).where(_key.c.lead_id == lead_id))
        wanted = keys_of(values_of(row), system.match_rules.values())
        if set(stored.scalars()) != wanted.keys():
            yield f"lead {lead_id} has other keys than its values give"


def _tried_again(client: Client, kinds: Sequence[Fields], after: Leads) -> Iterator[str]:
    """Yield each kind of post that, tried dry now, does not find what it must find."""
    for each in {kind(post): post for post in kinds}.values():
        tried = outcome(client.send({**each, "dry_run": "1"}))
        expected = expectation(after, kind(each))
        if tried != expected:
            yield f"tried again, {each} is answered {tried}, not {expected}"
