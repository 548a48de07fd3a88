"""Posts that reach the gateway at the same instant, and what they were answered.

Every connection stands and every post lies with the server but for its last byte before the last
bytes are sent, so that all of a server's threads begin together.
"""

import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPResponse
from urllib.parse import parse_qs, urlencode

PATIENCE = 120
"""Seconds after which a post that has no answer counts as lost."""

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one post was answered: the pairs, and the request id by which the journal has it."""

    http_status: int
    status: str
    message: str
    lead_id: int | None
    request_id: str

    @property
    def is_success(self) -> bool:
        return self.http_status == 200 and self.status == "0"

    @property
    def made_a_lead(self) -> bool:
        return self.is_success and self.message == "Lead Creation Successful"


@dataclass(frozen=True, slots=True)
class Client:
    """Posts to the gateway on ``port``; ``login`` are the fields that say who calls."""

    port: int
    login: Fields

    def send(self, fields: Fields) -> Answer:
        """Return the answer to one post, alone."""
        (answer,) = self.send_at_once([fields])
        return answer

    def send_at_once(self, posts: Iterable[Fields]) -> list[Answer]:
        """Return the answers to ``posts`` in their order, all sent at the same instant."""
        requests = [self._request(fields) for fields in posts]
        with ExitStack() as opened:
            connections = [opened.enter_context(self._connect()) for _ in requests]
            for connection, request in zip(connections, requests, strict=True):
                connection.sendall(request[:-1])
            for connection, request in zip(connections, requests, strict=True):
                connection.sendall(request[-1:])
            return [_answer(connection) for connection in connections]

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        # Or the kernel holds the last byte back until the server has acknowledged the others.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _request(self, fields: Fields) -> bytes:
        body = urlencode({"command": "lead_set", **self.login, **fields})
        head = (
            "POST /service HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            "Connection: close",
        )
        return "\r\n".join((*head, "", body)).encode()


def _answer(connection: socket.socket) -> Answer:
    response = HTTPResponse(connection, method="POST")
    response.begin()
    pairs = parse_qs(response.read().decode())
    lead_id = pairs.get("lead_id")
    return Answer(
        http_status=response.status,
        status=_only(pairs.get("status", [])),
        message=_only(pairs.get("status_message", [])),
        lead_id=int(_only(lead_id)) if lead_id else None,
        request_id=response.getheader("X-Request-Id", ""),
    )


def _only(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else ""
