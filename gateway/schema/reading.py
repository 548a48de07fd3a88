"""How one sent value becomes a typed one: folded, cleaned, checked, read by its field."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields

from gateway.contract import FormValue, Rejected
from gateway.errors import Problem, Refused
from gateway.formats import HALF_CHARACTER, broken, check_length
from gateway.models import LONG_TEXT
from gateway.normal import clean, has_lone_surrogate, storable
from gateway.schema.compiled import Quick, compiled, kept
from gateway.schema.messages import fault, one_message

EMPTY: Any = object()
"""What a value without content reads as; the mode says what that does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What to do with the values of one field, worked out once, when the schema is built.

    ``name`` is the field's in messages and ``target`` its name in the changes; ``rank`` its place
    on the page. ``longest`` is the length that a value may have before its field sees it. A plain
    value of up to ``kept`` characters need not be read: it is what it says.
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
    sensitive: bool
    quick: Quick | None
    kept: int

    def read(self, sent: FormValue, *, leading_plus: bool) -> Any:
        """Return the typed value, or EMPTY. Raises ValidationError, and FieldFault for a fault."""
        if (
            self.quick is not None
            and type(sent) is str
            and not leading_plus
            and sent.isascii()
            and sent.isprintable()
        ):
            text = sent.strip()
            if not text:
                return EMPTY
            try:
                return self.quick(text)
            except Exception:  # noqa: S110 suppress() takes longer than the value itself
                # Whatever is wrong with it, the plain way finds again, and says so.
                pass
        try:
            return self._read(sent, leading_plus=leading_plus)
        except (ValidationError, Refused, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise fault(self.name, "reading its value", error, secret=self.sensitive) from (
                None if self.sensitive else error
            )

    def _read(self, sent: FormValue, *, leading_plus: bool) -> Any:
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

    def reject(
        self,
        sent: FormValue,
        error: ValidationError,
        *,
        sent_as: str = "",
        secrets: Iterable[object] = (),
    ) -> Rejected:
        """Return the value as rejected for ``error``; ``sent_as`` is the name that it came under.

        A plugin's message that quotes one of ``secrets``, or a sensitive value itself, is not used.
        """
        message = one_message(error.messages, (sent, *secrets) if self.sensitive else secrets)
        named = f"{self.name} (sent as {sent_as})" if sent_as not in ("", self.name) else self.name
        return Rejected(
            Problem(self.name, message.code, f"{named}: {message}"),
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


def reader(
    name: str,
    field: fields.Field,
    *,
    target: str,
    rank: int,
    is_flag: bool,
    is_custom: bool,
    sensitive: bool,
    clears: bool,
    keepable: bool,
) -> Reader:
    """Return the reader of ``field``, with the facts that gateway.formats says a field has."""
    # The documented fields know their lengths; a plugin's String may have none.
    longest = LONG_TEXT if is_custom else None
    many = getattr(field, "many", isinstance(field, fields.List))
    structured = getattr(field, "structured", False)
    quick = compiled(field, name, longest=longest, many=many, structured=structured)
    return Reader(
        name=name,
        target=target,
        field=field,
        rank=rank,
        is_flag=is_flag,
        clears=clears,
        keepable=keepable,
        longest=longest,
        multiline=getattr(field, "multiline", False),
        many=many,
        free=getattr(field, "free", type(field) is fields.String),
        keeps_plus=getattr(field, "keeps_plus", False),
        structured=structured,
        sensitive=sensitive,
        quick=quick,
        kept=kept(field, quick, longest=longest),
    )
