"""A post on its way into the store, and what rules see of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from gateway.contract import Caller, MatchRule, Parsed, Rejected, System
from gateway.matching import keys_of
from gateway.store.keys import values_of
from gateway.store.planning import COLUMNS, columns


@dataclass(eq=False)
class Post:
    """One post on its way into the store; not frozen, as to make it would take three times as long.

    ``settled`` are its changes as the plugins left them, where they have been asked already;
    ``late_at`` is when a post came that is done later.
    """

    parsed: Parsed
    caller: Caller
    system: System
    kept: tuple[Rejected, ...]
    now: datetime
    settled: Mapping[str, Any] | None = None
    late_at: datetime | None = None

    @property
    def at(self) -> datetime:
        """When what the post brings is dated: a late one keeps its original time."""
        return self.late_at or self.now

    @property
    def defaults(self) -> dict[str, Any]:
        """The caller's defaults, by column; for a new lead only, and where nothing was sent."""
        if not self.caller.defaults:
            return {}
        return {
            COLUMNS.get(name, name): value
            for name, value in self.caller.defaults.items()
            if name not in self.parsed.changes
        }

    def with_defaults(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``values`` of a new lead by column with those defaults beside them."""
        return {**self.defaults, **values} if self.caller.defaults else values

    @property
    def has_tags(self) -> bool:
        """Whether it may bring tags, or a plugin with it: they rest on those that the lead has."""
        changes = self.parsed.changes
        return "tags" in changes or "tag_append" in changes or bool(self.system.hooks.before_store)

    @cached_property
    def sent(self) -> dict[str, Any]:
        """What was sent, as rules see it: in the form in which the store would give it back."""
        return values_of(columns(self.parsed.changes, self.system.schema, {}))

    @cached_property
    def keys(self) -> dict[bytes, str]:
        """The match keys of what was sent, each with the name of its rule. Raises BadRule."""
        return keys_of(self.sent, self.system.match_rules.values())

    def keys_of(self, values: Mapping[str, Any]) -> dict[bytes, str]:
        """Return the match keys of a lead with ``values``: those of what was sent are made once."""
        # A plugin may have put an equal value of another kind in a value's place: 1 for True.
        is_sent = not self.system.hooks.before_store and values == self.sent
        if "keys" in self.__dict__ and is_sent:
            return self.keys
        return keys_of(values, self.system.match_rules.values())

    def keys_by(self, rules: Iterable[MatchRule]) -> dict[bytes, str]:
        """Return those of ``keys`` that are of ``rules``."""
        names = {rule.name for rule in rules}
        return {digest: name for digest, name in self.keys.items() if name in names}
