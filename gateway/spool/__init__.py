"""Posts that came while the database was away, each a file of its own until it is drained.

A file is written under another name, synced, and only then gets its own: whoever finds one finds it
whole. Its name begins with the request id, which sorts by time, so the order of names is the order
in which posts came. ``broken/`` keeps what cannot be read, ``unproven/`` posts of callers that
could not be checked.
"""

import fcntl
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.files import sync_folder
from gateway.sealing import Sealer
from gateway.spool.files import NODE, BrokenFile, pack, sealed_by, unpack
from gateway.spool.node_key import node_sealer

__all__ = ["NODE", "BrokenFile", "Spool", "SpoolFull", "Waiting", "sealed_by"]

log = logging.getLogger("gateway.spool")

ENDING, DRAFT = ".post", ".part"
UNPROVEN, BROKEN = "unproven", "broken"

REFUSED_SHARE = 4
"""Refused posts get one part in so many of the room: guesses must not crowd out leads."""

_COUNTED_FOR = 1.0
_COUNT_SHARE = 20
"""A count of many files takes its time; it may take one part in so many of all time."""

PUT_OFF_SECONDS = 60.0
"""For how long a file is left alone that could not be done."""

DRAFT_SECONDS = 3600.0
"""How old a draft is that nobody writes any more; of a post that was not answered."""


class SpoolFull(Exception):
    """The spool has no room for the post, or its disk does not take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many posts wait in the spool, and their bytes."""

    posts: int
    bytes: int


class Spool:
    """The spool of one node, shared by all its processes."""

    def __init__(self, folder: str, most: int, sealer: Sealer) -> None:
        self.folder = Path(folder)
        self.most = most
        self._sealer = sealer
        self._lock = threading.Lock()
        self._count_at = float("-inf")
        self._bytes = 0
        self._put_off: dict[str, float] = {}

    def save(
        self,
        request_id: str,
        header: Mapping[str, Any],
        body: bytes,
        *,
        is_secret: bool = False,
        is_proven: bool = True,
        is_refused: bool = False,
    ) -> None:
        """Write a post down, durable when this returns. Raises SpoolFull.

        With ``is_secret`` it is sealed also where the system has no secret keys, by a key of this
        node: it holds credentials.
        """
        folder = self.folder if is_proven else self.folder / UNPROVEN
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sealer = self._sealer
            if is_secret and not sealer.is_active:
                sealer = node_sealer(self.folder)
            content = pack(header, body, sealer, by_node=sealer is not self._sealer)
            self._take_room(len(content), self.most // REFUSED_SHARE if is_refused else self.most)
            _write(folder, f"{request_id}{ENDING}", content)
        except OSError as error:
            log.exception("%s cannot be written to the spool", request_id)
            raise SpoolFull from error

    def _take_room(self, size: int, most: int) -> None:
        begun = time.monotonic()
        with self._lock:
            is_due = begun >= self._count_at
            if is_due:
                # Others go on by the last count meanwhile.
                self._count_at = float("inf")
        if is_due:
            counted: int | None = None
            try:
                counted = self.waiting().bytes
            finally:
                now = time.monotonic()
                with self._lock:
                    self._bytes = self._bytes if counted is None else counted
                    self._count_at = now + max(_COUNTED_FOR, _COUNT_SHARE * (now - begun))
        with self._lock:
            if self._bytes + size > most:
                log.error("the spool is full: %d bytes wait", self._bytes)
                raise SpoolFull
            self._bytes += size

    def paths(self) -> list[Path]:
        """Return the files that wait, in the order in which the posts came."""
        return [Path(path) for _, path in sorted((each.name, each.path) for each in self._files())]

    def is_empty(self) -> bool:
        """Whether no post waits."""
        return not any(True for _ in self._files())

    def waiting(self) -> Waiting:
        """Return how much waits."""
        posts = size = 0
        for entry in self._files():
            with suppress(FileNotFoundError):  # drained just now
                size += entry.stat().st_size
                posts += 1
        return Waiting(posts=posts, bytes=size)

    def _files(self, ending: str = ENDING) -> Iterator[os.DirEntry[str]]:
        for folder in (self.folder, self.folder / UNPROVEN):
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.name.endswith(ending) and entry.is_file(follow_symlinks=False):
                            yield entry
            except (FileNotFoundError, NotADirectoryError):
                continue

    def broken(self) -> list[Path]:
        """Return the files that were set aside and not taken away since."""
        return sorted((self.folder / BROKEN).glob(f"*{ENDING}"))

    def put_off(self, path: Path) -> None:
        """Leave a file alone for a while, in this process."""
        self._put_off[path.name] = time.monotonic() + PUT_OFF_SECONDS

    def is_put_off(self, path: Path) -> bool:
        """Whether the file is left alone for now."""
        if time.monotonic() < self._put_off.get(path.name, 0):
            return True
        self._put_off.pop(path.name, None)
        return False

    def sweep(self) -> None:
        """Remove the drafts of processes that ended while they wrote."""
        for entry in self._files(DRAFT):
            with suppress(OSError):
                if time.time() - entry.stat().st_mtime > DRAFT_SECONDS:
                    os.unlink(entry.path)

    def check(self) -> None:
        """Raise OSError where no post can be saved."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self.folder, ".probe", b"")
        (self.folder / ".probe").unlink(missing_ok=True)

    def read(self, path: Path) -> tuple[dict[str, Any], bytes]:
        """Return the header and the body of a file. Raises BrokenFile and CannotOpen."""
        return unpack(path.read_bytes(), self._sealer, lambda: node_sealer(self.folder, make=False))

    def renew(self, path: Path) -> None:
        """Seal a file with the first key, whoever sealed it; only the drainer may.

        Raises BrokenFile, CannotOpen, and OSError where it is gone or cannot be written.
        """
        header, body = self.read(path)
        _write(path.parent, path.name, pack(header, body, self._sealer, by_node=False))

    def remove(self, path: Path) -> None:
        """Forget a post that has been done; durable when this returns."""
        path.unlink(missing_ok=True)
        sync_folder(path.parent)

    def set_aside(self, path: Path, why: BrokenFile) -> None:
        """Put a file that cannot be read where it stops nobody and somebody can look at it."""
        folder = self.folder / BROKEN
        folder.mkdir(mode=0o700, exist_ok=True)
        log.error("%s is broken (%s); it lies in %s now", path.name, why, folder)
        path.rename(folder / path.name)
        sync_folder(folder)

    @contextmanager
    def drainer(self, *, wait: bool) -> Iterator[bool]:
        """Give whether this process is the one that drains; its death frees the place.

        With ``wait`` it waits until it is.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.folder / ".drain.lock", "ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True


def _write(folder: Path, name: str, content: bytes) -> None:
    draft = folder / f"{name}.{secrets.token_hex(8)}{DRAFT}"
    try:
        with open(draft, "xb", opener=_private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(folder / name)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
