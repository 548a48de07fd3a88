"""A JSON object as form values, and where its secrets stand (contract, "JSON")."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from gateway.contract import FormValue
from gateway.errors import BrokenBody
from gateway.transport import charset, forms, names, redact
from gateway.transport.pairs import check_count

# An unclosed string is taken to the end, so that no quote in it is tried again.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_STRUCTURE = re.compile(r'(?:[^"\[\]{},]++|' + _STRING + r")*+([\[\]{},]?)", re.DOTALL)
"""A bracket or comma, with all before it: what is between them is not looked at one by one.

It matches at the end as well, without one: a search that fails would be tried again at each byte.
"""
_TOKEN = re.compile(_STRING + r'|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)

_NOT_JSON = "The body is not JSON that can be read; send one JSON object"


def parse(
    body: bytes, *, declared: str | None, fallback: str
) -> tuple[list[tuple[str, FormValue]], bytes | None]:
    """Return the names and values of the object in ``body``, and ``body`` without its secrets.

    A number is its literal text, ``true`` and ``false`` are words, ``null`` is empty, a list has
    the keys 0, 1, 2 …; of equal keys the last one counts. The second is ``None`` where secrets
    cannot be found for certain. Raises BrokenBody or TooLarge.
    """
    mark = forms.BOM if body.startswith(forms.BOM) else b""
    core = body[len(mark) :]
    text, _ = charset.decode(core, declared, fallback)
    _check_size(text)
    try:
        value = _load(text)
        read = _plain(value)
    except (ValueError, RecursionError):
        raise BrokenBody(_NOT_JSON) from None
    if not isinstance(value, dict):
        raise BrokenBody("The JSON body must be one object with the names of the fields as keys")
    kept = _without_secrets(core, text)
    return list(read.items()), None if kept is None else mark + kept


def _check_size(text: str) -> None:
    """Raise before anything is built where ``text`` nests too deep or has too many values.

    Raises BrokenBody also for brackets that are none of JSON, of which there may be any number.
    """
    depth = count = 0
    before = ""
    for found in _STRUCTURE.finditer(text):
        mark = found[1]
        if not mark:
            return
        if mark in "[{":
            depth += 1
            if depth > names.MAX_DEPTH:
                raise BrokenBody(f"The JSON body nests deeper than {names.MAX_DEPTH} levels")
            if before and before in "]}":
                raise BrokenBody(_NOT_JSON)
        elif mark in "]}":
            depth -= 1
            if depth < 0:
                raise BrokenBody(_NOT_JSON)
        else:
            count += 1
            check_count(count + 1)
        before = mark


def _load(text: str) -> Any:
    return json.loads(
        text, strict=False, parse_int=str, parse_float=str, parse_constant=_not_a_number
    )


def _not_a_number(word: str) -> NoReturn:
    raise ValueError(word)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, list):
        made = names.Array()
        for each in value:
            made.put(None, _plain(each))
        return made
    if isinstance(value, dict):
        made = names.Array()
        for key, each in value.items():
            made.put(key, _plain(each))
        return made
    return value


def _without_secrets(body: bytes, text: str) -> bytes | None:
    one_byte_each = len(text) == len(body)
    if not one_byte_each and text.encode("utf-8", "surrogatepass") != body:
        # In other charsets a byte of a character may look like a quote or a backslash.
        return None
    if not redact.is_secret(body):
        return body
    try:
        return redact.cut(body, _secrets(body.decode("latin-1")), filling=b'""')
    except _Unclear:
        return None


class _Unclear(Exception):
    """The value of a secret may stand anywhere."""


def _secrets(text: str) -> Iterator[redact.Span]:
    """Yield where the value of each secret key stands, at any depth, and each text that names one.

    ``text`` is good JSON.
    """
    tokens = _TOKEN.finditer(text)
    before = None
    for token in tokens:
        if before is not None:
            said = before[0].encode("latin-1")
            if token[0] == ":":
                if redact.holds_secret(said):
                    raise _Unclear
                if redact.is_secret(said):
                    yield _value(tokens)
            elif redact.mentions(said):
                if redact.is_a_name(said):
                    raise _Unclear
                yield before.span()
        before = token


def _value(tokens: Iterator[re.Match[str]]) -> redact.Span:
    """Consume the tokens of one value and return where it stands."""
    first = last = next(tokens)
    depth = 0
    while True:
        depth += (last[0] in ("[", "{")) - (last[0] in ("]", "}"))
        if depth == 0:
            return first.start(), last.end()
        last = next(tokens)
