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
from gateway.hookspecs import hookimpl

__all__ = [
    "Alias",
    "BadPlugin",
    "Call",
    "Caller",
    "Command",
    "CustomField",
    "LeadEvent",
    "MatchRule",
    "Refused",
    "Reply",
    "System",
    "hookimpl",
]
