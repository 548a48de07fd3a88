"""One value's bytes as text: declared charset, else UTF-8, else the fallback (contract, "charset").

A caller's bytes never turn into U+FFFD: what was sent can always be told from what is stored.
"""

import codecs
import importlib
import re
from functools import lru_cache

import webencodings

_NEVER = {"utf-16le", "utf-16be", "replacement", "x-user-defined"}
_LABEL_LIMIT = 40
_UNDEFINED = "gateway.undefined"
_REFERENCE = re.compile(r"&#([0-9]{3,7});")


def _undefined(error: UnicodeError) -> tuple[str, int]:
    """Read bytes that a charset leaves undefined as the characters of their numbers."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error(_UNDEFINED, _undefined)


def decode(raw: bytes, declared: str | None, fallback: str) -> tuple[str, bool]:
    """Return ``raw`` as text, and whether it took the fallback charset.

    ``declared`` is a label as browsers read it, or ``None``; one that is unknown, or in which
    ``raw`` is not valid, does not count.
    """
    codec = codec_of(declared) if declared else None
    # ISO-2022-JP says everything in ASCII bytes; a reference is only one outside UTF-8.
    if raw.isascii() and (codec is None or not (b"\x1b" in raw or b"&#" in raw)):
        return raw.decode("ascii"), False
    if codec is not None:
        try:
            return _resolve(raw.decode(codec), codec), False
        except UnicodeDecodeError:
            pass
    try:
        return raw.decode("utf-8"), False
    except UnicodeDecodeError:
        codec = codec_of(fallback) or "cp1252"
        return _resolve(_decode_all(raw, codec), codec), True


def _decode_all(raw: bytes, codec: str) -> str:
    """Return ``raw`` as text, whatever it is.

    Where each byte is a character, one that is undefined is looked up as the others are: a million
    of them took most of a second as errors.
    """
    table = _table(codec)
    if table is None:
        return raw.decode(codec, _UNDEFINED)
    return codecs.charmap_decode(raw, "strict", table)[0]


@lru_cache(maxsize=256)
def _table(codec: str) -> str | None:
    """Return the character of each byte, ``None`` where a character may have several bytes."""
    module = importlib.import_module("encodings." + codec.replace("-", "_"))
    table = getattr(module, "decoding_table", None)
    if table is None:
        return None
    return "".join(
        chr(number) if character == "\ufffe" else character
        for number, character in enumerate(table)
    )


def known(label: bytes) -> str | None:
    """Return ``label`` as text where we read such a charset, else ``None``."""
    text = label.decode("latin-1").strip()
    return text if codec_of(text) else None


def codec_of(label: str) -> str | None:
    """Return the name of Python's codec for ``label``, or ``None`` where we do not read it."""
    return _codec_of(label[:_LABEL_LIMIT])


@lru_cache(maxsize=256)
def _codec_of(label: str) -> str | None:
    encoding = webencodings.lookup(label.strip(" \t\"'"))
    if encoding is None or encoding.name in _NEVER:
        return None
    return str(encoding.codec_info.name)


def _resolve(text: str, codec: str) -> str:
    """Return ``text`` with ``&#26085;`` as the character where ``codec`` has none for it.

    So browsers write what the charset of the page cannot say.
    """
    if codec == "utf-8" or "&#" not in text:
        return text
    return _REFERENCE.sub(lambda found: _meant(found[1], codec) or found[0], text)


@lru_cache(maxsize=1024)
def _meant(digits: str, codec: str) -> str | None:
    number = int(digits)
    # Control characters have their bytes in every charset of the web, whatever Python says.
    if number < 0xA0 or 0xD800 <= number < 0xE000 or number == 0xFFFD or number > 0x10FFFF:
        return None
    try:
        chr(number).encode(codec)
    except UnicodeEncodeError:
        return chr(number)
    return None
