"""How one sent value becomes a typed one: folded, cleaned, checked, read by its field."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields

from gateway.contract import FormValue, Rejected
from gateway.errors import problem
from gateway.formats import HALF_CHARACTER, Message, broken, check_length
from gateway.models import LONG_TEXT
from gateway.normal import clean, has_lone_surrogate, storable

EMPTY: Any = object()
"""What a value without content reads as; the mode says what that does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What to do with the values of one field, worked out once, when the schema is built.

    ``name`` is the field's in messages and ``target`` its name in the changes; ``rank`` its place
    on the page. ``longest`` is the length that a value may have before its field sees it.
    """

    name: str
    target: str
    field: fields.Field
    rank: int
    is_flag: bool
    clears: bool
    keepable: bool
    longest: int | None
    multiline: bool
    many: bool
    free: bool
    keeps_plus: bool
    structured: bool

    def read(self, sent: FormValue, *, leading_plus: bool) -> Any:
        """Return the typed value, or EMPTY. Raises ValidationError."""
        if self.structured:
            value = self.field.deserialize(sent, self.name)
        elif self.many:
            texts = list(filter(None, map(self._clean, _several(sent))))
            if not texts:
                return EMPTY
            value = self.field.deserialize(list(map(self._checked, texts)), self.name)
        else:
            text = self._clean(sent if isinstance(sent, str) else self._one(sent))
            if not text:
                return EMPTY
            if leading_plus and self.keeps_plus and text[0] != "+":
                text = f"+{text}"
            value = self.field.deserialize(self._checked(text), self.name)
        # A list of nothing but commas, [] as JSON; None is a custom field's own word for nothing.
        return EMPTY if value is None or (isinstance(value, list) and not value) else value

    def _clean(self, text: str) -> str:
        return clean(text, multiline=self.multiline)

    def _checked(self, text: str) -> str:
        if has_lone_surrogate(text):
            raise broken(HALF_CHARACTER)
        if self.longest is not None:
            check_length(text, self.longest)
        return text

    def _one(self, sent: FormValue) -> str:
        """Return the one text of a repeated name or an array (contract, "repeated name")."""
        if isinstance(sent, tuple):
            return sent[-1]
        texts = list(filter(None, map(self._clean, _several(sent))))
        if len(texts) > 1 and not self.free:
            raise broken("takes one value, not several")
        return ", ".join(texts)

    def reject(self, sent: FormValue, error: ValidationError) -> Rejected:
        """Return the value as rejected for ``error``."""
        message = _message(error.messages)
        return Rejected(
            problem(self.name, message.code, message),
            self._shown(sent),
            keepable=self.keepable and message.keepable,
        )

    def _shown(self, sent: FormValue) -> str:
        if isinstance(sent, tuple) and not self.many:
            sent = sent[-1]
        text = sent if isinstance(sent, str) else json.dumps(sent, ensure_ascii=False)
        return storable(text)


def _several(sent: FormValue) -> Iterator[str]:
    """Yield the texts of a value that may hold several, in order. Raises ValidationError."""
    if isinstance(sent, str):
        yield sent
        return
    for value in sent.values() if isinstance(sent, dict) else sent:
        if isinstance(value, dict):
            raise broken("holds a list within a list (a list of plain values)")
        yield value[-1] if isinstance(value, tuple) else value


def _message(messages: Any) -> Message:
    """Return Marshmallow's messages as one: the first of ours, else all of a plugin's."""
    found = list(_flat(messages))
    ours = next((each for each in found if isinstance(each, Message)), None)
    return ours or Message("; ".join(found))


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


def reader(
    name: str,
    field: fields.Field,
    *,
    target: str,
    rank: int,
    is_flag: bool,
    is_custom: bool,
    clears: bool,
    keepable: bool,
) -> Reader:
    """Return the reader of ``field``, with the facts that gateway.formats says a field has."""
    return Reader(
        name=name,
        target=target,
        field=field,
        rank=rank,
        is_flag=is_flag,
        clears=clears,
        keepable=keepable,
        # The documented fields know their lengths; a plugin's String may have none.
        longest=LONG_TEXT if is_custom else None,
        multiline=getattr(field, "multiline", False),
        many=getattr(field, "many", isinstance(field, fields.List)),
        free=getattr(field, "free", type(field) is fields.String),
        keeps_plus=getattr(field, "keeps_plus", False),
        structured=getattr(field, "structured", False),
    )
