"""What a value did wrong, with its code; and the checks that several formats share."""

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


def check_length(text: str, longest: int) -> None:
    """Raise ValidationError where ``text`` has more characters than the store holds."""
    if len(text) > longest:
        raise broken(
            f"longer than {longest} characters (this one has {len(text)})", code="too_long"
        )


def check_label(label: str, longest: int, *, folded: int) -> None:
    """Raise ValidationError where the label, or the key it is compared by, is longer than kept."""
    check_length(label, longest)
    # One character can fold to eighteen (U+FDFA).
    if len(fold_label(label)) > folded:
        raise broken(f"longer than {folded} characters without its ligatures", code="too_long")
