"""What a caller is told of a bad value, and what the log is told of a bad field."""

import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from marshmallow import ValidationError

from gateway.errors import FieldFault, Refused
from gateway.formats import Message
from gateway.normal import storable

LONGEST = 500
"""Characters of a plugin's message that are told; it may quote what was sent."""

HIDDEN = Message("not accepted (see the documentation page)")
"""What is said in place of a message that quotes a sensitive value."""

_QUOTED = 4
"""Characters in a row from which on a value counts as quoted; as many as ``mask`` shows."""


def one_message(messages: Any, secrets: Iterable[object] = ()) -> Message:
    """Return Marshmallow's messages as one: the first of ours, else all of a plugin's.

    A plugin's that quotes one of ``secrets`` is replaced by one that says nothing.
    """
    found = list(_flat(messages))
    ours = next((each for each in found if isinstance(each, Message)), None)
    if ours:
        return ours
    text = "; ".join(found) or "not accepted"
    if any(_quotes(text, each) for secret in secrets for each in _texts(secret)):
        return HIDDEN
    return Message(text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ...")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = value.values()
    if isinstance(value, str) or not isinstance(value, Iterable):
        yield str(value)
    else:
        for each in value:
            yield from _texts(each)


def _quotes(message: str, secret: str) -> bool:
    """Return whether ``message`` has a part of ``secret`` in it, however that is punctuated."""
    whole, sought = _letters(message), _letters(secret)[: 2 * LONGEST]
    if len(sought) <= _QUOTED:
        return bool(sought) and sought in whole
    return any(sought[at : at + _QUOTED] in whole for at in range(len(sought) - _QUOTED + 1))


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _flat(messages: Any, entry: str = "") -> Iterator[str]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _flat(inner, f"entry {key + 1}: " if isinstance(key, int) else entry)
    elif isinstance(messages, list | tuple):
        for inner in messages:
            yield from _flat(inner, entry)
    elif isinstance(messages, Message):
        yield messages
    else:
        yield entry + _as_rule(str(messages))


def _as_rule(sentence: str) -> str:
    """Return "Not a valid integer." so that it can follow the field's name, in one line."""
    text = " ".join(storable(sentence).split()).rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


@contextmanager
def blamed(name: str, doing: str, *, secret: bool) -> Iterator[None]:
    """Let what is raised inside, but for refusals, say that it is the field's own code.

    With ``secret`` it may quote what nobody must read: then only its kind and place are told.
    """
    try:
        yield
    except (ValidationError, Refused, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise fault(name, doing, error, secret=secret) from (None if secret else error)


def fault(name: str, doing: str, error: BaseException, *, secret: bool) -> FieldFault:
    """Return the fault of the field ``name``, for the log."""
    if not secret:
        return FieldFault(f"field {name}: {doing} failed")
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return FieldFault(f"field {name}: {doing} raised {type(error).__name__}{place}")
