"""A fields file as text and table, and the mistakes in it, each with the line where it stands."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from gateway import BadPlugin

LARGEST = 65_536
"""Bytes of a fields file; three hundred fields with a help text each."""

LONGEST_LINE = 5_000
"""Characters of a line; tomllib takes minutes for a key of thousands of parts."""

_MOST_TRIES = 200
"""How often the end of one statement is looked for; a text of a thousand lines has no mistake in
it that is worth the time."""

_DEEPEST = 5
"""Keys within each other that have a line of their own."""

_STATEMENT = re.compile(r"\s*(?:$|#|\[|[A-Za-z0-9_\"'-].*=)")
"""What a line looks like that may begin a statement of TOML."""

Place = tuple[str, ...]
"""Where a thing stands: ("fields", "policy_number", "type")."""


class FieldsFile:
    """A fields file that is TOML: its table, and the mistakes that are found in it.

    Raises BadPlugin where there is no such file or it is no TOML.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._text = self._read()
        self._mistakes: list[tuple[int, str]] = []
        try:
            self.table: dict[str, Any] = tomllib.loads(self._text)
        except (ValueError, RecursionError) as error:
            raise self._no_toml(error) from None

    def mistake(self, place: Place, reason: str) -> None:
        """Note what is wrong at ``place``, and how to mend it."""
        while place not in self._lines and place:
            place = place[:-1]
        self._mistakes.append((self._lines.get(place, 1), reason))

    def check(self) -> None:
        """Raise BadPlugin that names every mistake, in the order of the lines."""
        if self._mistakes:
            lines = [f"line {line}: {reason}" for line, reason in sorted(self._mistakes)]
            raise self._bad(*lines)

    def _bad(self, *lines: str) -> BadPlugin:
        return BadPlugin(f"GATEWAY_FIELDS_FILE {self.path}, " + "\n".join(lines))

    def _read(self) -> str:
        try:
            with Path(self.path).open("rb") as file:
                content = file.read(LARGEST + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self._bad(
                f"cannot be read: {reason} (mend the path, or take the setting away)"
            ) from None
        if len(content) > LARGEST:
            raise self._bad(f"is larger than {LARGEST} bytes; is it a fields file?")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise self._bad(
                f"line {line}: a character is not in UTF-8; save the file as UTF-8"
            ) from None
        text = text.replace("\r\n", "\n")
        for number, each in enumerate(text.split("\n"), start=1):
            if len(each) > LONGEST_LINE:
                raise self._bad(
                    f"line {number}: longer than {LONGEST_LINE} characters; break it up"
                )
        return text

    def _no_toml(self, error: Exception) -> BadPlugin:
        if isinstance(error, RecursionError):
            return self._bad("has lists or tables within each other too deep to read")
        message = str(error)
        if found := re.search(r" \(at line (\d+), column (\d+)\)$", message):
            where = f"line {found[1]}, column {found[2]}"
            message = message[: found.start()]
        else:  # an end of document has no number
            where = f"line {self._text.rstrip().count(chr(10)) + 1}"
            message = message.replace(" (at end of document)", ", which is the end of the file")
        return self._bad(f"{where}: {message} (see docs/fields_file.md, a text needs quotes)")

    @cached_property
    def _lines(self) -> dict[Place, int]:
        lines: dict[Place, int] = {}
        for place, line in _places(self._text):
            lines.setdefault(place, line)
        return lines


def _places(text: str) -> Iterator[tuple[Place, int]]:
    """Yield each table and key of a TOML text that can be read, with its line.

    A statement is what is TOML by itself: one line, or as many as a list or a long text takes.
    """
    table: Place = ()
    statement = ""
    first = tries = 0
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        first = first if statement else number
        statement += f"{line}\n"
        if number < len(lines) and not _STATEMENT.match(lines[number]):
            continue  # the next line goes on with this one
        tries += 1
        if tries > _MOST_TRIES:
            return
        try:
            parsed = tomllib.loads(statement)
        except ValueError:
            continue
        if statement.lstrip().startswith("["):
            table = max(_keys(parsed), key=len)
            yield from ((table[:length], first) for length in range(1, len(table) + 1))
        else:
            yield from ((table + place, first) for place in _keys(parsed))
        statement, tries = "", 0


def _keys(value: Any, place: Place = ()) -> Iterator[Place]:
    if isinstance(value, list) and len(value) == 1:  # [[table]]
        value = value[0]
    if isinstance(value, dict) and len(place) < _DEEPEST:
        for key, inner in value.items():
            yield (*place, key)
            yield from _keys(inner, (*place, key))


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return a question that names the nearest of ``words``, or else all of them."""
    known = list(words)
    if near := get_close_matches(word, known, n=1):
        return f"did you mean {near[0]}?"
    return f"there is {', '.join(known)}"
