"""Step 6 by itself: replies and what goes over the wire for them."""

import json
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from gateway import respond
from gateway.contract import Call, Caller, Reply
from gateway.errors import Problem

SUCCESS = Reply(status=0, status_message="Lead Creation Successful", lead_id=1001)
TWO = Reply(
    status=1,
    status_message="a: no",
    problems=(Problem("a", "invalid", "a: no"), Problem("b", "too_long", "b: more <than> 'it'")),
)
SETTINGS = config.settings()


def call(accept: str = "") -> Call:
    return Call(request_id="r-1", received_at=datetime.now(UTC), accept=accept)


def kind(accept: str, *, login: str = "", setting: str = "pairs") -> str:
    settings = config.settings(GATEWAY_RESPONSE_FORMAT=setting)
    answer = respond.render(SUCCESS, call(accept), Caller(name="x", format=login), settings)
    return answer.content_type.partition(";")[0]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("application/json", "application/json"),
        ("application/json;charset=utf-8", "application/json"),
        ("APPLICATION/JSON; q=0.9", "application/json"),
        ("application/json, text/plain, */*", "text/plain"),
        ("application/json, */*;q=0.1", "text/plain"),
        ("application/json, */*;q=0", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/plain"),
        ("application/xml", "application/xml"),
        ("text/xml", "application/xml"),
        ("application/json, application/xml", "application/json"),
        ("application/xml;q=0.1, application/json", "application/json"),
        ("application/json;q=0.1, application/xml;q=0.5", "application/xml"),
        ("application/json;q=nonsense", "application/json"),
        ("image/png", "text/plain"),
        (";;,,q=", "text/plain"),
    ],
)
def test_accept_decides_the_form(accept: str, expected: str) -> None:
    assert kind(accept) == expected


def test_accept_goes_before_the_login_and_the_login_before_the_setting() -> None:
    assert kind("application/xml", login="json") == "application/xml"
    assert kind("*/*", login="json") == "application/json"
    assert kind("", login="", setting="xml") == "application/xml"
    assert kind("", login="pairs", setting="xml") == "text/plain"


def test_pairs_are_in_the_documented_order() -> None:
    assert respond.as_pairs(SUCCESS) == (
        "status=0&status_message=Lead+Creation+Successful&lead_id=1001"
    )


def test_several_errors_are_a_php_array() -> None:
    assert respond.as_pairs(TWO).startswith("status=1&status_message%5B0%5D=a%3A+no&")
    assert dict(parse_qsl(respond.as_pairs(TWO)))["status_message[1]"] == TWO.problems[1].message


def test_json_has_one_text_and_the_errors_apart() -> None:
    answer = json.loads(respond.as_json(TWO))
    assert list(answer) == ["status", "status_message", "errors"]
    assert answer["status_message"] == "a: no; b: more <than> 'it'"
    assert answer["errors"][0] == {"field": "a", "code": "invalid", "message": "a: no"}


def test_xml_is_well_formed() -> None:
    root = ElementTree.fromstring(respond.as_xml(TWO))
    assert [child.tag for child in root] == ["status", "status_message", "error", "error"]
    assert root[3].attrib == {"field": "b", "code": "too_long"}
    assert root[3].text == TWO.problems[1].message


@given(st.text(), st.integers(min_value=1))
def test_every_form_can_be_read_back(message: str, lead_id: int) -> None:
    reply = Reply(status=0, status_message=message, lead_id=lead_id)
    pairs = parse_qsl(respond.as_pairs(reply), keep_blank_values=True)
    assert dict(pairs) == {"status": "0", "status_message": message, "lead_id": str(lead_id)}
    assert json.loads(respond.as_json(reply))["status_message"] == message
    assert ElementTree.fromstring(respond.as_xml(reply)).findtext("lead_id") == str(lead_id)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_message_makes_headers_and_a_body(message: str) -> None:
    reply = Reply(
        status=0,
        status_message=message,
        problems=(Problem("", "internal", message),),
        warnings=(Problem("x", "invalid", message),) * 9,
        decision={"changes": [message]},
    )
    for accept in ("", "application/json", "application/xml"):
        answer = respond.render(reply, call(accept), None, SETTINGS)
        for value in answer.headers.values():
            assert value.isascii()
            assert value.isprintable()
            assert len(value) <= respond.HEADER_LIMIT
        answer.body.decode("utf-8")


def test_refusals_keep_http_200_unless_the_setting_says_otherwise() -> None:
    large = Reply(status=1, status_message="x", problems=(Problem("", "too_large", "x"),))
    assert respond.render(large, call(), None, SETTINGS).http_status == 200
    strict = config.settings(GATEWAY_HTTP_ERRORS=True)
    assert respond.render(large, call(), None, strict).http_status == 413
    assert respond.render(TWO, call(), None, strict).http_status == 200


def test_error_codes_are_named_once_each() -> None:
    twice = Reply(status=1, status_message="x", problems=(*TWO.problems, *TWO.problems))
    answer = respond.render(twice, call(), None, SETTINGS)
    assert answer.headers["X-Gateway-Error"] == "invalid,too_long"
    assert answer.headers["X-Request-Id"] == "r-1"
