"""Formats of text: free, labels, addresses of mail and machines, file names, tags."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Any

import email_validator
from marshmallow import fields

from gateway.formats.messages import broken, check_count, check_label, check_length


class Text(fields.String):
    """Free text of at most ``length`` characters, kept as it is."""

    free = True

    def __init__(
        self,
        length: int,
        *,
        multiline: bool = False,
        keeps_plus: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.length = length
        self.multiline = multiline
        self.keeps_plus = keeps_plus
        self.wire_type = "Text" if multiline else "String"

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        check_length(value, self.length)
        return str(value)


class Identifier(fields.String):
    """A text of at most ``length`` characters that stands for one thing."""

    wire_type = "String"

    def __init__(self, length: int, **options: Any) -> None:
        super().__init__(**options)
        self.length = length

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        check_length(value, self.length)
        return str(value)


class Label(fields.String):
    """The name of a row, compared without regard to case."""

    wire_type = "String"

    def __init__(self, length: int, *, folded: int, **options: Any) -> None:
        super().__init__(**options)
        self.length, self.folded = length, folded

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        check_label(value, self.length, folded=self.folded)
        return str(value)


class Mode(fields.String):
    """``insert`` or ``update``, in any case."""

    wire_type = "String"

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        mode = str(value).lower()
        if mode not in ("insert", "update"):
            raise broken("neither insert nor update")
        return mode


class IpAddress(fields.String):
    """An IPv4 or IPv6 address in its short form; the first of a list, without port and zone."""

    wire_type = "String"
    # The usual address is its own short form, and needs no library.
    _BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    _PLAIN = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}")
    _PORTS = re.compile(r"\[(?P<six>[^\]]*)\](?::[0-9]{1,5})?|(?P<four>[^:\[\]]*):[0-9]{1,5}")

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if self._PLAIN.fullmatch(value):
            return str(value)
        first = value.split(",")[0].strip()
        if with_port := self._PORTS.fullmatch(first):
            first = with_port["six"] or with_port["four"] or ""
        try:
            return ipaddress.ip_address(first.partition("%")[0]).compressed
        except ValueError:
            raise broken("not an IPv4 or IPv6 address (such as 192.0.2.10)") from None


class EmailAddress(fields.String):
    """An e-mail address as sent; its syntax is checked, its domain is not looked up."""

    wire_type = "String"
    # The usual address needs no library, which takes a hundred times as long; it takes all of these
    # (tests/test_fast.py holds the two against each other).
    _PLAIN = re.compile(
        r"(?=.{1,100}\Z)[A-Za-z0-9_+-]{1,30}(?:\.[A-Za-z0-9_+-]{1,30}){0,1}"
        r"@(?:[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,20}){0,2}\.){1,3}[A-Za-z]{2,20}"
    )

    def __init__(self, length: int, **options: Any) -> None:
        super().__init__(**options)
        self.length = length

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        check_length(value, self.length)
        if self._PLAIN.fullmatch(value):
            return str(value)
        if not self._is_address(value) and not (
            self._is_special(value) and self._is_address(f"{value}x")
        ):
            raise broken("not an e-mail address (such as name@example.com)")
        return value

    def _is_address(self, text: str) -> bool:
        try:
            email_validator.validate_email(text, check_deliverability=False)
        except ValueError:  # of the library, and of the encodings below it
            return False
        return True

    def _is_special(self, text: str) -> bool:
        # The library's list (.local, .test …) is global and no option turns it off: what is on it
        # is checked under a name that is not.
        domain = text.rpartition("@")[2].lower()
        return domain.endswith(tuple(email_validator.SPECIAL_USE_DOMAIN_NAMES))


class FileName(fields.String):
    """The base name of a file: all up to the last ``/`` or ``\\`` is dropped."""

    wire_type = "String"

    def __init__(self, length: int, **options: Any) -> None:
        super().__init__(**options)
        self.length = length

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        name = base_name(value)
        if not name:
            raise broken("not a file name (such as contract.pdf)")
        check_length(name, self.length)
        return name


class FileContents(fields.Field[bytes]):
    """The bytes of a file; they come as an upload and never as a value of the form."""

    wire_type = "File"

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bytes:
        raise broken("not the contents of one file")


def base_name(path: str) -> str:
    """Return the file name that ends ``path``, empty where it ends in none (``..``, ``C:\\``)."""
    name = re.split(r"[/\\]", path)[-1].strip()
    return "" if name in (".", "..") else name


class Tags(fields.Field[list[str]]):
    """Tags, separated by commas and by being several values; each once, in its first spelling."""

    wire_type = "List"
    many = True

    def __init__(self, length: int, *, folded: int, **options: Any) -> None:
        super().__init__(**options)
        self.length, self.folded = length, folded

    def _deserialize(self, value: Sequence[str], *args: Any, **kwargs: Any) -> list[str]:
        tags: dict[str, str] = {}
        for text in value:
            for tag in filter(None, map(str.strip, text.split(","))):
                tags.setdefault(check_label(tag, self.length, folded=self.folded), tag)
        check_count(tags)
        return list(tags.values())
