"""Patterns that people write into a file: checked when they are made, in linear time when used."""

import re2

from gateway.formats.messages import broken, check_length

LONGEST_PATTERN = 500
"""Characters of a pattern."""

LONGEST_VALUE = 50_000
"""Characters of a value that is held against a pattern."""

_LARGEST = 5_000
"""Steps of a compiled pattern ([a-z]{100} has a hundred): each counts for each character."""

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 1 << 20


class Pattern:
    """A check that the whole value is of a form, for ``validate=``.

    RE2 reads the pattern: it never goes back in the value, so no pattern runs away. It knows no
    look-around and no back-references, and ``\\w`` and ``\\d`` are ASCII there. Raises ValueError,
    whose text says why, where ``pattern`` is none or takes too many steps.
    """

    def __init__(self, pattern: str, *, example: str) -> None:
        if len(pattern) > LONGEST_PATTERN:
            raise ValueError(
                f"longer than {LONGEST_PATTERN} characters (this one has {len(pattern)})"
            )
        try:
            self._compiled = re2.compile(pattern, options=_OPTIONS)
        except re2.error as error:
            (reason,) = error.args
            raise ValueError(reason.decode("utf-8", "replace")) from None
        if self._compiled.programsize > _LARGEST:
            raise ValueError("too large once its repetitions are counted out")
        self._rule = f"not of the form {pattern} (such as {example})"

    def __call__(self, value: str) -> None:
        """Raise ValidationError where the value is of another form."""
        check_length(value, LONGEST_VALUE)
        if self._compiled.fullmatch(value) is None:
            raise broken(self._rule)
