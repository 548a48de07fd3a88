"""What every plugin must keep to: ``check`` gives everything by which one breaks the rules.

``loading`` finds what stops the start, ``fields`` and ``rules`` look at what the plugin adds. Known
to no step of a post; ``flask plugin check`` and the test kit ask it.
"""

from typing import Any

from gateway.conformance.fields import field_troubles
from gateway.conformance.loading import load
from gateway.conformance.rules import rule_troubles
from gateway.conformance.trouble import Trouble
from gateway.contract import Command, CustomField, MatchRule

__all__ = ["Trouble", "check"]


def check(plugin: str, **settings: Any) -> list[Trouble]:
    """Return all troubles of the plugin of this name, none where it keeps every rule.

    It is loaded alone, beside the documented fields and our own rules, with these settings.
    """
    loaded = load(plugin, settings)
    troubles = list(loaded.troubles)
    if loaded.system is not None:
        for entry in loaded.entries:
            if isinstance(entry, CustomField):
                troubles += field_troubles(plugin, entry, loaded.system.schema)
            elif isinstance(entry, MatchRule):
                troubles += rule_troubles(plugin, entry, loaded.system.schema)
            elif isinstance(entry, Command) and not entry.help.strip():
                troubles.append(Trouble.no_help(plugin, entry.name))
    return troubles
