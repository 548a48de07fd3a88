"""The oracle of the races: whether some order one after another explains what was answered.

It knows a lead as the few values by which rules find one, and the rules as the API page has them,
for values that are spelt alike; nothing of how the gateway does it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.racing import Answer, Fields

Lead = frozenset[tuple[str, str]]
"""The identifying values of one lead."""

Leads = frozenset[tuple[int, Lead]]
"""What is stored, as far as rules see it: leads by id."""

Outcome = tuple[str, int | None]
"""What a post was answered, without its request id: what became of it, and the lead's id."""

Kind = tuple[tuple[str, str], ...]
"""A post without what only tells it from its likes."""

Told = tuple[Kind, Outcome]
"""A post and what it was answered."""

IDENTITY = ("full_name", "phone", "cell", "address", "zip", "email", "external_id")
DEFAULT_RULES = ("match_name_and_address", "match_name_and_phone")
MOST_STEPS = 20_000

CREATED, UPDATED, TAKEN, FAILED = "created", "updated", "taken", "failed"

_RULES = {
    "match_name_and_address": ("full_name", ("address",)),
    "match_name_and_phone": ("full_name", ("phone", "cell")),
    "match_phone": (None, ("phone", "cell")),
    "match_email": (None, ("email",)),
}


class TooManyOrders(Exception):
    """The search was given up: neither an order was found nor shown that there is none."""


def kind(post: Fields) -> Kind:
    """Return ``post`` without its note and tag, which change nothing for others."""
    return tuple(sorted((k, v) for k, v in post.items() if k not in ("note", "tag_append")))


def outcome(answer: Answer) -> Outcome:
    """Return what ``answer`` says in the oracle's words."""
    if answer.made_a_lead:
        return CREATED, answer.lead_id
    if answer.is_success:
        return UPDATED, answer.lead_id
    is_taken = answer.http_status == 200 and answer.lead_id is not None
    return (TAKEN if is_taken else FAILED), answer.lead_id


def lead(values: Mapping[str, Any]) -> Lead:
    """Return the identifying values in ``values``, a post's or a stored row's."""
    return frozenset((name, values[name]) for name in IDENTITY if values.get(name))


def has_order(before: Leads, histories: Sequence[Sequence[Told]], after: Leads) -> bool:
    """Return whether the posts, one after another, can be answered so and leave ``after``.

    ``histories`` has a list for each lead: the posts that it took, in the order in which it took
    them. So what is searched is how the lists interleave. Raises TooManyOrders.
    """
    seen: set[tuple[int, ...]] = set()
    waiting = [(before, (0,) * len(histories))]
    while waiting:
        leads, places = waiting.pop()
        places = _past_idle(leads, histories, places)
        # The leads are what the posts so far have made of them, in whatever order across leads.
        if places in seen:
            continue
        seen.add(places)
        if len(seen) > MOST_STEPS:
            raise TooManyOrders
        heads = _heads(histories, places)
        if not heads and leads == after:
            return True
        for which, told in heads:
            moved = step(leads, *told)
            if moved is not None:
                waiting.append((moved, _with_next(places, which)))
    return False


def _past_idle(
    leads: Leads, histories: Sequence[Sequence[Told]], places: tuple[int, ...]
) -> tuple[int, ...]:
    """Return ``places`` after the posts that can come now and change nothing for others."""
    while True:
        idle = [n for n, told in _heads(histories, places) if step(leads, *told) == leads]
        if not idle:
            return places
        for which in idle:
            places = _with_next(places, which)


def _heads(histories: Sequence[Sequence[Told]], places: tuple[int, ...]) -> list[tuple[int, Told]]:
    """Return the next post of each list that has one, with the list's number."""
    pairs = enumerate(zip(histories, places, strict=True))
    return [(n, history[place]) for n, (history, place) in pairs if place < len(history)]


def _with_next(places: tuple[int, ...], which: int) -> tuple[int, ...]:
    return (*places[:which], places[which] + 1, *places[which + 1 :])


def step(leads: Leads, post: Kind, answered: Outcome) -> Leads | None:
    """Return ``leads`` after ``post``; ``None`` where ``answered`` is not what it then is told."""
    sent = dict(post)
    stored = dict(leads)
    expected, found = expectation(leads, post)
    if answered[0] != expected:
        return None
    if expected == CREATED:
        lead_id = answered[1]
        if lead_id is None or lead_id in stored:
            return None
        return leads | {(lead_id, lead(sent))}
    if answered[1] != found or found is None:
        return None
    if expected == TAKEN:
        return leads
    changed = frozenset((dict(stored[found]) | dict(lead(sent))).items())
    return (leads - {(found, stored[found])}) | {(found, changed)}


def expectation(leads: Leads, post: Kind) -> tuple[str, int | None]:
    """Return what ``post`` would be answered with ``leads`` stored, and of which lead."""
    sent = dict(post)
    stored = dict(leads)
    if sent["mode"] == "update":
        lead_id = int(sent["lead_id"])
        return (UPDATED, lead_id) if lead_id in stored else (FAILED, None)
    external_id = sent.get("external_id")
    holder = next(
        (each for each, old in leads if external_id and ("external_id", external_id) in old), None
    )
    if "match_update" not in sent:
        return (CREATED, None) if holder is None else (TAKEN, holder)
    if holder is not None:
        return UPDATED, holder
    rules = [name for name in _RULES if name in sent] or DEFAULT_RULES
    found = [
        lead_id for lead_id, old in leads if any(_takes(rule, sent, dict(old)) for rule in rules)
    ]
    return (UPDATED, min(found)) if found else (CREATED, None)


def _takes(rule: str, new: Mapping[str, str], old: Mapping[str, str]) -> bool:
    zips = {new.get("zip"), old.get("zip")} - {None}
    if rule == "match_name_and_address" and len(zips) > 1:
        return False
    return not set(_keys(rule, new)).isdisjoint(_keys(rule, old))


def _keys(rule: str, values: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    with_name, others = _RULES[rule]
    if with_name and not values.get(with_name):
        return
    for other in others:
        if values.get(other):
            yield (rule, values[with_name] if with_name else "", values[other])
