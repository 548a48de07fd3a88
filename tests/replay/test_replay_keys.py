"""Replay and the keys of repeats: whichever came first closes the other."""

from datetime import UTC, datetime

import pytest

from gateway import repeats
from gateway.errors import RepeatInProgress
from gateway.testing import Gateway
from tests.replay.replays import change, replayed, row_of

KEY = {"Idempotency-Key": "order-1"}
POST = b"command=lead_set&mode=insert&full_name=Ann+Lee&city="


def test_repeat_that_did_not_wait_is_closed_by_its_first_post(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = gateway.post(POST, headers=KEY)

    def too_long(*_: object) -> None:
        raise RepeatInProgress

    with monkeypatch.context() as patch:
        patch.setattr(repeats, "reserve", too_long)
        old = gateway.post(POST, headers=KEY).headers["X-Request-Id"]
    # Another node's clock, by which the first post was written before its repeat came.
    change(gateway, first.headers["X-Request-Id"], recorded_at=datetime(2026, 1, 1, tzinfo=UTC))
    (result,) = replayed(gateway, old, "--set", "city=Oslo")
    assert (result["outcome"], result["lead_id"]) == ("superseded", first.lead_id)
    assert row_of(gateway, old)["superseded_by"] == first.headers["X-Request-Id"]
    assert gateway.count() == 1


def test_post_with_a_key_that_another_has_used_is_replayed(gateway: Gateway) -> None:
    gateway.post(POST, headers=KEY)
    answer = gateway.post(POST + b"Oslo", headers=KEY)
    assert answer.headers["X-Gateway-Error"] == "idempotency_key_reused"
    (result,) = replayed(gateway, answer.headers["X-Request-Id"])
    assert (result["outcome"], result["lead_id"]) == ("accepted", 1002)


def test_repeat_of_a_post_that_was_replayed_since_gets_its_lead(gateway: Gateway) -> None:
    wrong = POST.replace(b"insert", b"insrt")
    old = gateway.post(wrong, headers=KEY).headers["X-Request-Id"]
    (result,) = replayed(gateway, old, "--set", "mode=insert")
    again = gateway.post(wrong, headers=KEY)
    assert (again.status, again.status_message) == (0, "Lead Creation Successful")
    assert again.lead_id == result["lead_id"]
    assert "X-Gateway-Warning" not in again.headers
    assert gateway.count() == 1
