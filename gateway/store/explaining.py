"""Why a post would do what it does: its decision with the candidates and values, to read."""

from itertools import chain, islice
from typing import Any

from sqlalchemy import Connection

from gateway.database import reading
from gateway.matching import confirms, keys_of
from gateway.matching.finding import pages
from gateway.store.deciding import Decision, decide
from gateway.store.history import changes_of
from gateway.store.keys import read_values
from gateway.store.planning import Stored
from gateway.store.posts import Post
from gateway.store.reading import shown
from gateway.store.references import NewPool

CANDIDATES = 100
"""Candidates that are told, lowest ids first; the one that wins in any case."""

WINS, MATCHES, REJECTED = "wins", "matches", "rejected"
"""What becomes of a candidate; one is rejected whose keys are equal and whom no rule confirms."""


def explain(post: Post) -> dict[str, Any]:
    """Return the trace of ``post``, ready for JSON; nothing is written.

    Beside what the journal keeps of a decision: ``missing`` (rules asked of which the post lacks a
    part), ``candidates`` (the leads that share a key with it) and ``fields`` (what would change,
    old and new, sensitive values masked). Raises LeadNotFound and ExternalIdTaken.
    """
    with reading(post.system.engine) as connection:
        decision = decide(post, connection)
        trace = decision.trace()
        return trace | {
            "missing": [name for name in trace["asked"] if name not in trace["present"]],
            "candidates": _candidates(post, decision, connection),
            "fields": _fields(post, decision, connection),
        }


def _candidates(post: Post, decision: Decision, connection: Connection) -> list[dict[str, Any]]:
    match, new = decision.found.match, post.sent
    rules = [post.system.match_rules[name] for name in match.asked]
    names = keys_of(new, rules)
    found = list(islice(chain.from_iterable(pages(connection, sorted(names))), CANDIDATES))
    stored = read_values(connection, [lead_id for lead_id, _ in found])
    told = []
    for lead_id, digests in found:
        old = stored.get(lead_id)
        by = [rule for rule in rules if rule.name in {names[each] for each in digests}]
        verdict = MATCHES if any(confirms(rule, new, old) for rule in by) else REJECTED
        if lead_id == match.lead_id:
            verdict = WINS
        told.append({"lead_id": lead_id, "rules": [rule.name for rule in by], "verdict": verdict})
    if match.lead_id is not None and match.lead_id not in {each["lead_id"] for each in told}:
        # Behind those that are told, of which then none matches.
        told.append({"lead_id": match.lead_id, "rules": [match.rule], "verdict": WINS})
    return told


def _fields(post: Post, decision: Decision, connection: Connection) -> list[dict[str, Any]]:
    def text(name: str, value: Any) -> Any:
        if isinstance(value, NewPool):
            return value.label
        return shown(connection, post.system.schema, name, value)

    return [
        {"field": each.field, "old": text(each.field, each.old), "new": text(each.field, each.new)}
        for each in changes_of(decision.plan, decision.stored or Stored())
    ]
