"""Uploads on a disk."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Folder:
    """Files under ``root``, a folder to each two of the first four digits (see ``FileStore``)."""

    root: str

    def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = self.path(digest)
        if _touch(path):
            return digest
        folder = os.path.dirname(path)
        os.makedirs(folder, exist_ok=True)
        # A reader never sees half a file: it gets its name only when it is whole.
        draft = f"{path}.{secrets.token_hex(8)}.part"
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        sync_folder(folder)
        return digest

    def get(self, digest: str) -> bytes:
        with open(self.path(digest), "rb") as file:
            return file.read()

    def head(self, digest: str, size: int) -> bytes:
        with open(self.path(digest), "rb") as file:
            return file.read(size)

    def exists(self, digest: str) -> bool:
        return os.path.exists(self.path(digest))

    def is_old(self, digest: str, before: datetime) -> bool:
        try:
            return os.stat(self.path(digest)).st_mtime < before.timestamp()
        except FileNotFoundError:
            return False

    def remove(self, digest: str, before: datetime) -> bool:
        if not self.is_old(digest, before):
            return False
        # Without its name nobody can put it again unseen; who did so just before gets it back.
        path = self.path(digest)
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
        for folder in _names(self.root):
            for inner in _names(folder):
                for path in _names(inner):
                    yield os.path.basename(path)

    def check(self) -> None:
        os.makedirs(self.root, exist_ok=True)
        probe = f"{self.root}/.probe-{secrets.token_hex(8)}"
        with open(probe, "wb"):
            pass
        os.unlink(probe)

    def path(self, digest: str) -> str:
        """Return where the file of ``digest`` lies."""
        return f"{self.root}/{digest[:2]}/{digest[2:4]}/{digest}"


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.path.join(folder, name) for name in os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


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
