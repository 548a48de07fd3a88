"""The Lead Gateway: what a plugin needs, and nothing else.

The journey of a post is in the modules beside this one, in the order transport, dispatch, schema,
matching, store, respond; see README.md.
"""

from gateway.contract import (
    Alias,
    Call,
    Caller,
    Command,
    CustomField,
    LeadEvent,
    MatchRule,
    Reply,
    System,
)
from gateway.errors import BadPlugin, Refused
from gateway.formats import Choice, Choices, DateOnly, Digits, Money, Text, WholeNumber, YesNo
from gateway.hookspecs import hookimpl

__all__ = [
    "Alias",
    "BadPlugin",
    "Call",
    "Caller",
    "Choice",
    "Choices",
    "Command",
    "CustomField",
    "DateOnly",
    "Digits",
    "LeadEvent",
    "MatchRule",
    "Money",
    "Refused",
    "Reply",
    "System",
    "Text",
    "WholeNumber",
    "YesNo",
    "hookimpl",
]
