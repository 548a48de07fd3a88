"""The hooks that a plugin may implement; plugins/README.md explains each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from config import Settings
    from gateway.contract import CustomField, MatchRule

PROJECT = "gateway"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def gateway_custom_fields(settings: Settings) -> list[CustomField] | None:
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
