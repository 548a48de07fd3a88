"""The short ways of speed give what the plain ways give: rows, values, answers."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_address
from typing import Any

import pytest
from batch_sizes import batch_sizes
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_rows import change, everything, rows, search_keys
from werkzeug.test import Client

from gateway.contract import System
from gateway.formats import EmailAddress, IpAddress
from gateway.models import Lead, Login, PendingKeys, RepeatKey, Submission, db
from gateway.schema import parse
from gateway.sealing import MARK, TEXT_MARK
from gateway.store import fast
from gateway.testing import Gateway
from tests.test_sealing import KEYS

MakeGateway = Callable[..., Gateway]

ODD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
TEXT = (
    st.sampled_from(["", " ", "Ann", 'O\'Neil "x"', "José", "a\\b", "%s", "日本", "x" * 300]) | ODD
)
FORMS = st.fixed_dictionaries(
    {"full_name": TEXT},
    optional={
        "company": TEXT,
        "address": st.sampled_from(["12 North First Street", "PO Box 7"]) | ODD,
        "phone": st.sampled_from(["+1 503 555 0100", "(503) 555-0199", "12"]) | ODD,
        "email": st.sampled_from(["ann@example.com", "nobody", "ann@bücher.example"]) | ODD,
        "lat": st.sampled_from(["45.523064", "1e5", "-90", ",5"]),
        "ok_to_text": st.sampled_from(["Yes", "0", "perhaps"]),
        "followup_date": st.sampled_from(["2031-05-06 07:08:09", "6.5.2031", "soon"]),
        "birth_date": st.sampled_from(["1979-05-17", "02-29", "2999-01-01"]),
        "status": st.sampled_from(["0", "7", str(2**63 - 1), "many"]),
        "gmt_offset": st.sampled_from(["-0800", "+5:30", "99"]),
        "ip": st.sampled_from(["203.0.113.7", "2001:db8::1", "here"]),
        "tags": st.lists(ODD, max_size=4).map(",".join),
        "note": TEXT,
        "notes": st.sampled_from(
            ['[{"Status":"A","Notes":"x"},{"Notes":"y"}]', "[]", '[{"Notes":"\\u00e9 %s \\\\"}]']
        ),
        "admin_notes": TEXT,
        "color": st.sampled_from(["red", "Grün", ""]),
        "unknown_one": TEXT,
        "upload_file_contents": st.sampled_from(["bytes", "\u00ff"]),
        "upload_file_name": st.just("a.pdf"),
    },
)

OWN_COLUMNS = {
    "request_id", "lead_id", "note_id", "event_id", "file_id", "change_id", "duration_us",
}  # fmt: skip
MEANT_TIMES = ("followup_date", "due_at")


@contextmanager
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let everything go the plain way until the block ends."""
    with monkeypatch.context() as patch:
        patch.setattr(fast, "can_write", lambda engine: False)
        yield


def written(gateway: Gateway) -> list[list[dict[str, Any]]]:
    """Return every row of lead and journal, without what differs from post to post."""
    models = (Submission, PendingKeys, RepeatKey)
    tables = [*everything(gateway), *(rows(gateway, model) for model in models)]
    return [[comparable(row) for row in table] for table in tables]


def comparable(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, value in row.items():
        if name in OWN_COLUMNS or (isinstance(value, datetime) and name not in MEANT_TIMES):
            continue
        if isinstance(value, dict):
            value = {key: each for key, each in value.items() if key not in OWN_COLUMNS}
        kept[name] = bytes(value) if isinstance(value, memoryview | bytearray) else value
    return kept


@settings(max_examples=60)
@given(
    form=FORMS,
    extra=st.sampled_from(
        [{}, {"match_update": "1"}, {"external_id": "E-1"}, {"idempotency_key": "key-1"}]
    ),
)
def test_both_ways_write_the_same_rows(
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    form: dict[str, str],
    extra: dict[str, str],
) -> None:
    found = []
    for way in (plain(monkeypatch), nullcontext()):
        clear(gateway)
        with way:
            answer = gateway.send(**form, **extra)
        found.append((answer.status, answer.status_message, written(gateway)))
    assert found[0] == found[1]


@settings(max_examples=60)
@given(first=FORMS, second=FORMS, by=st.sampled_from(["match_phone", "external_id", "update"]))
def test_both_ways_change_a_lead_the_same(
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    first: dict[str, str],
    second: dict[str, str],
    by: str,
) -> None:
    phone, both = {"phone": "+1 503 555 0100"}, {"phone": "+1 503 555 0100", "external_id": "E-1"}
    finds = {
        "match_phone": {"match_update": "1", "match_phone": "1"} | phone,
        "external_id": {"match_update": "1"} | both,
        "update": {"mode": "update"} | both,
    }
    found = []
    for way in (plain(monkeypatch), nullcontext()):
        clear(gateway)
        with way:
            made = gateway.send(**first | both)
            answer = gateway.send(**second | finds[by])
        found.append((answer.status, answer.status_message, written(gateway)))
        # Of the first one nothing is stored where it had a file without a name.
        assert None in (made.lead_id, answer.lead_id) or answer.lead_id == made.lead_id
    assert found[0] == found[1]


def test_short_way_writes_what_every_post_has(gateway: Gateway) -> None:
    answer = gateway.send(full_name="Ann Lee", phone="+1 503 555 0100", email="ann@example.com")
    row = rows(gateway, Submission)[-1]
    assert row["lead_id"] == answer.lead_id
    assert row["recorded_at"] >= row["received_at"]
    assert len(row["fields_digest"]) == 16
    keys = [request_id for request_id, _ in search_keys(gateway)]
    assert keys.count(answer.headers["X-Request-Id"]) == 3
    assert gateway.journal()[-1]["lead_id"] == answer.lead_id


@pytest.mark.parametrize("extra", [{}, {"match_update": "1", "match_phone": "1"}])
def test_short_way_seals_what_the_plain_way_seals(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch, extra: dict[str, str]
) -> None:
    gateway = make_gateway(GATEWAY_SECRET_KEYS=KEYS[:1])
    gateway.send(full_name="Ann Lee")
    shown = []
    for way in (plain(monkeypatch), nullcontext()):
        clear(gateway)
        with way:
            answer = gateway.send(full_name="Bob Ray", govt_id="123-45-6789", **extra)
        (lead,), (post,) = rows(gateway, Lead), rows(gateway, Submission)
        assert lead["govt_id"].startswith(TEXT_MARK)
        assert bytes(post["body"]).startswith(MARK)
        assert answer.lead_id is not None
        found = gateway.lead(answer.lead_id)
        assert found is not None
        shown.append((found["govt_id"], found["full_name"]))
    assert shown == [("*******6789", "Bob Ray")] * 2


def clear(gateway: Gateway) -> None:
    kept = {Login.__table__}
    change(gateway, *(t.delete() for t in reversed(db.metadata.sorted_tables) if t not in kept))


def test_new_lead_goes_the_short_way(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = batch_sizes(monkeypatch)
    gateway.send(full_name="Ann Lee", tags="a,b", note="n")
    assert sizes == [1]


@settings(max_examples=200)
@given(form=FORMS, mode=st.sampled_from(["insert", "update"]))
def test_compiled_readers_read_what_plain_ones_read(
    system: System, form: dict[str, str], mode: str
) -> None:
    readers = system.schema.readers
    slow = {name: replace(reader, quick=None, kept=0) for name, reader in readers.items()}
    sent = {"mode": mode, **form}
    assert parse(sent, system.schema) == parse(sent, replace(system.schema, readers=slow))


@given(address=st.from_regex(EmailAddress._PLAIN, fullmatch=True))
def test_usual_addresses_are_ones_that_the_library_takes(address: str) -> None:
    field = EmailAddress(254)
    assert field._is_address(address) or field._is_special(address)


@given(address=st.from_regex(IpAddress._PLAIN, fullmatch=True))
def test_usual_ip_addresses_are_their_own_short_form(address: str) -> None:
    assert ip_address(address).compressed == address


@pytest.fixture
def gateway(make_gateway: MakeGateway) -> Gateway:
    made = make_gateway()
    # The first connection finds out what the server can do.
    made.send(full_name="Ann Lee")
    return made


@pytest.fixture
def system(gateway: Gateway) -> System:
    return gateway.system


REFERENCE = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
POSTS = (
    b"command=lead_set&mode=insert&ai_login_id=web&ai_login_password=secret&full_name=Ann+Lee",
    b"command=lead_set&mode=insert&ai_login_id=web&ai_login_password=wrong",
    b"command=nothing&ai_login_id=web&ai_login_password=secret",
    b"",
    b"<xml>",
    b"command=lead_set&mode=insert&ai_login_id=web&ai_login_password=secret&lat=north",
)


@pytest.mark.parametrize("body", POSTS)
@pytest.mark.parametrize("path", ["/service", "/service/", "/service.php?ai_command=lead_set"])
@pytest.mark.parametrize("accept", ["", "application/json", "text/xml"])
def test_answer_is_the_same_before_flask_and_behind_it(
    make_gateway: MakeGateway, body: bytes, path: str, accept: str
) -> None:
    answers = []
    for behind in (True, False):
        app = make_gateway(logins=[{"name": "web", "password": "secret"}]).app
        answers.append(answer_of(app, behind=behind, path=path, body=body, accept=accept))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("http_errors", [True, False])
def test_repeat_and_outage_are_answered_the_same_before_flask_and_behind_it(
    make_gateway: MakeGateway, http_errors: bool
) -> None:
    found = []
    sent = {"path": "/service", "body": POSTS[0] + b"&idempotency_key=k", "accept": ""}
    for behind in (True, False):
        gateway = make_gateway(
            logins=[{"name": "web", "password": "secret"}], GATEWAY_HTTP_ERRORS=http_errors
        )
        answers = [answer_of(gateway.app, behind=behind, **sent) for _ in range(2)]
        assert gateway.system.breaker.begin_probing()
        gateway.system.breaker.trip()
        answers.append(answer_of(gateway.app, behind=behind, **sent))
        assert "x-gateway-repeat" in answers[1][1]
        assert (answers[2][0], answers[2][1]["x-gateway-error"]) == (
            503 if http_errors else 200,
            "spooled",
        )
        assert answers[2][1]["access-control-allow-origin"] == "*"
        plain = [(status, sorted(headers.items()), body) for status, headers, body in answers]
        found.append(REFERENCE.sub("…", repr(plain)))
    assert found[0] == found[1]


def answer_of(app: Flask, *, behind: bool, path: str, body: bytes, accept: str) -> Any:
    application = Flask.wsgi_app.__get__(app) if behind else app.wsgi_app
    response = Client(application).post(
        path,
        data=body,
        content_type="application/x-www-form-urlencoded",
        headers={"Accept": accept, "X-Forwarded-For": "203.0.113.9"},
    )
    headers = {name.lower(): value for name, value in response.headers.items()}
    assert len(headers.pop("x-request-id")) == 36
    return response.status_code, headers, response.data
