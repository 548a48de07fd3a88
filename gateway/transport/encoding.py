"""A call as a body again: for a post whose fields an operator has corrected."""

from collections.abc import Iterator
from urllib.parse import quote_plus

from gateway.contract import Call, FormValue

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"

_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def encode(call: Call) -> tuple[bytes, str]:
    """Return a body that is read as the command, fields and uploads of ``call``, and its type.

    Text is UTF-8. Credentials and other controls are not in it.
    """
    pairs = [("command", call.command)]
    for name, value in call.form.items():
        pairs += _pairs(name, value)
    if call.uploads:
        return _multipart(call, pairs)
    body = "&".join(f"{quote_plus(name, '[]')}={_escaped(value)}" for name, value in pairs)
    return body.encode("ascii"), URLENCODED


def _pairs(name: str, value: FormValue) -> Iterator[tuple[str, str]]:
    """Yield the pairs that make ``value``, arrays as PHP writes them."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, tuple):
        yield from ((name, each) for each in value)
    else:
        for key, each in value.items():
            yield from _pairs(f"{name}[{key}]", each)


def _escaped(text: str) -> str:
    # A value that began with a bare plus sign has a space there, which is written as one again.
    return quote_plus(text, errors="replace")


def _multipart(call: Call, pairs: list[tuple[str, str]]) -> tuple[bytes, str]:
    content = b"".join(upload.content for upload in call.uploads)
    texts = "".join(value for _, value in pairs).encode("utf-8", "replace")
    boundary, number = b"gateway", 0
    while boundary in content or boundary in texts:
        number += 1
        boundary = b"gateway-%d" % number
    parts = []
    for name, value in pairs:
        if name in call.leading_plus and value.startswith(" "):
            value = f"+{value[1:]}"
        parts.append(_part(name, None, "", value.encode("utf-8", "replace")))
    for each in call.uploads:
        file_name = each.name or None
        parts.append(_part(each.field, file_name, each.content_type, each.content))
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts)
    return body + b"--%s--\r\n" % boundary, f"{MULTIPART}; boundary={boundary.decode()}"


def _part(name: str, file_name: str | None, content_type: str, content: bytes) -> bytes:
    head = f'Content-Disposition: form-data; name="{name.translate(_ESCAPED)}"'
    if file_name is not None:
        head += f'; filename="{file_name.translate(_ESCAPED)}"'
    if content_type:
        head += f"\r\nContent-Type: {content_type}"
    return head.encode("utf-8", "replace") + b"\r\n\r\n" + content
