"""Where uploads lie: content-addressed by SHA-256, written before any row that names them."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import fsspec


@dataclass(frozen=True, slots=True)
class FileStore:
    """Bytes by their SHA-256, on a disk or in a bucket (whatever fsspec reaches)."""

    filesystem: Any
    root: str

    def put(self, content: bytes) -> str:
        """Store ``content`` and return its SHA-256 in hex; it is durable when this returns.

        The same content twice is one file, and as young as the last of them: the row that names
        it is not there yet, and until then its age alone keeps it from being removed. Raises
        OSError where it cannot be written.
        """
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if self._is_local and _touch(path):
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
            sync_folder(folder)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of ``digest``; raises FileNotFoundError."""
        content: bytes = self.filesystem.cat_file(self._path(digest))
        return content

    def head(self, digest: str, size: int) -> bytes:
        """Return the first ``size`` bytes of ``digest``; raises FileNotFoundError."""
        start: bytes = self.filesystem.cat_file(self._path(digest), start=0, end=size)
        return start

    def exists(self, digest: str) -> bool:
        """Whether the file of ``digest`` is there."""
        return bool(self.filesystem.exists(self._path(digest)))

    def is_old(self, digest: str, before: datetime) -> bool:
        """Whether the file of ``digest`` is there and was last put before that time."""
        try:
            return bool(self.filesystem.modified(self._path(digest)) < before)
        except FileNotFoundError:
            return False

    def remove(self, digest: str, before: datetime) -> bool:
        """Remove the file of ``digest`` if it was last put before that time; whether it went."""
        path = self._path(digest)
        if not self.is_old(digest, before):
            return False
        if not self._is_local:
            # A bucket keeps no name while it looks: a put at this very moment would lose.
            self.filesystem.rm_file(path)
            return True
        # Without its name nobody can put it again unseen; who did so just before gets it back.
        aside = f"{path}.{secrets.token_hex(8)}.part"
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return False
        if os.stat(aside).st_mtime >= before.timestamp():
            os.rename(aside, path)
            return False
        os.unlink(aside)
        return True

    def every(self) -> Iterator[str]:
        """Yield the name of every file: its SHA-256, or with more behind it what was left over."""
        for folder in sorted(self._list(self.root)):
            for inner in sorted(self._list(folder)):
                for path in sorted(self._list(inner)):
                    yield path.rpartition("/")[2]

    def _list(self, folder: str) -> list[str]:
        try:
            found: list[str] = self.filesystem.ls(folder, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return found

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


def _touch(path: str) -> bool:
    """Make the file as young as a new one; ``False`` where there is none.

    The system looks for the name first and sets the time after: a file that :meth:`remove` took
    aside in between may have been judged by its old time. One that has its name once it is young
    can only be judged as young.
    """
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return os.path.exists(path)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the names in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
