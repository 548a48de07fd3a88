"""The body off the wire, whatever the client does, and who the connection says it is."""

import hashlib
import io
import re
import socket
import subprocess
import sys
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from gunicorn.http.body import Body as ServerBody
from gunicorn.http.body import LengthReader
from gunicorn.http.unreader import SocketUnreader

from gateway.errors import BrokenBody, TooLarge
from gateway.transport import identity, reading

LIMIT = 100_000


def environ(raw: bytes, *, length: object = None, **more: Any) -> dict[str, Any]:
    said = {} if length is None else {"CONTENT_LENGTH": str(length)}
    return {"wsgi.input": io.BytesIO(raw), **said, **more}


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize(
    ("source", "content"),
    [
        (environ(b"a=1", length=3), b"a=1"),
        (environ(b"a=1&b=2", length=3), b"a=1"),
        (environ(b"a=1", **{"wsgi.input_terminated": True}), b"a=1"),
        (environ(b"a=1"), b""),
        (environ(b"", length=0), b""),
        (environ(b"x" * LIMIT, length=LIMIT), b"x" * LIMIT),
        (environ(b"a=1", length="three"), b""),
    ],
    ids=["length", "next-request", "chunked", "no-length", "empty", "at-limit", "bad-length"],
)
def test_body_is_read_to_its_end(source: dict[str, Any], content: bytes) -> None:
    body = reading.read(source, LIMIT)
    assert body == (content, len(content), digest(content), None)


@pytest.mark.parametrize("terminated", [False, True])
def test_body_beyond_the_limit_is_dropped_and_hashed(terminated: bool) -> None:
    raw = b"x" * (LIMIT + 1)
    length = None if terminated else len(raw)
    source = environ(raw, length=length, **{"wsgi.input_terminated": terminated})
    content, size, sha256, problem = reading.read(source, LIMIT)
    assert (content, size, sha256) == (None, len(raw), digest(raw))
    assert isinstance(problem, TooLarge)
    assert str(LIMIT) in str(problem)
    assert source["wsgi.input"].read() == b""


def test_dropping_ends_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "DROPPED_BYTES", 3 * LIMIT)
    body = reading.read(environ(b"x" * 10 * LIMIT, length=10 * LIMIT), LIMIT)
    assert isinstance(body.problem, TooLarge)
    assert body.size < 5 * LIMIT


def test_dropping_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "DROPPING_SECONDS", -1)
    body = reading.read(environ(b"x" * 10 * LIMIT, length=10 * LIMIT), LIMIT)
    assert isinstance(body.problem, TooLarge)
    assert body.size < 3 * LIMIT


def test_body_that_ends_early_is_refused_with_both_lengths() -> None:
    body = reading.read(environ(b"a=1", length=10), LIMIT)
    assert (body.content, body.size, body.sha256) == (None, 3, digest(b"a=1"))
    assert isinstance(body.problem, BrokenBody)
    assert re.search("3 of the 10 bytes", str(body.problem))


def test_body_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BODY_SECONDS", -1)
    body = reading.read(environ(b"x" * LIMIT, length=LIMIT), LIMIT)
    assert "in time" in str(body.problem)


def test_connection_that_breaks_is_a_refusal() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError

    body = reading.read({"wsgi.input": Broken(), "CONTENT_LENGTH": "5"}, LIMIT)
    assert isinstance(body.problem, BrokenBody)


def test_client_that_stalls_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "IDLE_SECONDS", 0.05)
    client, server = socket.socketpair()
    with client, server:
        client.sendall(b"a=1")
        stream = ServerBody(LengthReader(SocketUnreader(server), 10))
        body = reading.read(
            {"wsgi.input": stream, "CONTENT_LENGTH": "10", "gunicorn.socket": server}, LIMIT
        )
        assert "in time" in str(body.problem)
        assert server.gettimeout() is None


def test_request_ids_are_unique_and_sort_by_time() -> None:
    ids = [identity.new_request_id() for _ in range(2_000)]
    assert len(set(ids)) == len(ids)
    assert all((UUID(each).version, UUID(each).variant) == (7, RFC_4122) for each in ids)
    assert all(str(UUID(each)) == each for each in ids)
    moments = [each[:18] for each in ids]
    assert moments == sorted(moments)


FORKED = """
import os
from gateway.transport import identity

def of_a_child() -> bytes:
    given, taken = os.pipe()
    if os.fork() == 0:
        os.write(taken, identity.new_request_id().encode())
        os._exit(0)
    return os.read(given, 36)

identity.time.time_ns = lambda: 1
print(len({of_a_child() for _ in range(20)}))
"""


def test_request_ids_of_processes_differ() -> None:
    """Workers are forked from one that may have given ids already."""
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, check=True)
    assert done.stdout == b"20\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [("abc-1", "abc-1"), (" a\r\nb\x00 ", "ab"), ("é\xff", ""), ("x" * 300, "x" * 255)],
)
def test_header_text_is_printable_and_short(value: str, text: str) -> None:
    assert identity.header_text(value) == text


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        (None, 0, "10.0.0.1"),
        ("1.1.1.1", 0, "10.0.0.1"),
        (None, 1, "10.0.0.1"),
        ("1.1.1.1", 1, "1.1.1.1"),
        ("6.6.6.6, 1.1.1.1", 1, "1.1.1.1"),
        ("6.6.6.6, 1.1.1.1, 2.2.2.2", 2, "1.1.1.1"),
        ("1.1.1.1", 2, "10.0.0.1"),
        ("1.1.1.1:4711", 1, "1.1.1.1"),
        ("[2001:DB8::1]:4711", 1, "2001:db8::1"),
        ("2001:db8::1", 1, "2001:db8::1"),
        ("unknown", 1, "10.0.0.1"),
        ("6.6.6.6,", 1, "10.0.0.1"),
    ],
)
def test_address_is_the_callers(forwarded: str | None, proxies: int, address: str) -> None:
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    assert identity.client_address(headers, "10.0.0.1", proxies=proxies) == address
