"""One thing that is wrong with a plugin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """Which plugin, which of its names (none: the plugin itself), what is wrong, how to mend it."""

    plugin: str
    name: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        """Return it as one line."""
        text = f"plugin {self.plugin}: {f'{self.name}: ' if self.name else ''}{self.what}"
        return " ".join((f"{text}; {self.mend}" if self.mend else text).split())

    @classmethod
    def no_help(cls, plugin: str, name: str) -> Trouble:
        """Return the trouble of an entry that says nothing about itself."""
        return cls(plugin, name, "has no help text", 'say in help="…" what it is for')


def said(error: Exception) -> str:
    """Return what the plugin raised, also where the gateway has wrapped it."""
    raised = error.__cause__ or error
    return f"{type(raised).__name__}: {str(raised)[:100]}"
