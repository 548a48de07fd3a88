"""Header values with parameters, as bytes: ``form-data; name="a"; filename="b.pdf"``."""

import re
from urllib.parse import unquote_to_bytes

# A backslash escapes a quote and itself only: IE sends whole paths (C:\dir\a.pdf) unescaped.
_PARAMETER = re.compile(
    rb';\s*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]|\\["\\]|\\(?!["\\]))*+)"|([^;]*+))'
)
_ESCAPED = re.compile(rb'\\(["\\])')
_EXTENDED = re.compile(rb"([^']*)'[^']*'(.*)", re.DOTALL)

_WORD_END = re.compile(rb"[;,\s]")
_BOUNDARY = re.compile(rb'\s*+(?:"([^"]*+)"|([^,;]*+))')

Parameters = dict[bytes, bytes]


def split(value: bytes) -> tuple[bytes, Parameters]:
    """Return the main word of ``value``, lower case, and its parameters by lower-case name."""
    found: Parameters = {}
    for name, quoted, plain in _PARAMETER.findall(value):
        found[name.lower()] = _ESCAPED.sub(rb"\1", quoted) if quoted else plain.strip()
    return _WORD_END.split(value.strip(), maxsplit=1)[0].lower(), found


def boundary(content_type: bytes) -> bytes | None:
    """Return the boundary of a multipart body where PHP looks for it.

    That is anywhere in the header, up to a comma or a semicolon; RFC 1867 itself writes
    ``multipart/form-data, boundary=B``.
    """
    start = content_type.lower().find(b"boundary")
    equals = content_type.find(b"=", start)
    found = _BOUNDARY.match(content_type, equals + 1)
    if start < 0 or equals < 0 or found is None:
        return None
    return found[1] or (found[2] or b"").strip() or None


def text_parameter(parameters: Parameters, name: bytes) -> tuple[bytes | None, str | None]:
    """Return the bytes of a name or file name, and the charset that they declare, if any.

    ``name*=UTF-8''a%20b`` (RFC 5987) goes before the plain one. Browsers write a quote as ``%22``.
    """
    extended = _EXTENDED.fullmatch(parameters.get(name + b"*", b""))
    if extended:
        return unquote_to_bytes(extended[2]), extended[1].decode("latin-1") or None
    plain = parameters.get(name)
    return (None if plain is None else plain.replace(b"%22", b'"')), None
