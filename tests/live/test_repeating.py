"""Repeats through real processes: at once, and after one of them died in the middle."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest
from live_gateway import LiveGateway, form, request

AT_ONCE = 32


def test_equal_posts_at_once_are_one_lead_with_one_answer(
    start: Callable[..., LiveGateway], engine: str
) -> None:
    gateway = start(engine, WEB_CONCURRENCY="4")
    for turn in range(2):
        post = request(
            form(full_name="Ann Lee", phone="132-123-1234", note="once", tags="a"),
            f"Idempotency-Key: turn-{turn}",
        )
        with ThreadPoolExecutor(AT_ONCE) as clients:
            answers = list(clients.map(gateway.exchange, [post] * AT_ONCE))
        assert {answer.body for answer in answers} == {
            b"status=0&status_message=Lead+Creation+Successful&lead_id=%d" % answers[0].lead_id
        }
        first = [answer for answer in answers if "X-Gateway-Repeat" not in answer.headers]
        assert len(first) == 1
        repeated = {answer.headers.get("X-Gateway-Repeat") for answer in answers}
        assert repeated == {None, first[0].headers["X-Request-Id"]}
        assert [note["text"] for note in gateway.lead(answers[0].lead_id)["notes"]] == ["once"]
    assert gateway.count() == 2


def test_window_makes_one_lead_of_equal_posts_at_once(
    start: Callable[..., LiveGateway], engine: str
) -> None:
    gateway = start(engine, WEB_CONCURRENCY="4", GATEWAY_REPEAT_WINDOW="600")
    posts = [request(form(last_name=f"Lee {number % 4}")) for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as clients:
        answers = list(clients.map(gateway.exchange, posts))
    assert gateway.count() == 4
    assert [answer.lead_id for answer in answers] == [
        answers[number % 4].lead_id for number in range(AT_ONCE)
    ]


KILLS = """
import os, signal
from pathlib import Path
from gateway import MatchRule, hookimpl
def keys(lead):
    marker = Path({marker!r})
    if lead.get("last_name") == "Lee" and marker.exists():
        marker.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return ()
@hookimpl
def gateway_match_rules(settings):
    return [MatchRule("match_odd", keys, help="Ends its process once.")]
"""


def test_worker_that_is_killed_frees_its_key(
    start: Callable[..., LiveGateway], engine: str, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    (tmp_path / "kills_its_process.py").write_text(KILLS.format(marker=str(marker)))
    gateway = start(engine, GATEWAY_PLUGINS="kills_its_process", PYTHONPATH=str(tmp_path))
    gateway.exchange(request(form(last_name="First")))
    post = request(form(last_name="Lee", note="once"), "Idempotency-Key: k")
    marker.touch()
    # Inside the transaction of the post, with its key held: rules see the lead as it will be.
    with pytest.raises((ConnectionError, HTTPException)):
        gateway.exchange(post)
    assert not marker.exists()
    again = gateway.exchange(post)
    assert again.pairs["status_message"] == "Lead Creation Successful"
    assert "X-Gateway-Repeat" not in again.headers
    assert gateway.exchange(post).body == again.body
    assert gateway.count() == 2
