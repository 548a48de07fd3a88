"""Which stored lead a post means: by its ids, or by the match rules that it asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select

from gateway.contract import MatchRule, Parsed, System
from gateway.errors import LeadNotFound
from gateway.matching import Candidate, Match, ReadLeads, digest, find_match, still_matches
from gateway.models import LeadMerge
from gateway.store.keys import read_values, values_of
from gateway.store.lead_rows import Lock
from gateway.store.planning import Stored
from gateway.store.posts import Post
from gateway.store.writing import find_by_external_id, read_lead

EXTERNAL_ID = "external_id"

_merge = LeadMerge.__table__
_survivor = select(_merge.c.survivor_id).where(_merge.c.lead_id == bindparam("id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The lead that a post means and by what; ``lead_id`` is ``None`` for a new one.

    ``by`` is a field, or ``match`` with the rule in ``match``. ``new_external_id`` says that the
    sent external id finds no lead yet, ``taken_by`` which other lead it finds.
    """

    lead_id: int | None = None
    by: str | None = None
    match: Match = field(default_factory=Match)
    new_external_id: bool = False
    taken_by: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The one lead that a post may mean: read for it already, and locked.

    ``digests`` are the keys of the post that it has, ``holder`` the lead that the external id of
    the post finds. They are claimed, so nobody else has come by one since.
    """

    stored: Stored
    digests: tuple[bytes, ...]
    holder: int | None = None

    @property
    def candidate(self) -> Candidate:
        """The lead as matching looks at it."""
        return self.stored.row["lead_id"], list(self.digests)


NOBODY = Found()
"""No lead, and no id that could find one."""


def is_plain_insert(parsed: Parsed) -> bool:
    """Whether ``parsed`` names no lead: but for rules that it asks for, it makes a new one."""
    changes = parsed.changes
    return (
        parsed.mode == "insert"
        and changes.get("lead_id") is None
        and changes.get(EXTERNAL_ID) is None
    )


def chosen_rules(parsed: Parsed, system: System) -> list[MatchRule]:
    """Return the rules that the post asks for, or those of the setting where it names none.

    Without ``match_update``, or on an update, rules have no effect.
    """
    if parsed.mode != "insert" or "match_update" not in parsed.flags:
        return []
    asked = [rule for name, rule in system.match_rules.items() if name in parsed.flags]
    return asked or [system.match_rules[name] for name in system.settings.GATEWAY_DEFAULT_MATCH]


def find(
    post: Post,
    connection: Connection,
    rules: Sequence[MatchRule],
    *,
    lock: Lock,
    seen: Seen | None = None,
) -> tuple[Found, Stored | None]:
    """Return which lead the post means, and that lead as stored, locked as ``lock`` says.

    Raises LeadNotFound.
    """
    if not rules and is_plain_insert(post.parsed):
        return NOBODY, None
    gone = 0
    held: set[int] = set()
    while gone < 2:
        found, stored, is_confirmed = _look(post, connection, rules, lock=lock, seen=seen)
        if found.lead_id is None:
            return found, None
        if stored is None:
            # Merged away while we waited for its row: found again as its survivor.
            gone += 1
        elif (
            lock is Lock.NONE
            or is_confirmed
            or found.lead_id in held
            or _is_still_meant(found, stored, post, rules)
        ):
            return found, stored
        else:
            # Changed while we waited, say its zip, which is in no key. Nobody else changes it now,
            # so the next look sees what counts.
            held.add(found.lead_id)
    raise LeadNotFound("lead_id: there is no such lead to update", field="lead_id")


def _look(
    post: Post,
    connection: Connection,
    rules: Sequence[MatchRule],
    *,
    lock: Lock,
    seen: Seen | None,
) -> tuple[Found, Stored | None, bool]:
    """Return which lead the post means, that lead as stored, and whether it cannot change now.

    The last says that its rule has confirmed it as it is with its row locked. The keys by which it
    was found cannot leave it either: they are claimed, or the decision is thrown away.
    """
    leads = {} if seen is None else {seen.stored.row["lead_id"]: seen.stored}

    def read_one(lead_id: int) -> Stored | None:
        if lead_id not in leads:
            stored = read_lead(connection, lead_id, with_tags=post.has_tags, lock=lock)
            if stored is None:
                return None
            leads[lead_id] = stored
        return leads[lead_id]

    def read(lead_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        # A lone candidate, as nearly always, is nearly always the lead: locked at once, it need
        # not be read again. Of several most are let go, and others may be waiting to change them.
        if len(lead_ids) > 1:
            return read_values(connection, lead_ids)
        return {each: values_of(lead.row) for each in lead_ids if (lead := read_one(each))}

    found = _locate(connection, post, rules, read=read, seen=seen)
    if found.lead_id is None:
        return found, None, False
    is_confirmed = (
        found.lead_id in leads
        and found.match.rule is not None
        and post.system.match_rules[found.match.rule].confirm is not None
    )
    return found, read_one(found.lead_id), is_confirmed


def _is_still_meant(found: Found, stored: Stored, post: Post, rules: Sequence[MatchRule]) -> bool:
    if found.match.lead_id is None:
        return True
    return still_matches(found.match, post.sent, values_of(stored.row), rules)


def _locate(
    connection: Connection,
    post: Post,
    rules: Sequence[MatchRule],
    *,
    read: ReadLeads,
    seen: Seen | None,
) -> Found:
    """Return the lead that ``post`` means.

    ``read`` gives the stored leads that a rule must confirm. Raises LeadNotFound where an update
    names an external id that finds nothing.
    """
    parsed = post.parsed
    lead_id, external_id = parsed.changes.get("lead_id"), parsed.changes.get(EXTERNAL_ID)
    holder = None
    if external_id is not None:
        holder = find_by_external_id(connection, external_id) if seen is None else seen.holder
    is_new = external_id is not None and holder is None
    if lead_id is not None:
        if seen is None:
            # What was seen is there, and so was not merged away.
            lead_id = follow_merge(connection, lead_id)
        return Found(
            lead_id=lead_id,
            by="lead_id",
            new_external_id=is_new,
            taken_by=holder if holder != lead_id else None,
        )
    if parsed.mode == "update" and holder is None:
        raise LeadNotFound("external_id: there is no such lead to update", field=EXTERNAL_ID)
    if holder is not None:
        # The contract: with match_update the holder is the match, before any rule.
        if parsed.mode == "insert" and "match_update" not in parsed.flags:
            return Found(taken_by=holder)
        return Found(lead_id=holder, by=EXTERNAL_ID)
    if not rules:
        return Found(new_external_id=is_new)
    candidates = None if seen is None else [[seen.candidate]]
    match = find_match(
        connection,
        post.sent,
        rules,
        read=read,
        digests=post.keys_by(rules),
        candidates=candidates,
    )
    by = None if match.lead_id is None else "match"
    return Found(lead_id=match.lead_id, by=by, match=match, new_external_id=is_new)


def follow_merge(connection: Connection, lead_id: int) -> int:
    """Return the lead that ``lead_id`` was merged into, or ``lead_id`` itself."""
    survivor: int | None = connection.execute(_survivor, {"id": lead_id}).scalar_one_or_none()
    return lead_id if survivor is None else survivor


def external_id_digest(external_id: str) -> bytes:
    """Return the claim of an external id; it is one of the keys of a post."""
    return digest(EXTERNAL_ID, external_id)
