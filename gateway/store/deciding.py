"""What a post would do to the store, decided inside a transaction or on a dry run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from gateway.contract import Caller, MatchRule, Parsed, Rejected, System
from gateway.errors import ExternalIdTaken, LeadNotFound
from gateway.matching import keys_of, still_matches
from gateway.store import late, writing
from gateway.store.keys import values_of
from gateway.store.locating import Found, chosen_rules, external_id_digest, locate
from gateway.store.planning import COLUMNS, Plan, Stored, columns, plan
from gateway.store.survivorship import keep_spelling

CREATE, UPDATE = "create", "update"
"""What a post does to the store."""


@dataclass(frozen=True, slots=True)
class Post:
    """One post on its way into the store; ``late_at`` is when one came that is done later."""

    parsed: Parsed
    caller: Caller
    system: System
    kept: tuple[Rejected, ...]
    now: datetime
    late_at: datetime | None = None

    @property
    def at(self) -> datetime:
        """When what the post brings is dated: a late one keeps its original time."""
        return self.late_at or self.now

    @property
    def defaults(self) -> dict[str, Any]:
        """The caller's defaults, by column; for a new lead only, and where nothing was sent."""
        return {
            COLUMNS.get(name, name): value
            for name, value in self.caller.defaults.items()
            if name not in self.parsed.changes
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The lead as stored (``None``: a new one), what becomes of it, and the keys it then has.

    ``held_back`` are the fields that a late post must leave as they are. ``claims`` are the digests
    that must be held for this to be true still at the commit.
    """

    found: Found
    stored: Stored | None
    plan: Plan
    old_keys: Mapping[bytes, str]
    new_keys: Mapping[bytes, str]
    claims: frozenset[bytes]
    held_back: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        """``create`` or ``update``."""
        return CREATE if self.stored is None else UPDATE

    def trace(self) -> dict[str, Any]:
        """Return why, for the journal, the lead and a dry run: ready for JSON."""
        match = self.found.match
        held_back = {"held_back": list(self.held_back)} if self.held_back else {}
        return {
            "action": self.action,
            "lead_id": self.found.lead_id,
            "found_by": self.found.by,
            "rule": match.rule,
            "asked": list(match.asked),
            "present": list(match.present),
            "others": list(match.others),
            "changes": list(self.plan.changed),
            **held_back,
        }


def first_claims(post: Post) -> frozenset[bytes]:
    """Return the claims that can be known before anything is read: those of what was sent."""
    claims: set[bytes] = set()
    if chosen_rules(post.parsed, post.system):
        # By all rules: another post may look for this lead by one that this post does not ask for.
        # Keys that a default of the login adds are claimed when the decision asks for them.
        claims.update(keys_of(posted(post), post.system.match_rules.values()))
    if post.parsed.changes.get("external_id") is not None:
        claims.add(external_id_digest(post.parsed.changes["external_id"]))
    return frozenset(claims)


def decide(post: Post, connection: Connection, *, lock: bool = False) -> Decision:
    """Return what ``post`` does, with ``lock`` holding the lead until the transaction ends.

    Raises LeadNotFound and ExternalIdTaken.
    """
    parsed, system = post.parsed, post.system
    rules = chosen_rules(parsed, system)
    found, stored = _found(post, connection, rules, lock=lock)
    if found.taken_by is not None:
        raise ExternalIdTaken(found.taken_by)
    if stored is not None and found.match.lead_id is not None:
        changes = keep_spelling(parsed.changes, stored.row, system.settings.GATEWAY_REGION)
        parsed = replace(parsed, changes=changes)

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

    planned = planned_for(parsed)
    held_back: tuple[str, ...] = ()
    if stored is not None and post.late_at is not None and planned.changed:
        later = late.set_later(connection, stored, post.late_at)
        guarded = planned_for(late.without(parsed, later))
        held_back = tuple(
            name
            for name in planned.changed
            if name in later and (name in parsed.changes or name not in guarded.changed)
        )
        planned = guarded
    row = dict(stored.row) if stored else post.defaults
    old_keys, new_keys = {}, {}
    if planned.values:
        all_rules = system.match_rules.values()
        old_keys = keys_of(values_of(row), all_rules) if stored else {}
        new_keys = keys_of(values_of({**row, **planned.values}), all_rules)
    claims = set(found.match.digests)
    if rules or stored is not None:
        # Keys that stay need no claim: who finds the lead by one waits for the lock on its row.
        claims |= old_keys.keys() ^ new_keys.keys()
    return Decision(
        found=found,
        stored=stored,
        plan=planned,
        old_keys=old_keys,
        new_keys=new_keys,
        claims=frozenset(claims),
        held_back=held_back,
    )


def _found(
    post: Post, connection: Connection, rules: Sequence[MatchRule], *, lock: bool
) -> tuple[Found, Stored | None]:
    """Return which lead the post means, and that lead as stored."""
    changes = post.parsed.changes
    with_tags = "tags" in changes or "tag_append" in changes
    gone = 0
    held: set[int] = set()
    while gone < 2:
        found = locate(connection, post.parsed, posted(post), rules)
        if found.lead_id is None:
            return found, None
        stored = writing.read_lead(connection, found.lead_id, with_tags=with_tags, lock=lock)
        if stored is None:
            # Merged away while we waited for its row: found again as its survivor.
            gone += 1
        elif not lock or found.lead_id in held or _is_still_meant(found, stored, post, rules):
            return found, stored
        else:
            # Changed while we waited, say its zip, which is in no key. Nobody else changes it now,
            # so the next look sees what counts.
            held.add(found.lead_id)
    raise LeadNotFound("lead_id: there is no such lead to update", field="lead_id")


def _is_still_meant(found: Found, stored: Stored, post: Post, rules: Sequence[MatchRule]) -> bool:
    if found.match.lead_id is None:
        return True
    return still_matches(found.match, posted(post), values_of(stored.row), rules)


def posted(post: Post) -> dict[str, Any]:
    """Return what was sent as rules see it: the form in which the store would give it back."""
    return values_of(columns(post.parsed.changes, post.system.schema, {}))
