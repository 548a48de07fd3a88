"""Which stored lead a post means: by its ids, or by the match rules that it asks for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select

from gateway.contract import MatchRule, Parsed, System
from gateway.errors import LeadNotFound
from gateway.matching import Match, ReadLeads, digest, find_match
from gateway.models import LeadMerge
from gateway.store.writing import find_by_external_id

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


def locate(
    connection: Connection,
    parsed: Parsed,
    rules: Sequence[MatchRule],
    *,
    posted: Callable[[], Mapping[str, Any]],
    read: ReadLeads,
) -> Found:
    """Return the lead that ``parsed`` means.

    ``posted`` gives its values as ``rules`` see them, ``read`` the stored leads that a rule must
    confirm. Raises LeadNotFound where an update names an external id that finds nothing.
    """
    lead_id, external_id = parsed.changes.get("lead_id"), parsed.changes.get(EXTERNAL_ID)
    holder = None
    if external_id is not None:
        holder = find_by_external_id(connection, external_id)
    is_new = external_id is not None and holder is None
    if lead_id is not None:
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
    match = find_match(connection, posted(), rules, read=read)
    by = None if match.lead_id is None else "match"
    return Found(lead_id=match.lead_id, by=by, match=match, new_external_id=is_new)


def follow_merge(connection: Connection, lead_id: int) -> int:
    """Return the lead that ``lead_id`` was merged into, or ``lead_id`` itself."""
    survivor: int | None = connection.execute(_survivor, {"id": lead_id}).scalar_one_or_none()
    return lead_id if survivor is None else survivor


def external_id_digest(external_id: str) -> bytes:
    """Return the claim of an external id; it is one of the keys of a post."""
    return digest(EXTERNAL_ID, external_id)
