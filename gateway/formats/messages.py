"""What a value did wrong, with its code; and the checks that several formats share."""

from collections.abc import Sized

from marshmallow import ValidationError

from gateway.normal import fold_label


class Message(str):
    """A rule that a value breaks, with its code of ``errors.CODES``.

    It is a text, so it survives in Marshmallow's lists of messages. ``keepable`` is false where no
    policy may store the lead without the value.
    """

    code: str
    keepable: bool

    def __new__(cls, rule: str, code: str = "invalid", *, keepable: bool = True) -> "Message":
        """Make the message; ``rule`` completes the sentence that begins with the field's name."""
        message = super().__new__(cls, rule)
        message.code = code
        message.keepable = keepable
        return message


def broken(rule: str, code: str = "invalid", *, keepable: bool = True) -> ValidationError:
    """Return the error to raise for a value that breaks ``rule``."""
    return ValidationError(Message(rule, code, keepable=keepable))


HALF_CHARACTER = "holds half a character, a lone surrogate (whole Unicode characters)"


MOST_ENTRIES = 10_000
"""Entries of a list in one post, as many as a form may have pairs: each is a row, and all rows of a
post are written while others wait."""


def check_count(entries: Sized) -> None:
    """Raise ValidationError where a list has more entries than one post may bring."""
    if len(entries) > MOST_ENTRIES:
        raise broken(f"more than {MOST_ENTRIES} entries (send several posts)", code="too_long")


def check_length(text: str, longest: int) -> None:
    """Raise ValidationError where ``text`` has more characters than the store holds."""
    if len(text) > longest:
        raise broken(
            f"longer than {longest} characters (this one has {len(text)})", code="too_long"
        )


def check_label(label: str, longest: int, *, folded: int) -> str:
    """Return the key by which the label is compared.

    Raises ValidationError where the label, or the key, is longer than kept.
    """
    check_length(label, longest)
    key = fold_label(label)
    # One character can fold to eighteen (U+FDFA).
    if len(key) > folded:
        raise broken(f"longer than {folded} characters without its ligatures", code="too_long")
    return key
