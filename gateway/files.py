"""Where uploads lie: content-addressed by SHA-256, written before any row that names them."""

import hashlib
import os
import secrets
from dataclasses import dataclass
from typing import Any

import fsspec


@dataclass(frozen=True, slots=True)
class FileStore:
    """Bytes by their SHA-256, on a disk or in a bucket (whatever fsspec reaches)."""

    filesystem: Any
    root: str

    def put(self, content: bytes) -> str:
        """Store ``content`` and return its SHA-256 in hex; it is durable when this returns.

        The same content twice is one file. Raises OSError where it cannot be written.
        """
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if self.filesystem.exists(path):
            return digest
        folder = path.rpartition("/")[0]
        self.filesystem.makedirs(folder, exist_ok=True)
        # A reader never sees half a file: it gets its name only when it is whole.
        draft = f"{path}.{secrets.token_hex(8)}.part"
        with self.filesystem.open(draft, "wb") as file:
            file.write(content)
            file.flush()
            if self._is_local:
                os.fsync(file.fileno())
        self.filesystem.mv(draft, path)
        if self._is_local:
            _sync_folder(folder)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of ``digest``; raises FileNotFoundError."""
        content: bytes = self.filesystem.cat_file(self._path(digest))
        return content

    def check(self) -> None:
        """Raise OSError where the store cannot be written."""
        self.filesystem.makedirs(self.root, exist_ok=True)
        probe = f"{self.root}/.probe-{secrets.token_hex(8)}"
        self.filesystem.pipe_file(probe, b"")
        self.filesystem.rm_file(probe)

    def _path(self, digest: str) -> str:
        return f"{self.root}/{digest[:2]}/{digest[2:4]}/{digest}"

    @property
    def _is_local(self) -> bool:
        return "file" in self.filesystem.protocol


def open_files(url: str) -> FileStore:
    """Return the store at ``url``, such as ``file:///var/lib/gateway/files`` or ``s3://bucket/x``."""
    filesystem, root = fsspec.core.url_to_fs(url)
    return FileStore(filesystem, root.rstrip("/"))


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
