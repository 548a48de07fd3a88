"""A call can be made again of its row in the journal: what a replay stands on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway import journal
from gateway.contract import Call
from gateway.testing import Gateway
from gateway.transport import call as transport_call
from gateway.transport.again import request_of

MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="command"\r\n\r\nlead_set\r\n'
    b'--B\r\nContent-Disposition: form-data; name="city"\r\n\r\nZ\xfcrich\r\n'
    b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
    b"\x00\xff\r\n--B--\r\n"
)


def again(gateway: Gateway, row: dict[str, Any]) -> Call:
    body, query = journal.read_body(row, gateway.system), journal.read_query(row, gateway.system)
    request = request_of(row, body=body, query=query)
    return transport_call.build(request, gateway.system.settings)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"command=lead_set&tags[]=a&tags[]=b&first_name=Jos%E9&phone=+132", ""),
        (b'{"command": "lead_set", "ai_login_password": "x", "tags": ["a", "b"]}', "text/json"),
        (b'{"command": "lead_set", "tags": ["a", "b"]}', "application/json"),
        (MULTIPART, "multipart/form-data; boundary=B"),
        (b"command=lead_set&ai_login_id=web&ai_login_password=secret&note=" + b"x" * 99_000, ""),
        (b"", ""),
    ],
)
def test_call_made_again_says_the_same(
    make_gateway: Callable[..., Gateway],
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
    content_type: str,
) -> None:
    gateway = make_gateway()
    calls: list[Call] = []
    real = transport_call.build

    def build(*given: Any) -> Call:
        calls.append(real(*given))
        return calls[-1]

    with monkeypatch.context() as watched:
        watched.setattr(transport_call, "build", build)
        gateway.post(
            body,
            content_type=content_type or "application/x-www-form-urlencoded",
            query="source=a%20b&ai_token=",
            headers={
                "Accept": "application/json",
                "Origin": "https://example.com",
                "Idempotency-Key": "k-1",
                "X-Dry-Run": "1",
                "X-Request-Id": "theirs",
                "User-Agent": "Shop/1",
            },
        )
    (sent,) = calls
    (row,) = gateway.journal()
    made = again(gateway, row)
    same = {"credentials": sent.credentials, "started": sent.started, "problem": sent.problem}
    assert replace(made, **same) == sent
    assert (made.problem is None) == (sent.problem is None)
    assert made.credentials.password == ""
