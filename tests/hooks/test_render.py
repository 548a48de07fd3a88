"""``gateway_render``: the first answer wins, and ours is there where it fails."""

import logging
from typing import Any

import pytest

from gateway import Refused, Reply
from tests.hooks.asked import JOHN, Start


def test_render_first_answer_wins(start: Start) -> None:
    gateway = start(
        {"render": lambda reply, call: None},
        {"render": lambda reply, call: (b"%d" % reply.lead_id, "text/x-id")},
        {"render": lambda reply, call: (b"never", "text/plain")},
    )
    answer = gateway.send(**JOHN)
    assert (answer.body, answer.headers["Content-Type"]) == (b"1001", "text/x-id")
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "rendered",
    [
        "text",
        b"bytes",
        ("text", "text/plain"),
        (b"x",),
        (b"x", None),
        (b"x", ""),
        (b"x", "text/plain\r\nSet-Cookie: x=1"),
        [b"x", "text/plain"],
        ZeroDivisionError(),
        Refused("no"),
    ],
)
def test_render_that_fails_is_logged_and_the_answer_is_ours(
    start: Start, rendered: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def render(reply: Reply, call: Any) -> Any:
        if isinstance(rendered, Exception):
            raise rendered
        return rendered

    gateway = start({"render": render})
    answer = gateway.send(**JOHN)
    assert answer.body == b"status=0&status_message=Lead+Creation+Successful&lead_id=1001"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    (line,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert line.startswith(answer.headers["X-Request-Id"])
    assert "plugin plug_1: gateway_render" in line
    assert [row["outcome"] for row in gateway.journal()] == ["accepted"]
