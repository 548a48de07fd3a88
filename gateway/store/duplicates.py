"""Leads that are there several times, found by the keys that they share."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from gateway.contract import MatchRule, System
from gateway.database import reading
from gateway.models import MatchKey
from gateway.store.keys import read_values

PAGE = 200
"""Shared keys that are looked for together."""

MOST_TOGETHER = 100
"""Leads of one key that are compared with each other, lowest ids first."""

_key = MatchKey.__table__
# In the order of the primary key, so that no engine sorts or keeps more than a page.
_shared = (
    select(_key.c.digest, func.min(_key.c.rule).label("rule"), func.count().label("leads"))
    .where(_key.c.digest > bindparam("after"))
    .group_by(_key.c.digest)
    .having(func.count() > 1)
    .order_by(_key.c.digest)
    .limit(PAGE)
)
_holders = (
    select(_key.c.lead_id)
    .where(_key.c.digest == bindparam("key_digest"))
    .order_by(_key.c.lead_id)
    .limit(MOST_TOGETHER)
)
_in_common = (
    select(_key.c.digest)
    .where(_key.c.lead_id.in_(bindparam("ids", expanding=True)), _key.c.rule == bindparam("rule"))
    .group_by(_key.c.digest)
    .having(func.count() == bindparam("size"))
)
_counts = (
    select(_key.c.digest, func.count())
    .where(_key.c.digest.in_(bindparam("digests", expanding=True)))
    .group_by(_key.c.digest)
)


def find_duplicates(system: System, rule: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield groups of leads that ``rule`` (default: every rule) takes for one person.

    Each group has ``rule``, ``lead_ids`` (lowest first), ``sharing`` (how many leads have the key:
    of more than ``MOST_TOGETHER`` only the first are compared) and ``full_name`` of the first.
    Groups come in no order that means anything; never more than a page is held.
    """
    for digest, name, count in _shared_keys(system, rule):
        known = system.match_rules.get(name)
        if known is None:
            continue
        with reading(system.engine) as connection:
            groups = [
                members
                for members in _groups(connection, digest, known)
                # Those who share two keys are one group, told once.
                if not _is_told(connection, members, digest, name)
            ]
        for members in groups:
            yield {
                "rule": name,
                "lead_ids": [each["lead_id"] for each in members],
                "sharing": count,
                "full_name": _full_name(members[0]),
            }


def _shared_keys(system: System, rule: str | None) -> Iterator[tuple[bytes, str, int]]:
    statement: Select[Any] = _shared
    if rule is not None:
        statement = statement.where(_key.c.rule == rule)
    after = b""
    while True:
        with reading(system.engine) as connection:
            rows = connection.execute(statement, {"after": after}).all()
        for digest, name, count in rows:
            after = bytes(digest)
            yield after, name, count
        if len(rows) < PAGE:
            return


def _groups(
    connection: Connection, digest: bytes, rule: MatchRule
) -> list[list[Mapping[str, Any]]]:
    """Return the leads that share the key, put together as far as the rule confirms them."""
    lead_ids = connection.execute(_holders, {"key_digest": digest}).scalars().all()
    groups: list[list[Mapping[str, Any]]] = []
    for _, lead in sorted(read_values(connection, lead_ids).items()):
        for group in groups:
            if rule.confirm is None or all(rule.confirm(lead, each) for each in group):
                group.append(lead)
                break
        else:
            groups.append([lead])
    return [group for group in groups if len(group) > 1]


def _is_told(
    connection: Connection, members: Sequence[Mapping[str, Any]], digest: bytes, rule: str
) -> bool:
    """Whether another key of the rule has all of ``members`` too, and more leads or an equal lot.

    Of equal ones the first tells the group.
    """
    ids = [each["lead_id"] for each in members]
    shared = {"ids": ids, "rule": rule, "size": len(ids)}
    digests = connection.execute(_in_common, shared).scalars().all()
    if len(digests) < 2:
        return False
    counts = {
        bytes(each): count
        for each, count in connection.execute(_counts, {"digests": list(digests)})
        if count <= MOST_TOGETHER
    }
    return digest != min(counts, key=lambda each: (-counts[each], each), default=digest)


def _full_name(lead: Mapping[str, Any]) -> str | None:
    return lead["full_name"] or " ".join(filter(None, (lead["first_name"], lead["last_name"])))
