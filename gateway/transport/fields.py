"""Pairs and JSON values as the fields of a call: text decoded, uploads apart, names in order."""

from collections.abc import Iterable
from typing import NamedTuple

from gateway.contract import CONTROLS, CREDENTIALS, FormValue, Upload
from gateway.errors import Refused
from gateway.transport import charset, names
from gateway.transport.identity import header_text
from gateway.transport.names import Path
from gateway.transport.pairs import Pair

BINARY = frozenset({"upload_file_contents"})
"""Names whose value is bytes, in whatever form it comes, and no text."""


class Fields(NamedTuple):
    """What one part of a post, its body or its address, holds.

    ``has_only_words`` is true where each name in ``form`` is known to be a word, and no more.
    """

    form: dict[str, FormValue]
    uploads: tuple[Upload, ...] = ()
    leading_plus: frozenset[str] = frozenset()
    fallback_charset_used: bool = False
    has_only_words: bool = False


def from_pairs(pairs: Iterable[Pair], *, declared: str | None, fallback: str) -> Fields:
    """Return the fields that ``pairs`` make; ``declared`` is the label of the whole body."""
    sent: list[tuple[Path, FormValue]] = []
    files: list[Upload] = []
    contents: dict[str, bytes] = {}
    plus: dict[str, bool] = {}
    used = False
    # Without a declared charset ASCII is ASCII.
    is_plain = declared is None

    def text(raw: bytes, own: str | None = None) -> str:
        nonlocal used
        decoded, fell_back = charset.decode(raw, own or declared, fallback)
        used = used or fell_back
        return decoded

    for raw, value, leading_plus, own, file_name, content_type in pairs:
        # An ASCII name is the same in every charset, or else a secret could hide in ISO-2022-JP.
        path = names.path(raw.decode("ascii") if raw.isascii() else text(raw))
        if path is None:
            continue
        base = path.base
        if file_name is not None and base not in CREDENTIALS | CONTROLS:
            # A file input that was left empty sends a part all the same.
            if file_name or value:
                files.append(Upload(base, text(file_name, own), value, header_text(content_type)))
        elif base in BINARY:
            contents[base] = value
        else:
            ascii_only = is_plain and own is None and value.isascii()
            sent.append((path, value.decode("ascii") if ascii_only else text(value, own)))
            plus[base] = leading_plus
    return Fields(
        form=names.build(sent),
        uploads=(*files, *_uploads(contents)),
        leading_plus=frozenset(name for name, leads in plus.items() if leads),
        fallback_charset_used=used,
    )


def from_json(values: Iterable[tuple[str, FormValue]]) -> Fields:
    """Return the fields of the keys and values of a JSON object."""
    sent: list[tuple[Path, FormValue]] = []
    contents: dict[str, bytes] = {}
    for name, value in values:
        path = names.path(name)
        if path is None:
            continue
        base = path.base
        if base not in BINARY:
            sent.append((path, value))
        elif isinstance(value, str):
            contents[base] = value.encode("utf-8", "surrogatepass")
        else:
            raise Refused(f"{base}: must be one string in JSON", field=base, code="invalid")
    return Fields(form=names.build(sent), uploads=_uploads(contents))


def merge(address: Fields, body: Fields) -> Fields:
    """Return the fields of ``body``, and those of ``address`` that the body lacks before them."""
    uploaded = {upload.field for upload in body.uploads}
    present = body.form.keys() | uploaded
    extra = {name: value for name, value in address.form.items() if name not in present}
    return Fields(
        form={**extra, **body.form},
        uploads=(*(each for each in address.uploads if each.field not in present), *body.uploads),
        leading_plus=(address.leading_plus & extra.keys()) | body.leading_plus,
        fallback_charset_used=address.fallback_charset_used or body.fallback_charset_used,
    )


def _uploads(contents: dict[str, bytes]) -> tuple[Upload, ...]:
    """Return an upload without a file name for each value; an empty one is none at all."""
    return tuple(Upload(name, "", content) for name, content in contents.items() if content)
