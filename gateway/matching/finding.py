"""Step 4: the lead that a post belongs to, or none, and the trace of why."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, union_all

from gateway.contract import MatchRule
from gateway.matching.keys import keys_of
from gateway.models import MatchKey

log = logging.getLogger("gateway.matching")

PAGE = 20
"""Leads that are looked at together for one key."""

MOST_CANDIDATES = 1000
"""Leads that are looked at in all; ten thousand that share a key must not slow a post down."""

NAMED_CANDIDATES = 10
"""Leads beside the winner that a trace names."""

MOST_RANGES = 250
"""Keys of one look-up; SQLite joins at most 500 selects in a statement."""

Lead = Mapping[str, Any]
ReadLeads = Callable[[Sequence[int]], Mapping[int, Lead]]
"""Gives the values of stored leads by id; a lead that is gone is not among them."""

_key = MatchKey.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What matching found: the lead and the rule by which, or ``None``, and how it came to that.

    ``asked`` are the rules that applied, ``present`` those of them for which the post has all
    parts, ``others`` further leads that match, lowest id first.
    """

    lead_id: int | None = None
    rule: str | None = None
    asked: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    others: tuple[int, ...] = ()
    digests: frozenset[bytes] = field(default=frozenset(), repr=False)


def find_match(
    connection: Connection,
    new: Lead,
    rules: Sequence[MatchRule],
    *,
    read: ReadLeads,
) -> Match:
    """Return the lead with the lowest id that one of ``rules`` takes for ``new``.

    ``read`` gives the values of stored leads by id, for the rules whose equal keys are not enough.
    """
    by_name = {rule.name: rule for rule in rules}
    digests = keys_of(new, rules)
    asked = tuple(by_name)
    present = tuple(name for name in asked if name in digests.values())
    matches: list[tuple[int, str]] = []
    looked_at = 0
    for candidates in pages(connection, list(digests)):
        found = _confirmed(new, candidates, digests, by_name, read)
        matches.extend(found)
        looked_at += len(candidates)
        if matches:
            break
        if looked_at >= MOST_CANDIDATES:
            log.warning("no match among the first %d leads that share a key", looked_at)
            break
    lead_id, rule = matches[0] if matches else (None, None)
    return Match(
        lead_id=lead_id,
        rule=rule,
        asked=asked,
        present=present,
        others=tuple(other for other, _ in matches[1 : NAMED_CANDIDATES + 1]),
        digests=frozenset(digests),
    )


def still_matches(match: Match, new: Lead, old: Lead, rules: Sequence[MatchRule]) -> bool:
    """Return whether the rule of ``match`` takes its lead for ``new`` as that lead is now."""
    rule = next(each for each in rules if each.name == match.rule)
    if match.digests.isdisjoint(keys_of(old, [rule])):
        return False
    return rule.confirm is None or rule.confirm(new, old)


def pages(
    connection: Connection, digests: Sequence[bytes]
) -> Iterable[list[tuple[int, list[bytes]]]]:
    """Yield candidates with the digests that they share, page by page, lowest id first."""
    if not digests:
        return
    after = 0
    while True:
        rows = [
            row
            for start in range(0, len(digests), MOST_RANGES)
            for row in _page(connection, digests[start : start + MOST_RANGES], after)
        ]
        full = [
            max(lead_id for lead_id, found in rows if found == each)
            for each in digests
            if sum(found == each for _, found in rows) == PAGE
        ]
        # Beyond the end of a full page another lead of that digest may come first.
        horizon = min(full, default=None)
        shared: dict[int, list[bytes]] = {}
        for lead_id, found in rows:
            if horizon is None or lead_id <= horizon:
                shared.setdefault(lead_id, []).append(bytes(found))
        if shared:
            yield sorted(shared.items())
        if horizon is None:
            return
        after = horizon


def _page(connection: Connection, digests: Sequence[bytes], after: int) -> Sequence[Any]:
    values: dict[str, Any] = {f"digest_{n}": each for n, each in enumerate(digests)}
    return connection.execute(_look_up(len(digests)), values | {"after": after}).all()


def _confirmed(
    new: Lead,
    candidates: Sequence[tuple[int, list[bytes]]],
    digests: Mapping[bytes, str],
    rules: Mapping[str, MatchRule],
    read: ReadLeads,
) -> list[tuple[int, str]]:
    """Return the candidates that a rule takes, each with the first such rule."""
    doubtful = [
        lead_id
        for lead_id, shared in candidates
        if any(rules[digests[each]].confirm for each in shared)
    ]
    stored = read(doubtful) if doubtful else {}
    matches = []
    for lead_id, shared in candidates:
        names = {digests[each] for each in shared}
        for name, rule in rules.items():
            if name not in names:
                continue
            old = stored.get(lead_id)
            if rule.confirm is None or (old is not None and rule.confirm(new, old)):
                matches.append((lead_id, name))
                break
    return matches


@lru_cache(maxsize=64)
def _look_up(count: int) -> Select[Any]:
    """Return the statement for ``count`` digests: a range of the primary key for each.

    One range each and not ``IN``: PostgreSQL would walk a whole index by lead id for the latter.
    """
    ranges = [
        select(_key.c.lead_id, _key.c.digest)
        .where(_key.c.digest == bindparam(f"digest_{n}"), _key.c.lead_id > bindparam("after"))
        .order_by(_key.c.lead_id)
        .limit(PAGE)
        .subquery()
        for n in range(count)
    ]
    return select(union_all(*(select(each) for each in ranges)).subquery())
