"""The hooks that a plugin may implement; plugins/README.md explains each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from config import Settings
    from gateway.contract import (
        Alias,
        Call,
        Caller,
        Command,
        CustomField,
        LeadEvent,
        MatchRule,
        Reply,
    )

PROJECT = "gateway"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def gateway_custom_fields(settings: Settings) -> list[CustomField | Alias] | None:
    """Return the fields that this system has beside the documented ones; asked once, at start.

    ``None`` or an empty list adds none. A name that is documented, reserved or already taken stops
    the start.
    """
    return None


@hookspec
def gateway_match_rules(settings: Settings) -> list[MatchRule] | None:
    """Return the match rules that this system has beside ours; asked once, at start.

    The name of a rule is the flag by which a post asks for it. ``None`` or an empty list adds none.
    """
    return None


@hookspec
def gateway_commands(settings: Settings) -> list[Command] | None:
    """Return the commands that this system has beside ours; asked once, at start.

    ``None`` or an empty list adds none. A name that is taken stops the start.
    """
    return None


@hookspec(firstresult=True)
def gateway_authenticate(call: Call, settings: Settings) -> Caller | None:
    """Return who makes ``call``, asked at each post before our own logins are.

    ``None`` abstains: the next plugin is asked, ours last. Raise Refused to refuse the post.
    """
    return None


@hookspec
def gateway_before_store(
    changes: MutableMapping[str, Any], lead: Mapping[str, Any] | None, caller: Caller
) -> None:
    """Change ``changes`` in place, or raise Refused, before they are stored.

    ``lead`` is the stored lead that the post belongs to, ``None`` on an insert. Runs in the
    transaction, and again on a retry, so it has no effects outside.
    """


@hookspec
def gateway_after_commit(event: LeadEvent) -> None:
    """React to a lead that has been made or changed, once its transaction is committed.

    Called at most once a post. It cannot change the answer; what it raises is logged, and the other
    listeners still run.
    """


@hookspec(firstresult=True)
def gateway_render(reply: Reply, call: Call) -> tuple[bytes, str] | None:
    """Return the body and the content type of the answer, asked last; ``None`` leaves it to us."""
    return None
