"""Encryption at rest: what is sealed can be read with one of the system's secret keys only.

AES-256-GCM with a random nonce. A mark in front and the id of the key say what is sealed and by
which key. What was stored before there were keys has no mark and stays readable; content that
happens to begin like the mark is kept apart from it, with keys or without.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.setting_checks import KEY_BYTES, secret_key

MARK: Final = b"\x89sealed"
TEXT_MARK: Final = "sealed."
"""How all begins that was sealed, or escaped because it would look so."""

HEAD: Final = 32
"""Bytes from which ``key_id_of`` can tell how the whole was stored."""

_SEALED, _ESCAPED = MARK + b"\x01", MARK + b"\x00"
_TEXT_SEALED, _TEXT_ESCAPED = f"{TEXT_MARK}1.", f"{TEXT_MARK}0."
_ID, _NONCE = 6, 12
# What was sealed as one of them is not opened as the other, should somebody exchange them.
_BYTES_PURPOSE, _TEXT_PURPOSE = b"gateway bytes", b"gateway text"


class CannotOpen(Exception):
    """What was sealed cannot be read; the text says by which key it was, and nothing of it."""


class Sealer:
    """Seals with the first of ``keys`` and opens with any of them; without keys seals nothing.

    ``writes`` is the id of the first key, ``ids`` are those of all. Raises ValueError, which names
    the setting and never shows a key.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        try:
            raw = [secret_key(key) for key in keys]
        except ValueError as error:
            raise ValueError(f"GATEWAY_SECRET_KEYS: {error}") from None
        self._keys = {_id_of(key): AESGCM(key) for key in raw}
        self._first = next(iter(self._keys), None)
        self.ids = tuple(each.hex() for each in self._keys)
        self.writes = self.ids[0] if self.ids else ""

    @property
    def is_active(self) -> bool:
        """Whether anything is sealed at all."""
        return self._first is not None

    def seal(self, content: bytes) -> bytes:
        """Return ``content`` as it may lie on a disk."""
        if self._first is not None:
            return _SEALED + self._encrypt(content, _BYTES_PURPOSE)
        return _ESCAPED + content if content.startswith(MARK) else content

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raises CannotOpen."""
        if not sealed.startswith(MARK):
            return sealed
        if sealed.startswith(_SEALED):
            return self._decrypt(sealed[len(_SEALED) :], _BYTES_PURPOSE)
        return sealed.removeprefix(_ESCAPED)

    def seal_text(self, text: str) -> str:
        """Return ``text`` as it may stand in a column of text: sealed it is ASCII."""
        if self._first is not None:
            sealed = self._encrypt(text.encode(), _TEXT_PURPOSE)
            return _TEXT_SEALED + base64.urlsafe_b64encode(sealed).decode()
        return escape_text(text)

    def open_text(self, sealed: str) -> str:
        """Return the text that was sealed. Raises CannotOpen."""
        if is_sealed_text(sealed):
            return self._decrypt(_decoded(sealed), _TEXT_PURPOSE).decode()
        return sealed.removeprefix(_TEXT_ESCAPED)

    def renew(self, stored: bytes) -> bytes:
        """Return ``stored`` sealed by the first key, itself where it is. Raises CannotOpen."""
        return stored if key_id_of(stored) == self.writes else self.seal(self.open(stored))

    def renew_text(self, stored: str) -> str:
        """Return the stored text sealed by the first key, itself where it is. Raises CannotOpen."""
        if key_id_of_text(stored) == self.writes:
            return stored
        return self.seal_text(self.open_text(stored))

    def _encrypt(self, content: bytes, purpose: bytes) -> bytes:
        assert self._first is not None  # noqa: S101 both callers have looked
        nonce = os.urandom(_NONCE)
        return self._first + nonce + self._keys[self._first].encrypt(nonce, content, purpose)

    def _decrypt(self, sealed: bytes, purpose: bytes) -> bytes:
        key_id, rest = sealed[:_ID], sealed[_ID:]
        key = self._keys.get(key_id)
        if key is None:
            raise CannotOpen(
                f"sealed with key {key_id.hex()}, which is none of GATEWAY_SECRET_KEYS"
            )
        try:
            return key.decrypt(rest[:_NONCE], rest[_NONCE:], purpose)
        except (InvalidTag, ValueError):
            raise CannotOpen(
                f"damaged: key {key_id.hex()}, which sealed it, does not open it"
            ) from None


def new_key() -> str:
    """Return a new random key as the setting takes it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def key_id_of(stored: bytes) -> str:
    """Return the id of the key by which ``stored``, or all that it begins, is sealed; else ``""``.

    ``HEAD`` bytes are enough.
    """
    if not stored.startswith(_SEALED):
        return ""
    return stored[len(_SEALED) : len(_SEALED) + _ID].hex()


def key_id_of_text(stored: str) -> str:
    """Return the id of the key by which the text is sealed, ``""`` where it is not."""
    if not is_sealed_text(stored):
        return ""
    try:
        return _decoded(stored)[:_ID].hex()
    except CannotOpen:
        return "damaged"


def is_sealed_text(stored: str) -> bool:
    """Whether the text is sealed."""
    return stored.startswith(_TEXT_SEALED)


def escape_text(text: str) -> str:
    """Return ``text`` so that it is not taken for a sealed one."""
    return _TEXT_ESCAPED + text if text.startswith(TEXT_MARK) else text


def _decoded(sealed: str) -> bytes:
    try:
        return base64.b64decode(sealed[len(_TEXT_SEALED) :].encode(), b"-_", validate=True)
    except ValueError:
        raise CannotOpen("damaged: what was sealed is cut or changed") from None


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"gateway key id" + key).digest()[:_ID]
