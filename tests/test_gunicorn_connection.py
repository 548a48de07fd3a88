"""What is sent and believed is what Gunicorn itself would send and believe."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn import util
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.unreader import SocketUnreader
from gunicorn.http.wsgi import Response
from gunicorn.workers.gthread import TConn
from hypothesis import given
from hypothesis import strategies as st

import gunicorn_connection
from gunicorn_connection import Answer, Connection

NAMES = (
    *("Content-Type", "content-LENGTH", "Content-Length", "X-Request-Id", "Vary", "Connection"),
    *("Upgrade", "Server", "Transfer-Encoding", "", "A b", "A\n", "X-\u212a", 7),
)
VALUES = ("", "0", "3", " 3 ", "7", "text/plain", "upgrade", "websocket", "a\r\nb", "\x00", "é", 7)
STATUS = ("200 OK", "204 NO CONTENT", "304 NOT MODIFIED", "404", "500 \xe9")
BODIES = st.lists(st.sampled_from((b"", b"abc", b"abcdefg", "abc", bytearray(b"abc"))), max_size=3)


class Sent:
    def __init__(self) -> None:
        self.bytes = b""

    def sendall(self, data: bytes) -> None:
        self.bytes += data


def request(**said: Any) -> Any:
    return SimpleNamespace(should_close=lambda: said["closes"], **said)


def answer(kind: type[Response], asked: Any, status: str, headers: Any, body: Any) -> Any:
    """Return what is sent, and what the log is told, or the kind of error that is raised."""
    to = Sent()
    made = kind(asked, to, Config())
    error = None
    try:
        made.start_response(status, headers)
        for each in body:
            made.write(each)
        made.close()
    except Exception as raised:
        error = type(raised), str(raised)
    return to.bytes, error, made.sent, made.headers, made.headers_sent, made.should_close()


@given(
    asked=st.builds(
        request,
        method=st.sampled_from(("POST", "GET", "HEAD")),
        version=st.sampled_from(((1, 0), (1, 1))),
        closes=st.booleans(),
    ),
    status=st.sampled_from(STATUS),
    headers=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=5)
    | st.just([("Content-Type", "text/plain"), ("Content-Length", "3")]),
    body=BODIES,
)
def test_answer_is_what_gunicorn_sends(
    asked: Any, status: str, headers: list[tuple[Any, Any]], body: list[Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(util, "http_date", lambda *_: "today")
        gunicorn_connection._date.cache_clear()
        told = [
            answer(kind, asked, status, headers.copy(), body.copy()) for kind in (Response, Answer)
        ]
    gunicorn_connection._date.cache_clear()
    if told[0][1] is None:
        assert told[0] == told[1]
    else:
        assert told[0][:2] == told[1][:2]


def test_whole_answer_is_one_packet() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        asked = request(method="POST", version=(1, 1), closes=True)
        made = Answer(asked, ours, Config())
        made.start_response("200 OK", [("Content-Length", "3")])
        made.write(b"abc")
        assert theirs.recv(65_536, socket.MSG_DONTWAIT).endswith(b"\r\n\r\nabc")


@pytest.mark.parametrize("allowed", ["127.0.0.1,::1", "*", "10.0.0.0/8", ""])
@pytest.mark.parametrize(
    "peer", [("127.0.0.1", 1), ("10.1.2.3", 1), ("::1", 1, 0, 0), ("no address", 1), "", b""]
)
def test_proxy_is_believed_as_by_gunicorn(allowed: str, peer: Any) -> None:
    cfg = Config()
    cfg.set("forwarded_allow_ips", allowed)
    sent = b"POST /service HTTP/1.1\r\nX-Forwarded-Proto: https\r\nHost: a\r\n\r\n"

    def scheme(kind: type[Request]) -> str:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(sent)
            return str(kind(cfg, SocketUnreader(ours), peer).scheme)

    for _ in range(2):
        assert scheme(gunicorn_connection._Request) == scheme(Request)


@pytest.mark.parametrize("made", [TConn, Connection])
def test_waits_for_what_is_sent_first(made: type[TConn]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        conn = made(Config(), ours, "", "")
        assert not conn.wait_for_data(0.01)
        theirs.sendall(b"P")
        assert conn.wait_for_data(5)
    closed = made(Config(), socket.socket(), "", "")
    closed.sock.close()
    assert not closed.wait_for_data(0.01)


@pytest.mark.parametrize("pause", [None, 0.05])
def test_head_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch, pause: float | None
) -> None:
    """Whether nothing comes any more, or a byte now and then."""
    monkeypatch.setattr(gunicorn_connection, "HEAD_SECONDS", 0.3)
    ours, client = socket.socketpair()
    is_over = threading.Event()

    def drip() -> None:
        while pause is not None and not is_over.wait(pause):
            client.sendall(b"a")

    with ours, client, ThreadPoolExecutor(1) as pool:
        connection = Connection(Config(), ours, ("192.0.2.1", 1), ("192.0.2.2", 80))
        ours.setblocking(True)
        connection.init()
        client.sendall(b"POST /service HTTP/1.1\r\nHost: ")
        dripping = pool.submit(drip)
        with pytest.raises(StopIteration, match="in time"):
            next(connection.parser)
        is_over.set()
        dripping.result()


def test_body_may_take_longer_than_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn_connection, "HEAD_SECONDS", 0.2)
    # The clock stands still, so that the head comes in time also where this test is held up.
    monkeypatch.setattr(gunicorn_connection, "time", SimpleNamespace(monotonic=lambda: 0.0))
    ours, client = socket.socketpair()
    with ours, client, ThreadPoolExecutor(1) as pool:
        connection = Connection(Config(), ours, ("192.0.2.1", 1), ("192.0.2.2", 80))
        ours.setblocking(True)
        connection.init()
        client.sendall(b"POST /service HTTP/1.1\r\nContent-Length: 3\r\n\r\na")
        request = next(connection.parser)
        reading = pool.submit(request.body.read)
        with pytest.raises(TimeoutError):
            reading.result(3 * gunicorn_connection.HEAD_SECONDS)
        client.sendall(b"bc")
        assert reading.result() == b"abc"
