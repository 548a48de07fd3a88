"""How long ``find_match`` takes by itself, in this process, on one connection."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from gateway.contract import MatchRule, System
from gateway.matching import find_match, keys_of
from gateway.store.keys import read_values

WARM_UP = 200

Person = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Microseconds of ``find_match``: ``p50`` and ``p99`` of the whole.

    ``database`` is the middle one of what is left of each without its normal forms and digests,
    which take the same however many leads there are.
    """

    p50: float
    p99: float
    database: float


def default_rules(system: System) -> list[MatchRule]:
    """Return the rules of a post that names none."""
    return [system.match_rules[name] for name in system.settings.GATEWAY_DEFAULT_MATCH]


def time_look_ups(
    connection: Connection, system: System, persons: Sequence[Person], *, found: bool
) -> Times:
    """Return the times of looking for each of ``persons``, all of whom are ``found`` or none.

    Some go before that do not count: statements are compiled and prepared once a connection.
    """
    rules = default_rules(system)

    def read(lead_ids: Sequence[int]) -> Mapping[int, Person]:
        return read_values(connection, lead_ids)

    def look(person: Person) -> None:
        match = find_match(connection, person, rules, read=read)
        if (match.lead_id is not None) != found:
            raise SystemExit(f"Person {person['full_name']} is found: {not found}.")

    for person in persons[:WARM_UP]:
        look(person)
    whole, database = [], []
    for person in persons[WARM_UP:]:
        alone = _nanoseconds(lambda: keys_of(person, rules))  # noqa: B023 called at once
        taken = _nanoseconds(lambda: look(person))  # noqa: B023
        whole.append(taken / 1000)
        database.append((taken - alone) / 1000)
    hundredths = statistics.quantiles(whole, n=100)
    return Times(p50=hundredths[49], p99=hundredths[98], database=statistics.median(database))


def _nanoseconds(function: Callable[[], object]) -> int:
    begun = time.perf_counter_ns()
    function()
    return time.perf_counter_ns() - begun
