"""Formats of one or several out of a list."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marshmallow import fields

from gateway.formats.messages import broken
from gateway.normal import fold_label

_SHOWN = 20
"""Choices that a message names."""


class _Offered:
    """The choices of a field, found by their folded spelling or that of their label."""

    def __init__(self, choices: Iterable[str], labels: Mapping[str, str]) -> None:
        self.choices = tuple(choices)
        if not self.choices or not all(isinstance(x, str) and _folded(x) for x in self.choices):
            raise ValueError("the choices must be texts, and at least one")
        if len(set(self.choices)) < len(self.choices):
            raise ValueError("a choice is listed twice")
        if unknown := labels.keys() - set(self.choices):
            raise ValueError(f"labels for {', '.join(sorted(unknown))}, which is no choice")
        self._found: dict[str, str] = {}
        for choice in self.choices:
            for spelling in (choice, labels.get(choice, choice)):
                if self._found.setdefault(_folded(spelling), choice) != choice:
                    raise ValueError(f"two choices are spelt {spelling!r} but for case and spaces")

    def find(self, text: str) -> str:
        """Return the choice in its declared spelling. Raises ValidationError."""
        try:
            return self._found[_folded(text)]
        except KeyError:
            more = ", …" if len(self.choices) > _SHOWN else ""
            shown = ", ".join(self.choices[:_SHOWN])
            raise broken(f"not one of: {shown}{more}") from None


def _folded(text: str) -> str:
    return fold_label(text).replace(" ", "")


class Choice(fields.String):
    """One of ``choices``; case and spaces do not count, and the declared spelling is stored.

    ``labels`` are what a person reads for a choice; a post may send them as well.
    """

    wire_type = "Choice"

    def __init__(
        self, choices: Iterable[str], *, labels: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.labels = dict(labels or {})
        self._offered = _Offered(choices, self.labels)
        self.choices = self._offered.choices

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return self._offered.find(value)


class Choices(fields.Field[list[str]]):
    """Several of ``choices``, each once and in their declared order: what is ticked on a form.

    They come as several values; with ``commas`` one value may hold several, too.
    """

    wire_type = "List of choices"
    many = True

    def __init__(
        self,
        choices: Iterable[str],
        *,
        labels: Mapping[str, str] | None = None,
        commas: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.labels = dict(labels or {})
        self._offered = _Offered(choices, self.labels)
        self.choices, self.commas = self._offered.choices, commas
        split = [each for each in (*self.choices, *self.labels.values()) if "," in each]
        if commas and split:
            raise ValueError(f"the choice {split[0]!r} holds a comma, at which values are split")

    def _deserialize(self, value: Sequence[str], *args: Any, **kwargs: Any) -> list[str]:
        texts = [part for text in value for part in (text.split(",") if self.commas else (text,))]
        found = {self._offered.find(text) for text in texts if text.strip()}
        return [choice for choice in self.choices if choice in found]
