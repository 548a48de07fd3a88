"""Both stores of files keep the same promises: a folder, and a bucket of a real S3 server."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.files import FileStore, open_files
from gateway.files import bucket as a_bucket
from tests.buckets import S3, s3

SHORTLY = timedelta(minutes=1)


@pytest.fixture(scope="module")
def bucket() -> Iterator[S3]:
    with s3() as server:
        yield server


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "folder":
        return open_files(f"file://{tmp_path}/files/")
    bucket: S3 = request.getfixturevalue("bucket")
    return open_files(f"{bucket.url}/{tmp_path.name}/")


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"x" * 6_000_000])
def test_what_was_put_is_there(files: FileStore, content: bytes) -> None:
    digest = files.put(content)
    assert digest == sha256(content).hexdigest()
    assert files.put(content) == digest
    assert files.exists(digest)
    assert files.get(digest) == content
    assert files.head(digest, 3) == content[:3]
    assert list(files.every()) == [digest]


def test_what_was_not_put_is_not_there(files: FileStore) -> None:
    absent = "0" * 64
    assert not files.exists(absent)
    assert not files.is_old(absent, datetime.now(UTC))
    assert not files.remove(absent, datetime.now(UTC))
    assert list(files.every()) == []
    for read in (files.get, lambda digest: files.head(digest, 3)):
        with pytest.raises(FileNotFoundError):
            read(absent)


def test_only_what_is_old_is_removed(files: FileStore) -> None:
    digest, other = files.put(b"content"), files.put(b"other")
    now = datetime.now(UTC)
    assert not files.remove(digest, now - SHORTLY)
    assert not files.is_old(digest, now - SHORTLY)
    assert files.get(digest) == b"content"
    assert files.is_old(digest, now + SHORTLY)
    assert files.remove(digest, now + SHORTLY)
    assert not files.exists(digest)
    assert not files.remove(digest, now + SHORTLY)
    assert list(files.every()) == [other]


def test_check_leaves_nothing(files: FileStore) -> None:
    files.check()
    assert list(files.every()) == []


def test_others_see_at_once_what_became_of_a_file(files: FileStore, bucket: S3) -> None:
    """As another process would, which has not seen it come or go."""
    assert list(files.every()) == []
    digest = files.put(b"content")
    other = open_files(f"s3://{files._root}") if hasattr(files, "_root") else files
    assert list(other.every()) == [digest]
    assert files.remove(digest, datetime.now(UTC) + SHORTLY)
    assert not other.exists(digest)
    assert list(other.every()) == []


def test_whatever_a_bucket_fails_by_is_an_oserror(bucket: S3) -> None:
    files = open_files("s3://nobody-has-made-this/up")
    for fails in (files.check, lambda: files.put(b"content")):
        with pytest.raises(OSError, match="bucket"):
            fails()


@pytest.mark.parametrize("size", [0, 30_000_000])
def test_bucket_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Whether it leaves a question without an answer or does not even read it to its end."""
    monkeypatch.setattr(a_bucket, "ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "x")
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        files, begun = open_files(f"s3://hangs-{size}/up"), time.monotonic()
        for asks in (lambda: files.put(b"x" * size), lambda: files.get("0" * 64), files.check):
            with pytest.raises(OSError):  # noqa: PT011 any of them
                asks()
        assert time.monotonic() - begun < 10
