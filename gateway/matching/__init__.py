"""Step 4: the lead that a post belongs to.

``keys`` digests what a rule says, ``finding`` looks it up, ``known`` does for many posts at once,
``rules`` are those of every system.
"""

from gateway.matching.finding import (
    Candidate,
    Match,
    ReadLeads,
    find_match,
    no_match,
    still_matches,
)
from gateway.matching.keys import BadRule, add_keys_of, confirms, keys_of
from gateway.matching.known import by_digest, completed, known, look_ups
from gateway.normal import digest

__all__ = [
    "BadRule",
    "Candidate",
    "Match",
    "ReadLeads",
    "add_keys_of",
    "by_digest",
    "completed",
    "confirms",
    "digest",
    "find_match",
    "keys_of",
    "known",
    "look_ups",
    "no_match",
    "still_matches",
]
