"""What a setting may be; each check raises ValidationError with what it must be instead."""

import base64
import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import fsspec
import phonenumbers
import webencodings
from environs import ValidationError

KEY_BYTES = 32
"""Bytes of a secret key: AES-256."""

_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+/?")


def one_of(*choices: str) -> Callable[[Any], None]:
    """Return a check that the value is one of ``choices``."""

    def check(value: str) -> None:
        if value not in choices:
            raise ValidationError(f"must be one of {', '.join(choices)}")

    return check


def at_least(least: int, most: int = 2**62) -> Callable[[Any], None]:
    """Return a check that the number is in these bounds."""

    def check(value: int) -> None:
        if not least <= value <= most:
            raise ValidationError(f"must be {least} or more, and at most {most}")

    return check


def timezone(value: str) -> None:
    """Take the name of a time zone."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError("not a time zone name such as UTC or America/New_York") from None


def region(value: str) -> None:
    """Take a region of phone numbers."""
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValidationError("not a two-letter region code such as US or DE")


def charset(value: str) -> None:
    """Take a character set that browsers know and that can hold any byte."""
    encoding = webencodings.lookup(value)
    if encoding is None or encoding.name.startswith(("utf-16", "x-user")):
        raise ValidationError("not a character set that a browser knows, such as windows-1252")


def url(value: str) -> None:
    """Take the URL of a file system that can be reached with what is installed."""
    scheme, separator, path = value.partition("://")
    if not separator or scheme == "local":
        raise ValidationError("must be a URL such as file://instance/files")
    # In a bucket a folder without a name is one, but what lies in it is not found again.
    if scheme not in ("file", "memory") and "" in path.removesuffix("/").split("/"):
        raise ValidationError("must name a bucket, and no folder without a name (//) in it")
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise ValidationError(f"needs a package that is not installed ({error})") from None
    except ValueError:
        raise ValidationError(f"nothing reaches {scheme}:// (use file:// or s3://)") from None


def paths(value: tuple[str, ...]) -> None:
    """Take paths of endpoints, none of which is an address of our own."""
    if not value or not all(_PATH.fullmatch(path) for path in value):
        raise ValidationError("must be paths such as /service.php, of letters, digits, . _ ~ -")
    if taken := {path.rstrip("/") for path in value} & {"/healthz", "/readyz"}:
        raise ValidationError(f"{', '.join(taken)} is an address of our own")


def header(value: str) -> None:
    """Take what can stand in a header."""
    if not (value.isascii() and value.isprintable() and value.strip()):
        raise ValidationError("must be a content type such as text/plain; charset=utf-8")


def secret_key(text: str) -> bytes:
    """Return the bytes of a key. Raises ValueError, which does not show it."""
    try:
        key = base64.b64decode(text.strip().rstrip("=").encode() + b"=", b"-_", validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"each key must be {KEY_BYTES} bytes in base64url; flask secrets generate makes one"
        )
    return key


def secret_keys(value: tuple[str, ...]) -> None:
    """Take keys that ``flask secrets generate`` makes."""
    for text in value:
        try:
            secret_key(text)
        except ValueError as error:
            raise ValidationError(str(error)) from None
