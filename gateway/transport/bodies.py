"""Which kind of body it is, whatever its Content-Type says, and its pairs or JSON values."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from gateway.contract import FormValue
from gateway.errors import BrokenBody
from gateway.transport import charset, forms, headers, json_body, multipart, plain_form, redact
from gateway.transport.fields import Fields
from gateway.transport.pairs import Pair

_FORM, _MULTIPART, _JSON = "form", "multipart", "json"
_KINDS = {
    b"application/x-www-form-urlencoded": _FORM,
    b"multipart/form-data": _MULTIPART,
    b"application/json": _JSON,
    b"text/json": _JSON,
}
_LINE_END = re.compile(rb"[\r\n]")
_JSON_START = re.compile(rb"\s*(?:\[\s*)?\{")
_MULTIPART_START = re.compile(rb"\s*--[^\r\n]*\r?\ncontent-disposition:", re.IGNORECASE)
_MARKUP_START = re.compile(rb"\s*<")
_CACHED_LENGTH = 64


class Content(NamedTuple):
    """What a body holds, and the body to keep, with the secrets cut out.

    That is undecoded ``pairs``, or else ``json_values``, or ``fields`` that are ready. ``declared``
    is the charset that the body as a whole declares, where we read such a one.
    """

    pairs: Sequence[Pair] = ()
    json_values: list[tuple[str, FormValue]] | None = None
    kept: bytes | None = b""
    declared: str | None = None
    fields: Fields | None = None


def read(body: bytes, content_type: str, *, fallback: str) -> Content:
    """Return the content of ``body``; raises BrokenBody or TooLarge where it cannot be read."""
    raw_type = content_type.encode("latin-1", "replace")
    word, declared = (_known_type if len(raw_type) <= _CACHED_LENGTH else _type)(raw_type)
    core = forms.core(body)
    if not core:
        return Content(kept=body, declared=declared)
    kind = _KINDS.get(word) or _guess(word, core)
    if kind == _JSON:
        values, kept = json_body.parse(body, declared=declared, fallback=fallback)
        return Content(json_values=values, kept=kept, declared=declared)
    if kind == _MULTIPART:
        pairs, kept = multipart.parse(body, headers.boundary(raw_type))
    else:
        if declared is None or charset.codec_of(declared) == "utf-8":
            fields = plain_form.read(core, fallback)
            if fields is not None:
                return Content(fields=fields, kept=redact.form(body), declared=declared)
        _check_is_form(core)
        pairs, kept = forms.parse(body), redact.form(body)
    return Content(pairs=pairs, kept=kept, declared=declared or _charset_field(pairs))


def _type(raw: bytes) -> tuple[bytes, str | None]:
    """Return the main word of a Content-Type, and the charset that it declares."""
    word, parameters = headers.split(raw)
    return word, charset.known(parameters.get(b"charset", b""))


# The same few come with nearly every post.
_known_type = lru_cache(maxsize=256)(_type)


def _guess(word: bytes, core: bytes) -> str:
    """Return the kind of a body whose Content-Type says nothing to us."""
    if word.endswith(b"+json") or core.lstrip().startswith(b"{"):
        return _JSON
    if b"=" in _LINE_END.split(core, maxsplit=1)[0]:
        return _FORM
    shown = word.decode("ascii", "backslashreplace")[:80]
    raise BrokenBody(
        f"The Content-Type {shown or '(none)'} is not supported; send "
        "application/x-www-form-urlencoded, multipart/form-data or a JSON object",
        code="unsupported_body",
    )


def _check_is_form(core: bytes) -> None:
    """Raise where a form is claimed and something else came, in which no secret would be found."""
    for start, looks, remedy in (
        (_JSON_START, "JSON", "send Content-Type: application/json"),
        (_MULTIPART_START, "multipart/form-data", "let the HTTP library set the Content-Type"),
        (_MARKUP_START, "XML or HTML", "send a form or a JSON object"),
    ):
        if start.match(core):
            raise BrokenBody(f"The body looks like {looks} and is sent as a form; {remedy}")


def _charset_field(pairs: list[Pair]) -> str | None:
    """Return the charset that a browser put into a form's ``_charset_`` field."""
    said = [pair.value for pair in pairs if pair.name == b"_charset_"]
    return charset.known(said[-1]) if said else None
