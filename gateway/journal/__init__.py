"""The journal: what reached us and what became of it, one row a post.

``recording`` writes the row, with its lead or alone; ``bodies`` keeps and reads the bytes;
``keys`` digests what a person can be found by; ``strangers`` bounds what unknown callers may fill;
``replacing`` lets one post stand for another; ``finding`` lists, ``callers`` sums up by caller,
``purging`` lets go what is old, ``reducing`` takes a person out of rows, ``balance`` says whether
nothing is lost.
"""

from gateway.journal.bodies import (
    Unreadable,
    is_erased,
    keep_body,
    keepable,
    read_body,
    read_query,
)
from gateway.journal.keys import search_keys, sent_keys
from gateway.journal.outcomes import (
    ACCEPTED,
    DRY_RUN,
    FAILED,
    OUTCOMES,
    QUARANTINED,
    REFUSED,
    SUPERSEDED,
    UNHANDLED,
)
from gateway.journal.recording import decision_of, is_recorded, record, retry_digest, retry_of
from gateway.journal.replacing import hold_original

__all__ = [
    "ACCEPTED",
    "DRY_RUN",
    "FAILED",
    "OUTCOMES",
    "QUARANTINED",
    "REFUSED",
    "SUPERSEDED",
    "UNHANDLED",
    "Unreadable",
    "decision_of",
    "hold_original",
    "is_erased",
    "is_recorded",
    "keep_body",
    "keepable",
    "read_body",
    "read_query",
    "record",
    "retry_digest",
    "retry_of",
    "search_keys",
    "sent_keys",
]
