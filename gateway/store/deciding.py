"""What a post would do to the store, decided inside a transaction or on a dry run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from gateway.contract import MatchRule, Parsed
from gateway.errors import ExternalIdTaken
from gateway.matching import keys_of, no_match
from gateway.matching.rules import touched
from gateway.store import late
from gateway.store.asking import ask_plugins
from gateway.store.keys import values_of
from gateway.store.lead_rows import Lock
from gateway.store.locating import (
    NOBODY,
    Found,
    Seen,
    chosen_rules,
    external_id_digest,
    find,
    is_plain_insert,
)
from gateway.store.planning import Plan, Stored, plan
from gateway.store.posts import Post
from gateway.store.survivorship import keep_spelling, with_whole_address

CREATE, UPDATE = "create", "update"
"""What a post does to the store."""


class Decision(NamedTuple):
    """The lead as stored (``None``: a new one), what becomes of it, and what keys it had and has:
    of one that is there by those rules alone that a change may touch.

    ``changes`` are those of the post that count, as the plugins left them; ``held_back`` are the
    fields that a late post must leave as they are. ``claims`` are the digests that must be held for
    this to be true still at the commit.
    """

    found: Found
    stored: Stored | None
    changes: Mapping[str, Any]
    plan: Plan
    old_keys: Mapping[bytes, str]
    new_keys: Mapping[bytes, str]
    claims: frozenset[bytes]
    held_back: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        """``create`` or ``update``."""
        return CREATE if self.stored is None else UPDATE

    @property
    def touched(self) -> frozenset[bytes]:
        """All by which the lead was found or will be: its keys, and an external id that is new."""
        keys = frozenset(self.old_keys.keys() | self.new_keys)
        added = self.plan.new_external_id
        return keys if added is None else keys | {external_id_digest(added)}

    def trace(self) -> dict[str, Any]:
        """Return why, for the journal, the lead and a dry run: ready for JSON."""
        match = self.found.match
        why = {
            "action": self.action,
            "lead_id": self.found.lead_id,
            "found_by": self.found.by,
            "rule": match.rule,
            "asked": list(match.asked),
            "present": list(match.present),
            "others": list(match.others),
            "changes": list(self.plan.changed),
        }
        if match.cut_off:
            why["cut_off"] = True
        if self.held_back:
            why["held_back"] = list(self.held_back)
        return why


def first_claims(post: Post) -> frozenset[bytes]:
    """Return the claims that can be known before anything is read: those of what was sent."""
    claims: set[bytes] = set()
    if chosen_rules(post.parsed, post.system):
        # By all rules: another post may look for this lead by one that this post does not ask for.
        # Keys that a default of the login adds are claimed when the decision asks for them.
        claims.update(post.keys)
    if post.parsed.changes.get("external_id") is not None:
        claims.add(external_id_digest(post.parsed.changes["external_id"]))
    return frozenset(claims)


def decide(
    post: Post, connection: Connection, *, lock: Lock = Lock.NONE, seen: Seen | None = None
) -> Decision:
    """Return what ``post`` does, with the lead locked as ``lock`` says.

    ``seen`` is what was read for it already. Raises LeadNotFound and ExternalIdTaken, and what
    plugins refuse.
    """
    rules = chosen_rules(post.parsed, post.system)
    found, stored = find(post, connection, rules, lock=lock, seen=seen)
    if found.taken_by is not None:
        raise ExternalIdTaken(found.taken_by)
    return _decision(post, found, stored, rules, connection)


def decide_new(
    post: Post,
    found: Found,
    connection: Connection,
    *,
    keys: Mapping[bytes, str] | None = None,
) -> Decision:
    """Return what the plain insert ``post`` does whose external id was looked up already.

    ``keys`` are those that the lead then has, where the caller makes them. Raises ExternalIdTaken,
    and what plugins refuse.
    """
    if found.taken_by is not None:
        raise ExternalIdTaken(found.taken_by)
    return _decision(post, found, None, (), connection, new_keys=keys)


def decide_unmatched(post: Post, connection: Connection) -> Decision:
    """Return what ``decide`` does with an insert whose external id and rules find no lead."""
    rules = chosen_rules(post.parsed, post.system)
    found = NOBODY
    if rules or not is_plain_insert(post.parsed):
        match = no_match(post.keys_by(rules), rules) if rules else NOBODY.match
        is_new = post.parsed.changes.get("external_id") is not None
        found = Found(match=match, new_external_id=is_new)
    return _decision(post, found, None, rules, connection)


def _decision(
    post: Post,
    found: Found,
    stored: Stored | None,
    rules: Sequence[MatchRule],
    connection: Connection,
    *,
    new_keys: Mapping[bytes, str] | None = None,
) -> Decision:
    parsed, system = post.parsed, post.system
    changes = _settled(post, found, stored, connection)

    def planned_for(parsed: Parsed) -> Plan:
        return plan(
            parsed,
            stored,
            system.schema,
            kept=post.kept,
            new_external_id=found.new_external_id,
            now=post.at,
            zone=ZoneInfo(system.settings.GATEWAY_TIMEZONE),
        )

    if changes is not parsed.changes:
        parsed = replace(parsed, changes=changes)
    planned = planned_for(parsed)
    held_back: tuple[str, ...] = ()
    if stored is not None and post.late_at is not None and planned.changed:
        later = late.set_later(connection, stored, post.late_at)
        parsed = late.without(parsed, later)
        guarded = planned_for(parsed)
        held_back = tuple(
            name
            for name in planned.changed
            if name in later and (name in changes or name not in guarded.changed)
        )
        planned = guarded
    old_keys: Mapping[bytes, str] = {}
    if new_keys is None:
        old_keys, new_keys = _keys(post, stored, planned)
    claims = found.match.digests
    if rules or stored is not None:
        # Keys that stay need no claim: who finds the lead by one waits for the lock on its row.
        claims |= old_keys.keys() ^ new_keys.keys()
    return Decision(
        found=found,
        stored=stored,
        changes=parsed.changes,
        plan=planned,
        old_keys=old_keys,
        new_keys=new_keys,
        claims=claims,
        held_back=held_back,
    )


def _keys(
    post: Post, stored: Stored | None, planned: Plan
) -> tuple[Mapping[bytes, str], Mapping[bytes, str]]:
    """Return the keys of the lead before and after, by the rules that the change can touch."""
    if not planned.values:
        return {}, {}
    if stored is None:
        return {}, post.keys_of(values_of(post.with_defaults(planned.values)))
    rules = touched(post.system.match_rules, planned.changed)
    if not rules:
        return {}, {}
    before, after = stored.row, {**stored.row, **planned.values}
    return keys_of(values_of(before), rules), keys_of(values_of(after), rules)


def _settled(
    post: Post, found: Found, stored: Stored | None, connection: Connection
) -> Mapping[str, Any]:
    """Return the changes of ``post`` that count: without mere spellings, as plugins leave them."""
    if post.settled is not None:
        return post.settled
    changes, system = post.parsed.changes, post.system
    if stored is not None and post.parsed.mode == "insert":
        changes = with_whole_address(changes, stored.row)
        if found.match.lead_id is not None:
            changes = keep_spelling(changes, stored.row, system.settings.GATEWAY_REGION)
    elif stored is None and post.parsed.defaults:
        changes = {**post.parsed.defaults, **changes}
    if not system.hooks.before_store:
        return changes
    lead = None if stored is None else values_of(stored.row)
    return ask_plugins(changes, lead, post.caller, system, connection=connection)
