"""``flask journal``: posts are found by what is known of them, and shown when parts are gone."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from gateway.journal import keys
from gateway.models import StrangerHour, Submission
from gateway.testing import Gateway
from tests.cli_runner import done, refused, run, shown, with_commands
from tests.stored_rows import search_keys

_submission = Submission.__table__


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway())


def request_ids(gateway: Gateway, *words: str) -> list[str]:
    return [row["request_id"] for row in shown(gateway, "journal", "list", *words)]


def change(gateway: Gateway, request_id: str, **values: Any) -> None:
    with gateway.system.engine.begin() as connection:
        connection.execute(
            update(_submission).where(_submission.c.request_id == request_id).values(values)
        )


def last_id(gateway: Gateway) -> str:
    return str(gateway.journal()[-1]["request_id"])


PERSON = {
    "full_name": "José O'Neil",
    "phone": "(132) 123 1234",
    "cell": "503-555-0100",
    "fax": "503-555-0199",
    "email": "Ann@Example.com",
    "lat": "north",
}


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--phone", "+1 132 123 1234"),
        ("--phone", "5035550100"),
        ("--phone", "503.555.0199"),
        ("--email", "ann@example.COM"),
        ("--name", "JOSE  ONEIL"),
    ],
)
def test_person_is_found_whatever_became_of_the_post(
    gateway: Gateway, option: str, text: str
) -> None:
    gateway.send(**PERSON)
    gateway.send(mode="upsert", **PERSON)
    gateway.send(dry_run="1", **PERSON)
    gateway.login = None
    gateway.send(**PERSON)
    wanted = [row["request_id"] for row in reversed(gateway.journal())]
    gateway.send(full_name="Bob Roe", phone="503-555-0111", email="bob@example.com")
    assert request_ids(gateway, option, text) == wanted


def test_keys_are_those_of_the_post_and_junk_gives_none(gateway: Gateway) -> None:
    gateway.send(phone="555-555-5555", email="none@none.com", last_name="Lee")
    gateway.send(phone="503-555-0100", cell="(503) 555-0100", external_id="x-1")
    settings = gateway.system.settings
    assert set(search_keys(gateway)) == {
        (last_id(gateway), keys.search_key(kind, text, settings))
        for kind, text in (("phone", "5035550100"), ("external_id", "x-1"))
    }


def test_digests_are_those_that_are_stored(gateway: Gateway) -> None:
    person = {
        "phone": "(503) 555-0100",
        "email": "Ann@Example.com",
        "external_id": "x-1",
        "full_name": "Ann Lee",
        "address": "12 Main St",
        "address_2": "Apt 4",
    }
    assert {each.hex() for each in keys.search_keys(person, gateway.system.settings)} == {
        "3c13ceeebac536375d588907eb612ba4",
        "57211faa3c1fb1a354e3bb1095ed6ccc",
        "8bb00b129c6dcfb8badcabc237f30673",
        "ab7c572b5358eb1df4f5512d5355a1bb",
        "d13ec4d1fb5d7325dfcd6ae8df9cde68",
    }


def test_posts_are_found_by_their_facts(gateway: Gateway) -> None:
    gateway.send(last_name="Lee", lat="north")
    accepted = last_id(gateway)
    gateway.send(mode="update", lead_id="7", last_name="Lee")
    lost = last_id(gateway)
    gateway.send(last_name="Lee", mode="upsert", ok_to_text="perhaps")
    bad = last_id(gateway)
    assert request_ids(gateway) == [bad, lost, accepted]
    assert request_ids(gateway, "--limit", "1") == [bad]
    assert request_ids(gateway, "--outcome", "accepted") == [accepted]
    assert request_ids(gateway, "--code", "invalid") == [bad, accepted]
    assert request_ids(gateway, "--code", "invali") == []
    assert request_ids(gateway, "--code", "i_valid") == []
    assert request_ids(gateway, "--lead", "1001") == [accepted]
    assert request_ids(gateway, "--caller", "web", "--outcome", "refused") == [bad, lost]
    assert request_ids(gateway, "--caller", "shop") == []
    assert request_ids(gateway, "--replayable") == [bad, lost]
    change(gateway, lost, superseded_by=accepted)
    change(gateway, bad, handled_at=datetime.now(UTC))
    assert request_ids(gateway, "--replayable") == []


def test_posts_are_found_by_time(gateway: Gateway) -> None:
    gateway.send(last_name="Lee")
    change(gateway, last_id(gateway), received_at=datetime.now(UTC) - timedelta(hours=3))
    old = last_id(gateway)
    gateway.send(last_name="Roe")
    new = last_id(gateway)
    assert request_ids(gateway, "--since", "2h") == [new]
    assert request_ids(gateway, "--until", "2h") == [old]
    assert request_ids(gateway, "--since", "1d", "--until", "1H") == [old]
    assert request_ids(gateway, "--since", "2001-02-03", "--until", "2001-02-04T05:06+02:00") == []


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "999999w",
        "2h ago",
        "",
        "2026-13-01",
        "0001-01-01T00:00+05:00",
        "9999-12-31T23:59-05:00",
    ],
)
def test_bad_time_is_refused_by_name(gateway: Gateway, text: str) -> None:
    assert "--since" in refused(gateway, "journal", "list", "--since", text, exit_code=2)


@pytest.mark.parametrize(
    ("option", "text"), [("--phone", "12"), ("--email", "ann"), ("--name", "Ann")]
)
def test_what_finds_nobody_ever_is_refused(gateway: Gateway, option: str, text: str) -> None:
    assert refused(gateway, "journal", "list", option, text).startswith(f"Error: {option}: not a ")


def test_show_masks_sensitive_values_unless_the_body_is_asked_for(gateway: Gateway) -> None:
    gateway.send(mode="upsert", last_name="Lee", govt_id="123-45-6789")
    wanted = last_id(gateway)
    text = done(gateway, "journal", "show", wanted)
    assert "*******6789" in text
    assert "123-45" not in text
    whole = shown(gateway, "journal", "show", wanted, "--body")
    assert whole["fields"]["govt_id"] == "123-45-6789"
    assert "govt_id=123-45-6789" in whole["body"]
    assert whole["codes"] == "invalid"


def test_show_names_what_was_sent_again(gateway: Gateway) -> None:
    gateway.send(last_name="Lee")
    first = last_id(gateway)
    gateway.send(last_name="Lee")
    change(gateway, last_id(gateway), replay_of=first)
    change(gateway, first, superseded_by=last_id(gateway))
    found = shown(gateway, "journal", "show", first)
    assert found["replays"] == [last_id(gateway)]
    assert found["superseded_by"] == last_id(gateway)


def test_show_goes_on_without_a_body_that_is_gone(gateway: Gateway) -> None:
    gateway.send(last_name="Lee", note="x" * 70_000)
    files, row = gateway.system.files, gateway.journal()[-1]
    assert files.remove(row["stored_sha256"], datetime.now(UTC) + timedelta(hours=1))
    found = shown(gateway, "journal", "show", row["request_id"])
    assert found["unreadable"].endswith("is not in the file store")
    assert found["fields"] is None
    assert found["lead_id"] == 1001


def test_show_goes_on_without_the_key_that_sealed_the_body(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.sealing import CannotOpen, Sealer

    def lost(self: Sealer, sealed: bytes) -> bytes:
        raise CannotOpen

    gateway.send(last_name="Lee")
    monkeypatch.setattr(Sealer, "open", lost)
    found = shown(gateway, "journal", "show", last_id(gateway))
    assert "key was lost" in found["unreadable"]
    assert found["outcome"] == "accepted"


def test_show_goes_on_with_a_body_that_no_longer_parses(gateway: Gateway) -> None:
    gateway.send(last_name="Lee")
    change(gateway, last_id(gateway), content_type="application/json")
    found = shown(gateway, "journal", "show", last_id(gateway), "--body")
    assert found["unreadable"]
    assert found["body"].endswith("last_name=Lee")


def test_show_of_an_unknown_post_is_refused(gateway: Gateway) -> None:
    assert refused(gateway, "journal", "show", "x") == "Error: There is no post x."


def test_status_counts_what_came_and_what_waits(gateway: Gateway) -> None:
    gateway.send(last_name="Lee")
    gateway.send(last_name="Lee", dry_run="1")
    gateway.send(mode="upsert")
    change(gateway, last_id(gateway), received_at=datetime(2020, 1, 2, tzinfo=UTC))
    gateway.send(mode="upsert")
    found = shown(gateway, "journal", "status")
    assert found["posts"] == {"accepted": 1, "dry_run": 1, "refused": 2}
    assert found["unhandled"] == 2
    assert found["oldest_unhandled"].startswith("2020-01-02")
    assert found["bytes"] == sum(row["body_size"] for row in gateway.journal())
    assert shown(gateway, "journal", "status", "--since", "1h")["posts"]["refused"] == 1
    assert "not settled" in done(gateway, "journal", "status")


def test_strangers_stay_within_their_budget_and_the_oldest_go_first(
    make_gateway: Callable[..., Gateway],
) -> None:
    budget = 200_000
    gateway = with_commands(make_gateway(GATEWAY_STRANGER_BUDGET=budget))
    gateway.send(last_name="Kept")
    kept = last_id(gateway)
    sent = []
    for number in range(300):
        body = f"command=lead_set&mode=insert&phone=503555{number:04}&note={'x' * 3000}"
        answer = gateway.post(body.encode(), anonymous=True)
        sent.append(answer.headers["X-Request-Id"])
    there = [row["request_id"] for row in gateway.journal()]
    held = shown(gateway, "journal", "status")["strangers"]
    assert held["dropped"] == 300 - (len(there) - 1) > 200
    assert there == [kept, *sent[held["dropped"] :]]
    assert held["bytes"] <= budget
    assert {request_id for request_id, _ in search_keys(gateway)} <= set(there)
    with gateway.system.engine.connect() as connection:
        assert connection.execute(select(func.sum(StrangerHour.posts))).scalar_one() >= 0


def test_no_budget_keeps_no_stranger(make_gateway: Callable[..., Gateway]) -> None:
    gateway = with_commands(make_gateway(GATEWAY_STRANGER_BUDGET=0))
    for _ in range(3):
        gateway.post(b"mode=insert", anonymous=True)
    assert gateway.journal() == []
    assert shown(gateway, "journal", "status")["strangers"]["dropped"] == 3


def test_list_in_a_pipe_is_a_line_a_post(gateway: Gateway) -> None:
    gateway.post(b"ai_login_id=shop&ai_login_password=x", anonymous=True)
    lines = done(gateway, "journal", "list").splitlines()
    assert "shop ?" in lines[-1]
    assert run(gateway, "journal", "list", "--limit", "1").stderr.startswith("The newest 1")
    assert json.loads(done(gateway, "journal", "list", "--json"))[0]["claimed"] == "shop"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Request-Id": "ai_login_password=S3cret"},
        {"Origin": "https://example.com/?ai%5Ftoken=S3cret"},
        {"Content-Type": "application/x-www-form-urlencoded; ai_login_password=S3cret"},
        {"User-Agent": "ai_sitecom_token: S3cret"},
        {"Authorization": f"Basic {base64.b64encode(b'S3cret:').decode()}"},
        {"Authorization": f"Basic {base64.b64encode(b'ai_token=S3cret:x').decode()}"},
    ],
)
def test_secret_in_a_header_reaches_no_column(gateway: Gateway, headers: dict[str, str]) -> None:
    sent = dict(headers)
    kind = sent.pop("Content-Type", "application/x-www-form-urlencoded")
    gateway.post(b"command=lead_set&mode=insert", content_type=kind, headers=sent, anonymous=True)
    (row,) = gateway.journal()
    assert row["outcome"] == "refused"
    assert "S3cret" not in str(row)


def test_post_does_nothing_to_the_terminal_of_who_looks_at_it(gateway: Gateway) -> None:
    body = b"command=lead_set&full_name=A%1b%5b2J%07&note=%c2%9b2J%e2%80%ae&x=a%0ab"
    request_id = gateway.post(body).headers["X-Request-Id"]
    for words in ((), ("--body",), ("--json",)):
        output = done(gateway, "journal", "show", request_id, *words)
        assert not set(output) & set("\x1b\x07\x9b\u202e"), words
        assert "\\u001b[2J" in output
