"""The shape of a value: enough to guess what it is, and nothing of what it says."""

LONGEST = 40
"""Characters of a shape; what is longer ends in an ellipsis."""

_KEPT = frozenset(" .,:;/+-_@#()'\"&%$?!=*[]{}|<>")


def shape(text: str) -> str:
    """Return ``text`` with 9 for each digit, a and A for letters, ? for what is neither.

    ``(503) 555-0100`` is ``(999) 999-9999``; a run of more than ten letters or digits is cut to
    ten, so that the length of a name or a secret does not show.
    """
    made: list[str] = []
    for character in text[: 5 * LONGEST]:
        sign = _sign(character)
        if sign in "aA9?" and made[-10:] == [sign] * 10:
            continue
        made.append(sign)
    shown = "".join(made)
    return f"{shown[: LONGEST - 1]}…" if len(shown) > LONGEST else shown


def _sign(character: str) -> str:
    if character.isdecimal():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character if character in _KEPT else " " if character.isspace() else "?"
