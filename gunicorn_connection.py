"""Gunicorn's connection, request and answer, without what they do anew for each request and need
not; ``gunicorn_worker.py`` serves by them."""

import select
import socket
import time
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

from gunicorn import util
from gunicorn.http.message import TOKEN_RE, Request, _ip_in_allow_list
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.http.wsgi import HEADER_VALUE_RE, Response
from gunicorn.workers.gthread import TConn

HEAD_SECONDS = 20
"""How long the head of a request may take; for bodies there is ``gateway/transport/reading.py``."""


class Connection(TConn):
    """A connection that makes no selector of its own to wait for what a client sends first."""

    data_ready: bool

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        cfg = self.cfg
        if cfg.protocol == "http" and not cfg.is_ssl and cfg.http2_cleartext == "off":
            # What Gunicorn would choose for it.
            self.parser = _Parser(cfg, self.sock, self.client)

    def init(self) -> None:
        """Make ready for the first request, for which the socket waits already."""
        if self.parser is None:
            super().init()
        self.initialized = True

    def wait_for_data(self, timeout: float) -> bool:
        """Return whether there is something to be read within ``timeout`` seconds."""
        if not self.data_ready:
            waiting = select.poll()
            try:
                waiting.register(self.sock, select.POLLIN)
                self.data_ready = bool(waiting.poll(timeout * 1000))
            except (OSError, ValueError):
                # It is closed.
                return False
        return self.data_ready


class _Request(Request):
    """A request that asks once for an address whether it is that of a proxy."""

    def _peer_is_trusted_proxy(self) -> bool:
        peer = self.peer_addr
        if not isinstance(peer, tuple):
            return True
        return _is_among(peer[0], tuple(self.cfg.forwarded_allow_ips))


class _Unreader(SocketUnreader):
    """What comes on a connection, until the ``deadline`` if there is one (``time.monotonic``)."""

    deadline: float | None = None

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what has come. Raises TimeoutError."""
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
        received: bytes = super().chunk(size_hint)
        return received


class _Parser(RequestParser):
    mesg_class = _Request

    def __init__(self, cfg: Any, source: socket.socket, source_addr: Any) -> None:
        super().__init__(cfg, source, source_addr)
        self._sock, self.unreader = source, _Unreader(source)

    def __next__(self) -> Request:
        """Return the next request, when its head has come; there is none where it takes too long.

        Gunicorn waits for ever, and a few clients that stop within a head hold all its threads.
        """
        self.unreader.deadline = time.monotonic() + HEAD_SECONDS
        try:
            return super().__next__()
        except TimeoutError:
            raise StopIteration("The head of a request did not come in time") from None
        finally:
            self.unreader.deadline = None
            self._sock.settimeout(None)


@lru_cache(maxsize=1024)
def _is_among(address: str, allowed: tuple[str, ...]) -> bool:
    networks = [ip_network(each) for each in allowed if each != "*"]
    return bool(_ip_in_allow_list(address, allowed, networks))


class Answer(Response):
    """An answer that travels in one piece where its body does, so that the client wakes once."""

    headers_sent: bool

    def write(self, data: bytes) -> None:
        """Send a part of the body, before the first one the headers."""
        is_whole = type(data) is bytes and len(data) == self.response_length
        if self.headers_sent or not is_whole or self._omits_body or self.upgrade:
            super().write(data)
            return
        whole = self._head().encode("latin-1") + data
        self.headers_sent = True
        self.sock.sendall(whole)
        self.sent = len(data)

    def _head(self) -> str:
        version, minor = self.req.version
        connection = "close" if self.should_close() else "keep-alive"
        headers = "".join([f"{name}: {value}\r\n" for name, value in self.headers])
        return (
            f"HTTP/{version}.{minor} {self.status}\r\nServer: {self.version}\r\n"
            f"Date: {_date(int(time.time()))}\r\nConnection: {connection}\r\n{headers}\r\n"
        )

    def process_headers(self, headers: Sequence[tuple[str, str]]) -> None:
        """Take the headers of the application; checked all at once where they are as usual."""
        if not _are_usual(headers):
            super().process_headers(headers)
            return
        taken = self.headers
        for name, value in headers:
            text = value.strip(" \t")
            if name.lower() == "content-length":
                self.response_length = int(text)
            taken.append((name, text))


def _are_usual(headers: Sequence[tuple[str, str]]) -> bool:
    """Whether Gunicorn would take each of ``headers`` as it is."""
    try:
        names = [name for name, _ in headers]
        together = "".join(names), "".join([value for _, value in headers])
    except (AttributeError, TypeError):
        # One is no text.
        return False
    return bool(
        util.hop_headers.isdisjoint(map(str.lower, names))
        and "" not in names
        and TOKEN_RE.fullmatch(together[0])
        and HEADER_VALUE_RE.fullmatch(together[1])
    )


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return str(util.http_date(second))
