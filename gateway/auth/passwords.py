"""What a process remembers of the passwords that it has checked."""

import hashlib
import os
import threading
from collections import OrderedDict

from werkzeug.security import check_password_hash

REMEMBERED = 4096
"""How many of each kind, right ones and wrong ones."""


class Passwords:
    """Checks passwords against slow hashes and remembers, keyed and hashed, what it has checked.

    Each process has its own; what it remembers holds for the stored hash only, so a changed
    password counts at once. One slow check runs at a time: a cold start must not keep every thread
    and core busy with the same few logins.
    """

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        # Wrong ones apart from right ones: a flood of guesses must not push out the callers.
        self._known: dict[bool, OrderedDict[bytes, None]] = {
            True: OrderedDict(),
            False: OrderedDict(),
        }

    def matches(self, name: str, stored: str, password: str) -> bool:
        """Whether ``password`` is the one that ``stored`` was made of, for the login ``name``.

        The name counts in what is remembered: else one try would make every login that does not
        exist answer faster than those that do.
        """
        password = password.strip()
        mark = hashlib.blake2b(
            as_bytes("\0".join((name, stored, password))), key=self._key, digest_size=16
        ).digest()
        remembered = self._remembered(mark)
        if remembered is not None:
            return remembered
        with self._lock:
            remembered = self._remembered(mark)
            if remembered is None:
                remembered = check_password_hash(stored, plain(password))
                known = self._known[remembered]
                known[mark] = None
                if len(known) > REMEMBERED:
                    known.popitem(last=False)
        return remembered

    def _remembered(self, mark: bytes) -> bool | None:
        for answer, known in self._known.items():
            if mark in known:
                return answer
        return None


def plain(password: str) -> str:
    """Return ``password`` without the lone surrogates that no hash function takes."""
    return password.encode("utf-8", "backslashreplace").decode("utf-8")


def as_bytes(text: str) -> bytes:
    """Return ``text`` for a hash function that takes any bytes."""
    return text.encode("utf-8", "surrogatepass")
