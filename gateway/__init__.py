"""The Lead Gateway: what a plugin needs, and nothing else.

The journey of a post is in the modules beside this one, in the order transport, dispatch, schema,
matching, store, respond; see README.md.
"""

from gateway.contract import Caller, Command, CustomField, MatchRule, Reply
from gateway.errors import Refused
from gateway.hookspecs import hookimpl

__all__ = ["Caller", "Command", "CustomField", "MatchRule", "Refused", "Reply", "hookimpl"]
