"""Where uploads lie: content-addressed by SHA-256, written before any row that names them.

``folder`` keeps them on a disk, ``bucket`` in an object store.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from gateway.files.bucket import Bucket
from gateway.files.folder import Folder, sync_folder

__all__ = ["FileStore", "open_files", "sync_folder"]

_FILE = "file://"


class FileStore(Protocol):
    """Bytes by the SHA-256 of them, in hex. Each method raises OSError where the store fails."""

    def put(self, content: bytes) -> str:
        """Store ``content`` and return its SHA-256; it is durable when this returns.

        The same content twice is one file, and as young as the last of them: the row that names
        it is not there yet, and until then its age alone keeps it from being removed.
        """

    def get(self, digest: str) -> bytes:
        """Return the bytes of ``digest``; raises FileNotFoundError."""

    def head(self, digest: str, size: int) -> bytes:
        """Return the first ``size`` bytes of ``digest``; raises FileNotFoundError."""

    def exists(self, digest: str) -> bool:
        """Whether the file of ``digest`` is there."""

    def is_old(self, digest: str, before: datetime) -> bool:
        """Whether the file of ``digest`` is there and was last put before that time."""

    def remove(self, digest: str, before: datetime) -> bool:
        """Remove the file of ``digest`` if it was last put before that time; whether it went."""

    def every(self) -> Iterator[str]:
        """Yield the name of every file: its SHA-256, or with more behind it what was left over."""

    def check(self) -> None:
        """Raise OSError where the store cannot be written."""


def open_files(url: str) -> FileStore:
    """Return the store at ``url``, such as ``file:///var/lib/gateway/files`` or ``s3://bucket/x``.

    Raises ValueError for a scheme that nobody knows, ImportError where its library is missing.
    """
    return Folder(url.removeprefix(_FILE).rstrip("/")) if url.startswith(_FILE) else Bucket(url)
