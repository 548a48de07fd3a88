"""Gunicorn's connection, request and answer, without what they do anew for each request and need
not; ``gunicorn_worker.py`` serves by them."""

import re
import select
import time
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

from gunicorn import util
from gunicorn.http.message import (
    RFC9110_5_3_SINGLETON_FIELDS,
    TOKEN_RE,
    Request,
    _ip_in_allow_list,
)
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import HEADER_VALUE_RE, Response
from gunicorn.workers.gthread import TConn


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


_LINE = re.compile(r"([0-9A-Za-z!#$%&'*+.^`|~-]+):[\t ]*([\t -~\x80-\xff]*)")
"""A header as nearly all are: the name a token without an underscore, which could stand for a
hyphen, and the value without a control character."""

_LOOKED_AT = RFC9110_5_3_SINGLETON_FIELDS | {"EXPECT"}
"""Names of headers that Gunicorn looks at, beside those by which a proxy says the scheme."""


class _Request(Request):
    """A request that takes plain headers in one step each, and asks once for an address whether it
    is that of a proxy."""

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:
        """Return the headers in ``data``; Gunicorn itself reads what is unusual or wrong."""
        lines = data.decode("latin-1").split("\r\n")
        found = [match for match in map(_LINE.fullmatch, lines) if match]
        is_usual = (
            len(found) == len(lines) <= self.limit_request_fields
            and max(map(len, lines)) + len("\r\n") <= self.limit_request_field_size
        )
        if from_trailer or not is_usual:
            return list(super().parse_headers(data, from_trailer=from_trailer))
        headers = [(match[1].upper(), match[2].rstrip(" \t")) for match in found]
        by_proxy, forwarders = self._peer_trusted_for_forwarded()
        scheme, seen = [False], set[str]()
        for name, value in headers:
            if name in _LOOKED_AT or name in by_proxy:
                self._apply_header_policy(name, value, scheme, seen, by_proxy, forwarders)
        return headers

    def _peer_is_trusted_proxy(self) -> bool:
        peer = self.peer_addr
        if not isinstance(peer, tuple):
            return True
        return _is_among(peer[0], tuple(self.cfg.forwarded_allow_ips))


class _Parser(RequestParser):
    mesg_class = _Request


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
        self.headers_sent = True
        self.sent = len(data)
        self.sock.sendall(self._head().encode("latin-1") + data)

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
        names = [name.lower() for name, _ in headers]
        together = "".join(names), "".join([value for _, value in headers])
    except (AttributeError, TypeError):
        # One is no text.
        return False
    return bool(
        util.hop_headers.isdisjoint(names)
        and "" not in names
        and TOKEN_RE.fullmatch(together[0])
        and HEADER_VALUE_RE.fullmatch(together[1])
    )


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return str(util.http_date(second))
