"""Step 4: the lead that a post belongs to, or none, and the trace of why."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, union_all

from gateway.contract import MatchRule
from gateway.matching.keys import confirms, keys_of
from gateway.models import MatchKey

log = logging.getLogger("gateway.matching")

PAGE = 20
"""Leads that are looked at together for one key."""

MOST_CANDIDATES = 1000
"""Leads that are looked at, lowest ids first, and beside them the newest page of each key: ten
thousand that share a key must not slow a post down, and an equal post must find what the one before
it has made."""

NAMED_CANDIDATES = 10
"""Leads beside the winner that a trace names."""

MOST_RANGES = 250
"""Keys of one look-up; SQLite joins at most 500 selects in a statement."""

Lead = Mapping[str, Any]
ReadLeads = Callable[[Sequence[int]], Mapping[int, Lead]]
"""Gives the values of stored leads by id; a lead that is gone is not among them."""

Candidate = tuple[int, list[bytes]]
"""A lead, and the digests that it shares with the post."""

_key = MatchKey.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What matching found: the lead and the rule by which, or ``None``, and how it came to that.

    ``asked`` are the rules that applied, ``present`` those of them for which the post has all
    parts, ``others`` further leads that match, lowest id first. ``cut_off`` says that too many
    leads share a key: of those between the oldest and the newest none was looked at.
    """

    lead_id: int | None = None
    rule: str | None = None
    asked: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    others: tuple[int, ...] = ()
    cut_off: bool = False
    digests: frozenset[bytes] = field(default=frozenset(), repr=False)


def find_match(
    connection: Connection,
    new: Lead,
    rules: Sequence[MatchRule],
    *,
    read: ReadLeads,
    digests: Mapping[bytes, str] | None = None,
    candidates: Iterable[list[Candidate]] | None = None,
) -> Match:
    """Return the lead with the lowest id that one of ``rules`` takes for ``new``.

    ``read`` gives the values of stored leads by id, for the rules whose equal keys are not enough.
    ``digests`` are the keys of ``new``, and ``candidates`` all leads that have some of them, where
    these are known already.
    """
    by_name = {rule.name: rule for rule in rules}
    if digests is None:
        digests = keys_of(new, rules)
    matches: list[tuple[int, str]] = []
    looked_at, last, cut_off = 0, 0, False
    for page in pages(connection, list(digests)) if candidates is None else candidates:
        if looked_at >= MOST_CANDIDATES:
            cut_off = True
            log.warning("no match among the first %d leads that share a key", looked_at)
            newest = _newest(connection, list(digests), after=last)
            matches = _confirmed(new, newest, digests, by_name, read)
            break
        matches = _confirmed(new, page, digests, by_name, read)
        if matches:
            break
        looked_at, last = looked_at + len(page), page[-1][0]
    if not matches:
        return _matched(digests, rules, cut_off=cut_off)
    (lead_id, name), *others = matches
    return _matched(
        digests,
        rules,
        cut_off=cut_off,
        lead_id=lead_id,
        rule=name,
        others=tuple(other for other, _ in others[:NAMED_CANDIDATES]),
    )


def no_match(digests: Mapping[bytes, str], rules: Sequence[MatchRule]) -> Match:
    """Return what ``find_match`` does where no lead has any of ``digests``."""
    return _matched(digests, rules)


def _matched(
    digests: Mapping[bytes, str], rules: Sequence[MatchRule], *, cut_off: bool = False, **found: Any
) -> Match:
    asked = tuple(dict.fromkeys(rule.name for rule in rules))
    names = set(digests.values())
    return Match(
        asked=asked,
        present=tuple(name for name in asked if name in names),
        cut_off=cut_off,
        digests=frozenset(digests),
        **found,
    )


def still_matches(match: Match, new: Lead, old: Lead, rules: Sequence[MatchRule]) -> bool:
    """Return whether the rule of ``match`` takes its lead for ``new`` as that lead is now."""
    rule = next(each for each in rules if each.name == match.rule)
    if match.digests.isdisjoint(keys_of(old, [rule])):
        return False
    return confirms(rule, new, old)


def pages(connection: Connection, digests: Sequence[bytes]) -> Iterable[list[Candidate]]:
    """Yield candidates with the digests that they share, page by page, lowest id first."""
    if not digests:
        return
    after = 0
    while True:
        rows = page(connection, digests, after)
        full = [
            max(lead_id for lead_id, found in rows if found == each)
            for each in digests
            if sum(found == each for _, found in rows) == PAGE
        ]
        # Beyond the end of a full page another lead of that digest may come first.
        horizon = min(full, default=None)
        near = [row for row in rows if horizon is None or row[0] <= horizon]
        if near:
            yield _by_lead(near)
        if horizon is None:
            return
        after = horizon


def _newest(connection: Connection, digests: Sequence[bytes], *, after: int) -> list[Candidate]:
    """Return the newest candidates of each of ``digests``, lowest id first."""
    return _by_lead(page(connection, digests, after, newest=True))


def _by_lead(rows: Iterable[tuple[int, bytes]]) -> list[Candidate]:
    shared: dict[int, list[bytes]] = {}
    for lead_id, digest in rows:
        shared.setdefault(lead_id, []).append(bytes(digest))
    return sorted(shared.items())


def page(
    connection: Connection, digests: Sequence[bytes], after: int, *, newest: bool = False
) -> list[Any]:
    """Return lead and digest of the first leads after ``after`` that have each of ``digests``, or
    with ``newest`` of the last ones; ``PAGE`` at most of each digest."""
    rows: list[Any] = []
    for start in range(0, len(digests), MOST_RANGES):
        some = digests[start : start + MOST_RANGES]
        values: dict[str, Any] = {f"digest_{n}": each for n, each in enumerate(some)}
        statement = _look_up(len(some), newest=newest)
        rows += connection.execute(statement, values | {"after": after}).all()
    return rows


def _confirmed(
    new: Lead,
    candidates: Sequence[Candidate],
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
            if confirms(rule, new, stored.get(lead_id)):
                matches.append((lead_id, name))
                break
    return matches


@lru_cache(maxsize=64)
def _look_up(count: int, *, newest: bool) -> Select[Any]:
    """Return the statement for ``count`` digests: a range of the primary key for each.

    It gives the first page of each range, or with ``newest`` the last one.

    One range each and not ``IN``: PostgreSQL would walk a whole index by lead id for the latter.
    """
    ranges = [
        select(_key.c.lead_id, _key.c.digest)
        .where(_key.c.digest == bindparam(f"digest_{n}"), _key.c.lead_id > bindparam("after"))
        .order_by(_key.c.lead_id.desc() if newest else _key.c.lead_id)
        .limit(PAGE)
        .subquery()
        for n in range(count)
    ]
    return select(union_all(*(select(each) for each in ranges)).subquery())
