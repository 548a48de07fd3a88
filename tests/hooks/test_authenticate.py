"""``gateway_authenticate``: who is asked when, and what an answer does."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway import Caller, Refused
from tests.hooks.asked import JOHN, Start, is_fault, raises


def test_authenticate_asks_in_the_order_of_the_list_and_the_first_answer_wins(
    start: Start,
) -> None:
    asked = []

    def plugin(name: str, answer: Caller | None) -> dict[str, Callable[..., Any]]:
        def authenticate(call: Any, settings: Any) -> Caller | None:
            asked.append(name)
            return answer

        return {"authenticate": authenticate}

    gateway = start(
        plugin("a", None), plugin("b", Caller(name="bee")), plugin("c", Caller(name="sea"))
    )
    answer = gateway.post(b"command=lead_set&mode=insert&city=Rome", anonymous=True)
    assert answer.lead_id == 1001
    assert asked == ["a", "b"]
    assert [row["caller"] for row in gateway.journal()] == ["bee"]


def test_authenticate_is_asked_once_a_call_and_ours_last(start: Start) -> None:
    asked = []

    def abstains(call: Any, settings: Any) -> None:
        asked.append(call.request_id)

    gateway = start({"authenticate": abstains})
    assert gateway.send(**JOHN).lead_id == 1001
    assert len(asked) == 1
    refused = gateway.post(b"command=lead_set&mode=insert&city=Rome", anonymous=True)
    assert refused.status_message == "Authentication failed"
    assert len(asked) == 2
    gateway.post(b"command=lead_set&command[]=a", anonymous=True)
    gateway.post(b"", method="GET")
    assert len(asked) == 2


def test_authenticate_may_refuse_whom_our_login_would_take(start: Start) -> None:
    def refuses(call: Any, settings: Any) -> None:
        raise Refused("not on Sundays", code="closed")

    gateway = start({"authenticate": refuses}, {"authenticate": raises})
    answer = gateway.send(**JOHN)
    assert (answer.status, answer.status_message) == (1, "not on Sundays")
    assert answer.headers["X-Gateway-Error"] == "closed"
    assert [(row["outcome"], row["caller"]) for row in gateway.journal()] == [("refused", None)]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("web", "must return a Caller or None, not str"),
        (False, "must return a Caller or None, not bool"),
        (Caller(name=""), "whose name is no text"),
        (Caller(name="x" * 192), "whose name is no text"),
        (Caller(name="\ud800"), "whose name is no text"),
        (Caller(name="x", login_id=1), "with a login_id"),
        (Caller(name="x", format="yaml"), "whose format"),
        (Caller(name="x", on_invalid="no"), "whose on_invalid"),
        (Caller(name="x", defaults=["source"]), "defaults"),  # type: ignore[arg-type]
        (Caller(name="x", defaults={"nothing": "x"}), "default 'nothing'"),
        (Caller(name="x", defaults={"source": "x" * 192}), "default 'source'"),
        (Caller(name="x", defaults={"pool": "Main"}), "default 'pool'"),
    ],
)
def test_authenticate_that_answers_something_else_is_a_fault(
    start: Start, answer: Any, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start({"authenticate": lambda call, settings: answer})
    assert is_fault(gateway.send(**JOHN))
    assert gateway.count() == 0
    assert [row["outcome"] for row in gateway.journal()] == ["failed"]
    assert says in caplog.text


def test_authenticate_that_raises_is_a_fault_and_lets_nobody_in(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start({"authenticate": lambda call: 1 / 0})
    assert is_fault(gateway.send(**JOHN))
    assert gateway.count() == 0
    assert "plugin plug_1: gateway_authenticate raised ZeroDivisionError" in caplog.text
