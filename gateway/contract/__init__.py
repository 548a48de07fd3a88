"""The value objects that the six steps hand to each other; frozen, and without behaviour of weight.

Words used one way only: *form* is what was sent, as text; *changes* are typed values, only what was
sent; *lead* is what is stored; *call* and *reply* are ours, *request* and *response* are HTTP's.
"""

from gateway.contract.calls import (
    CONTROLS,
    CREDENTIALS,
    RESERVED,
    SECRETS,
    Answer,
    Call,
    Caller,
    Credentials,
    Done,
    FormValue,
    Parsed,
    Rejected,
    Reply,
    Upload,
)
from gateway.contract.words import (
    Alias,
    Command,
    CustomField,
    LeadEvent,
    MatchRule,
    System,
)

__all__ = [
    "CONTROLS",
    "CREDENTIALS",
    "RESERVED",
    "SECRETS",
    "Alias",
    "Answer",
    "Call",
    "Caller",
    "Command",
    "Credentials",
    "CustomField",
    "Done",
    "FormValue",
    "LeadEvent",
    "MatchRule",
    "Parsed",
    "Rejected",
    "Reply",
    "System",
    "Upload",
]
