"""A post on its way into the store, and what rules see of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.contract import Caller, Parsed, Rejected, System
from gateway.store.keys import values_of
from gateway.store.planning import COLUMNS, columns


@dataclass(frozen=True, slots=True)
class Post:
    """One post on its way into the store.

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
        return {
            COLUMNS.get(name, name): value
            for name, value in self.caller.defaults.items()
            if name not in self.parsed.changes
        }


def posted(post: Post) -> dict[str, Any]:
    """Return what was sent as rules see it: the form in which the store would give it back."""
    return values_of(columns(post.parsed.changes, post.system.schema, {}))
