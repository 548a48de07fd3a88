"""Bytes in which credentials cannot be found are kept sealed, or by length and hash only."""

import gzip
import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway import auth, draining, spooling
from gateway.app import create_app
from gateway.sealing import Sealer
from gateway.testing import Gateway
from gateway.testing.client import FORM
from gateway.transport import call as transport_call
from gateway.transport.reading import Body
from tests.cli_runner import done, run, shown, with_commands
from tests.replay.replays import replayed, row_of, why
from tests.sealed.secrets_of_leads import remains
from tests.test_sealing import KEYS

PLAIN = "Qzv-S3CR3T"
BROKEN = f'{{"command": "lead_set", "ai_login_password": "{PLAIN}",}}'.encode()
LISTED = f"f[0][name]=ai_token&f[0][value]={PLAIN}".encode()
"""A form that can be read, and whose secret cannot be told from any other value."""

WRONG = b"command=lead_set&mode=insrt&last_name=Lee&" + LISTED
HIDDEN = "credentials may stand in it; flask journal show ID --body --secret shows it"
JSON = "application/json"


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway(GATEWAY_SECRET_KEYS=KEYS[:1]))


def post(gateway: Gateway, body: bytes, **options: Any) -> str:
    return gateway.post(body, **options).headers["X-Request-Id"]


def secret(gateway: Gateway, request_id: str) -> dict[str, Any]:
    found: dict[str, Any] = shown(gateway, "journal", "show", request_id, "--body", "--secret")
    return found


def test_broken_body_is_kept_sealed_and_shown_only_on_request(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    request_id = post(gateway, BROKEN, content_type=JSON)
    row = row_of(gateway, request_id)
    assert (row["flags"], row["body_size"]) == ("secret", len(BROKEN))
    assert remains(gateway, PLAIN) == []
    for words in ((), ("--body",)):
        hidden = shown(gateway, "journal", "show", request_id, *words)
        assert (hidden["unreadable"], hidden["fields"]) == (HIDDEN, None)
        assert PLAIN not in done(gateway, "journal", "show", request_id, *words)
        assert PLAIN not in json.dumps(hidden)
    found = secret(gateway, request_id)
    assert (found["body"].encode(), found["query"]) == (BROKEN, "")
    assert PLAIN in done(gateway, "journal", "show", request_id, "--body", "--secret")
    alone = run(gateway, "journal", "show", request_id, "--secret")
    assert alone.exit_code == 2
    assert "--secret is for --body only; give both." in alone.stderr
    assert PLAIN not in caplog.text


def test_without_keys_only_length_and_hash_are_kept(make_gateway: Callable[..., Gateway]) -> None:
    gateway = with_commands(make_gateway())
    broken = post(gateway, BROKEN, content_type=JSON)
    listed = post(gateway, b"command=lead_set&mode=insert&last_name=Lee", query=LISTED.decode())
    assert remains(gateway, PLAIN) == []
    row = row_of(gateway, broken)
    assert (row["body"], row["stored_sha256"], row["flags"]) == (None, None, None)
    assert (row["body_size"], row["body_sha256"]) == (
        len(BROKEN),
        hashlib.sha256(BROKEN).hexdigest(),
    )
    assert secret(gateway, broken)["body"] is None
    row = row_of(gateway, listed)
    assert (row["query"], row["flags"], row["outcome"]) == (None, None, "accepted")


def test_query_with_a_secret_is_kept_sealed_with_the_lead(gateway: Gateway) -> None:
    request_id = post(gateway, b"command=lead_set&mode=insert&last_name=Lee", query=LISTED.decode())
    assert (row_of(gateway, request_id)["outcome"], gateway.count()) == ("accepted", 1)
    assert remains(gateway, PLAIN) == []
    assert secret(gateway, request_id)["query"] == LISTED.decode()
    export = done(gateway, "lead", "export-person", "1001")
    assert PLAIN not in export
    (exported,) = json.loads(export)["posts"]
    assert exported["unreadable"] == HIDDEN
    assert PLAIN not in done(gateway, "field", "new", "--json")


def test_large_body_lies_sealed_in_the_file_store_and_is_sealed_anew(
    gateway: Gateway, request: pytest.FixtureRequest
) -> None:
    large = b"command=lead_set&mode=insert&last_name=Lee&note=" + b"x" * 70_000 + b"&" + LISTED
    request_id = post(gateway, large)
    assert row_of(gateway, request_id)["stored_sha256"]
    assert remains(gateway, PLAIN) == []
    broken = post(gateway, BROKEN, content_type=JSON)
    for keys in ((KEYS[1], KEYS[0]), (KEYS[1],)):
        app = create_app(replace(gateway.system.settings, GATEWAY_SECRET_KEYS=keys))
        request.addfinalizer(app.extensions["gateway"].engine.dispose)
        gateway = with_commands(Gateway(app, gateway.login))
        done(gateway, "secrets", "rotate")
    status = shown(gateway, "secrets", "status")
    assert set(status["values"]["files"]) == {Sealer(KEYS[1:2]).writes}
    assert secret(gateway, request_id)["body"].encode() == large
    assert secret(gateway, broken)["body"].encode() == BROKEN


def test_limits_hold_for_what_is_sealed(make_gateway: Callable[..., Gateway]) -> None:
    settings = {"GATEWAY_SECRET_KEYS": KEYS[:1], "GATEWAY_MAX_BODY": 100_000}
    gateway = with_commands(make_gateway(**settings))
    strangers = post(gateway, BROKEN + b" " * 65_536, content_type=JSON, anonymous=True)
    large = post(gateway, BROKEN + b" " * 100_000, content_type=JSON)
    for request_id in (strangers, large):
        row = row_of(gateway, request_id)
        assert (row["body"], row["stored_sha256"], row["flags"]) == (None, None, None)
        assert secret(gateway, request_id)["unreadable"] == "only its length and hash were kept"


def test_body_that_can_be_read_after_all_is_replayed(gateway: Gateway) -> None:
    old = post(gateway, WRONG)
    (tried,) = replayed(gateway, old, "--set", "mode=insert", "--dry-run")
    assert tried["outcome"] == "dry_run"
    (result,) = replayed(gateway, old, "--set", "mode=insert")
    assert (result["outcome"], gateway.count()) == ("accepted", 1)
    # The corrected body has the secret as the first one had.
    assert row_of(gateway, result["replay"])["flags"] == "secret"
    assert remains(gateway, PLAIN) == []
    assert PLAIN in secret(gateway, result["replay"])["body"]
    assert PLAIN not in done(gateway, "lead", "export-person", "1001")


def test_body_that_is_still_broken_or_compressed_is_left(gateway: Gateway) -> None:
    packed = gzip.compress(b"command=lead_set&mode=insert&last_name=Lee")
    broken = post(gateway, BROKEN, content_type=JSON)
    compressed = post(gateway, packed, headers={"Content-Encoding": "gzip"})
    assert why(gateway, broken).startswith("it cannot be read: The body is not JSON")
    assert why(gateway, compressed) == (
        "it cannot be read: The Content-Encoding gzip is not supported; send the body as it is"
    )


def test_erased_person_takes_the_sealed_bytes_along(gateway: Gateway) -> None:
    request_id = post(gateway, b"command=lead_set&mode=insert&last_name=Lee&" + LISTED)
    done(gateway, "lead", "erase", "1001", "--yes")
    row = row_of(gateway, request_id)
    assert (row["flags"], row["body"]) == ("erased", None)
    assert (
        secret(gateway, request_id)["unreadable"] == "the person was erased, and the body with it"
    )


@pytest.mark.parametrize(
    ("body", "content_type", "outcome"),
    [
        (BROKEN, JSON, "refused"),
        (b"command=lead_set&mode=insert&last_name=Lee&" + LISTED, FORM, "accepted"),
    ],
)
def test_post_that_waited_in_the_spool_is_kept_as_well(
    gateway: Gateway, body: bytes, content_type: str, outcome: str
) -> None:
    system = gateway.system
    request = transport_call.Request(
        request_id="0197c5a2-0000-7000-8000-000000000001",
        received_at=datetime.now(UTC),
        headers={"content-type": content_type},
        query=LISTED,
        body=Body(body, len(body), hashlib.sha256(body).hexdigest()),
    )
    call = transport_call.build(request, system.settings)
    assert PLAIN not in repr(replace(call, form={}))
    assert gateway.login is not None
    caller = auth.known(gateway.login[0], system)
    spooling.take(call, system, lambda: caller)
    (path,) = system.spool.paths()
    assert PLAIN.encode() not in path.read_bytes()
    draining.drain(system)
    row = row_of(gateway, request.request_id)
    assert row["outcome"] == outcome
    assert "secret" in row["flags"].split(",")
    assert remains(gateway, PLAIN) == []
    found = secret(gateway, request.request_id)
    assert (found["body"].encode(), found["query"]) == (body, LISTED.decode())
