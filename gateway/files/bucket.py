"""Uploads in an object store, which fsspec reaches by the library for it (s3fs for ``s3://``)."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import fsspec

ANSWER_SECONDS = 20
"""How long a post waits for the store; its library asks one that hangs for minutes, or for ever."""


class Bucket:
    """Objects under ``url``, named as a folder's files are (see ``FileStore``).

    An object appears whole or not at all, so none needs a draft. Between the look at its age and
    its end nothing keeps others from putting it again: a sweep that meets an upload of content of
    a day ago, in the same moment, would lose it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        # What is missing for it is said at the start.
        self._root: str = fsspec.get_filesystem_class(url.partition("://")[0])._strip_protocol(url)
        self._opened: Any = None
        self._process = 0

    def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        with self._filesystem() as files:
            files.pipe_file(self._path(digest), content, **self._limit)
        return digest

    def get(self, digest: str) -> bytes:
        with self._filesystem() as files:
            content: bytes = files.cat_file(self._path(digest), **self._limit)
        return content

    def head(self, digest: str, size: int) -> bytes:
        with (
            self._filesystem() as files,
            # A range of an empty object is an error to the store.
            files.open(self._path(digest), "rb", cache_type="none") as file,
        ):
            start: bytes = file.read(size)
        return start

    def exists(self, digest: str) -> bool:
        with self._filesystem() as files:
            return bool(files.exists(self._path(digest), **self._limit))

    def is_old(self, digest: str, before: datetime) -> bool:
        try:
            with self._filesystem() as files:
                return bool(files.modified(self._path(digest)) < before)
        except FileNotFoundError:
            return False

    def remove(self, digest: str, before: datetime) -> bool:
        if not self.is_old(digest, before):
            return False
        with self._filesystem() as files:
            files.rm_file(self._path(digest), **self._limit)
        return True

    def every(self) -> Iterator[str]:
        with self._filesystem() as files:
            found = sorted(files.find(self._root))
        for path in found:
            # Folders of two digits each, as ours; all else in the bucket is not our business.
            if path.removeprefix(self._root).count("/") == 3:
                yield path.rpartition("/")[2]

    def check(self) -> None:
        probe = f"{self._root}/.probe-{secrets.token_hex(8)}"
        with self._filesystem() as files:
            files.pipe_file(probe, b"", **self._limit)
            files.rm_file(probe, **self._limit)

    def _path(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest[2:4]}/{digest}"

    @property
    def _limit(self) -> dict[str, int]:
        """What a call is told besides, where the library can end it."""
        return {"timeout": ANSWER_SECONDS} if self._opened.async_impl else {}

    @contextmanager
    def _filesystem(self) -> Iterator[Any]:
        """Give what reaches the store; whatever it raises is an OSError."""
        # It has a thread and connections, which a worker does not inherit from its master.
        if self._process != os.getpid():
            # Of what it remembers of a listing, others would not know. One that the library has
            # made before may have been made for another server.
            self._opened, _ = fsspec.core.url_to_fs(
                self._url, use_listings_cache=False, skip_instance_cache=True
            )
            self._process = os.getpid()
        try:
            yield self._opened
        except OSError:
            raise
        except Exception as error:
            raise OSError(f"{type(error).__name__}: the store of files fails") from error
