"""Names as PHP reads them: ``a.b`` is ``a_b``, ``a[]`` and ``a[k]`` are arrays; pairs to a form.

The rules are those of PHP's ``php_register_variable_ex`` (contract, "names", "repeated name",
"name[]"), for which the old callers were written.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from gateway.contract import FormValue

MAX_DEPTH = 20
"""Levels of a nested name or JSON value; a name that goes deeper is dropped, as in PHP."""

_MANGLED = str.maketrans(". [", "___")
_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")
_CACHED_LENGTH = 64


class Path(NamedTuple):
    """A name taken apart: its base, and the key of each level; ``None`` is the next number."""

    base: str
    keys: tuple[str | None, ...] = ()


class Array(dict[str, Any]):
    """A PHP array: values by key, in order, and the number that the next ``[]`` gets."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        super().__init__()
        self._next = 0

    def put(self, key: str | None, value: Any) -> None:
        """Store ``value`` under ``key``, or under the next number for ``None``."""
        if key is None:
            key = str(self._next)
        if _INDEX.fullmatch(key):
            self._next = max(self._next, int(key) + 1)
        self[key] = value

    def branch(self, key: str | None) -> "Array":
        """Return the array under ``key``, made where there is none."""
        here = None if key is None else self.get(key)
        if not isinstance(here, Array):
            here = Array()
            self.put(key, here)
        return here


def are_words(names: Collection[str]) -> bool:
    """Whether ``names`` are all of letters, digits and underscores in ASCII, which PHP, too, leaves
    as they are. It says no where the first begins with a digit."""
    together = "".join(names)
    return together.isidentifier() and together.isascii() and "" not in names


def path(name: str) -> Path | None:
    """Return ``name`` taken apart, or ``None`` where PHP would drop it: no base, or too deep."""
    return _cached(name) if len(name) <= _CACHED_LENGTH else _taken_apart(name)


def _taken_apart(name: str) -> Path | None:
    name = name.partition("\0")[0].strip(" \t\r\n")
    start = name.find("[")
    if start < 0 or name.find("]", start) < 0:
        return Path(name.translate(_MANGLED)) if name and start != 0 else None
    if start == 0:
        return None
    keys: list[str | None] = []
    while name.startswith("[", start):
        end = name.find("]", start)
        if end < 0:
            break
        if len(keys) == MAX_DEPTH:
            return None
        key = name[start + 1 : end]
        keys.append(key if key.strip() else None)
        start = end + 1
    # What follows the last bracket is dropped, as PHP does: a[b]c is a[b].
    return Path(name[: name.index("[")].translate(_MANGLED), tuple(keys))


_cached = lru_cache(maxsize=4096)(_taken_apart)


def build(sent: Iterable[tuple[Path, FormValue]]) -> dict[str, FormValue]:
    """Return the form of ``sent``, each name where it was sent last.

    A repeated name is a tuple, an array a dict; where both kinds came, the last kind stays.
    """
    sent = list(sent)
    plain: dict[str, FormValue] = {base: value for (base, keys), value in sent if not keys}
    if len(plain) == len(sent):
        # Each name once and no array, as nearly every post has it.
        return plain
    form: dict[str, Any] = {}
    for (base, keys), value in sent:
        # Taken out and put in again: the order is that of the last occurrence.
        earlier = form.pop(base, None)
        if keys:
            node = form[base] = earlier if isinstance(earlier, Array) else Array()
            for key in keys[:-1]:
                node = node.branch(key)
            node.put(keys[-1], value)
        elif isinstance(value, str):
            form[base] = earlier if isinstance(earlier, list) else []
            form[base].append(value)
        else:
            form[base] = value
    for base, value in form.items():
        if isinstance(value, list):
            form[base] = value[0] if len(value) == 1 else tuple(value)
    return form


def single(value: FormValue) -> str:
    """Return the one text that ``value`` stands for where only one can be meant.

    The last of repeats, the element of an array of one; several elements are joined by ``, ``.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return value[-1]
    return ", ".join(single(each) for each in value.values())
