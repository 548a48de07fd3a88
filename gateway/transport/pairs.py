"""What a body is cut into before anything is decoded, and how much of it a system takes."""

from typing import NamedTuple

from gateway.errors import TooLarge

MAX_PAIRS = 10_000
"""Names with a value in address and body together, JSON leaves included (contract, "size")."""


class Pair(NamedTuple):
    """One name and its value, in bytes, percent escapes resolved.

    ``leading_plus``: the value began with an unescaped ``+``. ``charset`` is the label that the
    part itself declares. ``file_name`` is ``None`` for all but a file part.
    """

    name: bytes
    value: bytes
    leading_plus: bool = False
    charset: str | None = None
    file_name: bytes | None = None
    content_type: str = ""


def check_count(count: int) -> None:
    """Raise TooLarge where ``count`` pairs are more than a system takes."""
    if count > MAX_PAIRS:
        raise TooLarge(f"The post has more than {MAX_PAIRS} fields; send fewer, or several posts")
