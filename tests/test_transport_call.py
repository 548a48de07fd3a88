"""A whole request as a call: kinds of body, address beside body, commands, controls, problems."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import repeats
from gateway.errors import BrokenBody
from gateway.transport import fields, names
from gateway.transport.call import Request, build
from gateway.transport.reading import Body
from tests.made_calls import FORM, MULTIPART, SETTINGS, code, make, part, parts

CALLERS = sorted((Path(__file__).parent / "callers").glob("*.http"))


@pytest.mark.parametrize("path", CALLERS, ids=lambda path: path.stem)
def test_real_callers_are_read(path: Path) -> None:
    head, _, body = path.read_bytes().partition(b"\r\n\r\n")
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    headers = {name.lower(): value.strip() for name, _, value in lines}
    call = make(body, headers.pop("content-type"), headers=headers)
    assert call.problem is None
    assert call.command == "lead_set"
    assert call.form["mode"] == "insert"
    assert (call.credentials.login_id, call.credentials.password) == ("LOGIN", "SECRET")
    assert call.body is not None
    assert b"SECRET" not in call.body
    assert len(call.body) == len(body) - len("SECRET")
    expected = json.loads((path.parent / "expected.json").read_text(encoding="utf-8"))[path.stem]
    for name, value in expected.items():
        if name == "file":
            (upload,) = call.uploads
            assert (upload.field, upload.name) == ("upload_file_contents", value)
            assert upload.content == b"\0\1\xff\xfePDF%binary\r\n--not a boundary--\x80"
        elif isinstance(value, str) and name in call.form:
            assert names.single(call.form[name]) == value


def test_every_caller_has_its_expectation() -> None:
    expected = json.loads((CALLERS[0].parent / "expected.json").read_text(encoding="utf-8"))
    assert sorted(expected) == [path.stem for path in CALLERS]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"full_name=A+B", FORM),
        (b"full_name=A+B", FORM.upper() + "; charset=UTF-8"),
        (b"full_name=A+B", ""),
        (b"full_name=A+B", "text/plain"),
        (b"full_name=A+B", "application/octet-stream"),
        (b"\r\nfull_name=A+B\r\n", "nonsense"),
        (b'{"full_name": "A B"}', "application/json"),
        (b'{"full_name": "A B"}', "application/json;charset=utf-8"),
        (b'{"full_name": "A B"}', "application/vnd.api+json"),
        (b'\xef\xbb\xbf\n {"full_name": "A=B"}'.replace(b"=", b" "), ""),
        (b'{"full_name": "A B"}', "text/plain;charset=UTF-8"),
        (parts(part("full_name", b"A B")), MULTIPART),
        (parts(part("full_name", b"A B")), 'Multipart/Form-Data; charset=utf-8; boundary="b"'),
    ],
)
def test_body_is_read_for_what_it_is(body: bytes, content_type: str) -> None:
    call = make(body, content_type)
    assert call.problem is None
    assert call.form == {"full_name": "A B"}


@pytest.mark.parametrize(
    ("body", "content_type", "expected", "message"),
    [
        (b"hello", "", "unsupported_body", "Content-Type (none)"),
        (b"hello\na=1", "text/plain", "unsupported_body", "Content-Type text/plain"),
        (b"<a/>", "text/xml", "unsupported_body", "not supported"),
        (b'<?xml version="1.0"?>', "text/xml", "broken_body", "looks like XML"),
        (b'{"command": "lead_set"}', FORM, "broken_body", "Content-Type: application/json"),
        (parts(part("a", b"1")), FORM, "broken_body", "looks like multipart"),
        (b"a=1", "application/json", "broken_body", "not JSON"),
        (b"a=1", "multipart/form-data", "broken_body", "no boundary"),
        (b"a=1&" * 10_001, FORM, "too_large", "10000"),
    ],
)  # fmt: skip
def test_body_that_cannot_be_read_is_a_problem(
    body: bytes, content_type: str, expected: str, message: str
) -> None:
    call = make(body, content_type)
    assert code(call) == expected
    assert message in str(call.problem)
    # Whether a secret is in it can be told in a moment, unless it is too large.
    assert call.body == (None if expected == "too_large" else body)
    assert (call.body_size, call.body_sha256) == (len(body), hashlib.sha256(body).hexdigest())


def test_unread_body_that_names_a_secret_is_not_kept() -> None:
    assert make(b'{"ai_token": "S",}', "application/json").body is None
    assert make(b"ai_token", headers={"content-encoding": "gzip"}).body is None


def test_compressed_body_is_refused() -> None:
    assert code(make(b"a=1", headers={"content-encoding": "gzip"})) == "unsupported_body"
    assert make(b"a=1", headers={"content-encoding": "Identity"}).problem is None


def test_problem_of_reading_is_the_problem_of_the_call() -> None:
    problem = BrokenBody("cut short")
    request = Request(
        request_id="x",
        received_at=datetime(2030, 1, 1, tzinfo=UTC),
        headers={"authorization": "Bearer t"},
        query=b"ai_token=S&a=1",
        body=Body(None, 3, "digest", problem),
    )
    call = build(request, SETTINGS)
    assert call.problem is problem
    assert (call.body, call.body_size, call.query) == (None, 3, b"ai_token=&a=1")
    assert call.credentials.authorization == "Bearer t"


def test_address_counts_where_the_body_is_silent() -> None:
    call = make(
        b"city=Salem&tags=a",
        query=b"ai_command=lead_set&city=Rome&state=OR&tags[]=x&phone=+1&ai_login_id=web",
    )
    assert call.command == "lead_set"
    assert call.form == {"state": "OR", "phone": " 1", "city": "Salem", "tags": "a"}
    assert call.leading_plus == {"phone"}
    assert call.credentials.login_id == "web"
    assert call.credentials.in_address
    assert not make(b"ai_login_id=web", query=b"a=1").credentials.in_address


def test_leading_plus_is_that_of_the_last_value() -> None:
    assert make(b"phone=%2B1&cell=+1&fax=+1&fax=2&a[]=+1").leading_plus == {"cell", "a"}
    assert make(b"phone=1", query=b"phone=+1").leading_plus == frozenset()


@pytest.mark.parametrize(
    ("body", "command"),
    [
        (b"command=lead_set", "lead_set"),
        (b"ai_command=lead_set", "lead_set"),
        (b"command=+lead_set%0A&ai_command=lead_set", "lead_set"),
        (b"command=&ai_command=lead_set", "lead_set"),
        (b"command=x&command=lead_set", "lead_set"),
        (b"Command=lead_set", ""),
        (b"command=" + b"x" * 64, "x" * 64),
        (b"command=" + b"x" * 65, "?"),
        (b"command=lead_set%26ai_login_password%3DS", "?"),
        (b"command=lead%5Fset%ED%A0%80", "?"),
        (b"command=" + b"%CC%80%CC%96" * 1_000_000, "?"),
        (b"", ""),
    ],
)
def test_command_is_read_from_either_name(body: bytes, command: str) -> None:
    call = make(body)
    assert (call.command, call.problem) == (command, None)
    assert not {"command", "ai_command"} & call.form.keys()


@pytest.mark.parametrize("body", [b"command=a&ai_command=b", b"command[]=a", b"ai_command[x]=a"])
def test_command_that_is_not_one_name_is_refused_and_kept(body: bytes) -> None:
    call = make(body)
    assert code(call) == "unknown_command"
    assert call.body == body


def test_name_that_holds_a_secret_leaves_the_form() -> None:
    call = make(
        b"a=1&b%3D2%26ai_token%3DS&x.ai_token=S", query=b"command=c&mode%3Dx%26ai_token%3DS"
    )
    assert call.form == {"a": "1", "x_ai_token": "S"}
    assert (call.body, call.query) == (b"a=1&&x.ai_token=", b"command=c&")


def test_controls_are_cut_to_what_a_database_takes() -> None:
    body = json.dumps({"idempotency_key": "\ud800" * 200, "dry_run": "x" * 300}).encode()
    call = make(body, "application/json")
    assert call.idempotency_key == ("\\ud800" * 200)[:255]
    assert call.dry_run == "x" * 255


@pytest.mark.parametrize("between", ["x" * 300, "\x00" * 300, " " * 300])
def test_two_long_idempotency_keys_never_become_one_that_is_taken(between: str) -> None:
    for call in (
        make(json.dumps({"idempotency_key": f"a{between}b"}).encode(), "application/json"),
        make(b"", headers={"idempotency-key": f"a{between}b"}),
    ):
        assert len(call.idempotency_key) > repeats.LONGEST_KEY


def test_credentials_and_controls_leave_the_form() -> None:
    call = make(
        b"ai_login_id=i&ai_login_password=p&ai_token=t&ai_sitecom_token=s&form_key=k&dry_run=1"
        b"&idempotency_key=x&return_url=u&_charset_=utf-8&command=c&a=1"
    )
    assert call.form == {"a": "1"}
    said = call.credentials
    assert (said.login_id, said.password, said.token, said.site_token, said.form_key) == tuple(
        "iptsk"
    )
    assert (call.dry_run, call.idempotency_key) == ("1", "x")
    assert "'p'" not in repr(call)


def test_header_stands_for_a_missing_field() -> None:
    headers = {"x-dry-run": "1", "idempotency-key": "h", "x-request-id": "their\x00s"}
    call = make(b"", headers=headers)
    assert (call.dry_run, call.idempotency_key, call.caller_request_id) == ("1", "h", "theirs")
    assert make(b"dry_run=0&idempotency_key=f", headers=headers).dry_run == "0"
    assert make(b"dry_run=&idempotency_key=f", headers=headers).idempotency_key == "f"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_command_by_get_needs_the_setting(method: str) -> None:
    assert code(make(query=b"command=lead_set", method=method)) == "method_not_allowed"
    assert make(query=b"show=lead_set", method=method).problem is None
    allowed = make(query=b"command=lead_set&a=1", method=method, GATEWAY_ALLOW_GET=True)
    assert code(allowed) == (None if method == "GET" else "method_not_allowed")
    assert allowed.form == {"a": "1"}


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"a=Zo%EB&b=Zo%C3%AB", FORM, "Zoë"),
        (b"a=Zo%EB&_charset_=windows-1252&b=Zo%EB", FORM, "Zoë"),
        (b"a=%CF&_charset_=utf-16&_charset_=windows-1251&b=%CF", FORM, "П"),
        (b"a=%CF&_charset_=utf-8&b=%CF", FORM + "; charset=windows-1251", "П"),
        (parts(part("a", b"\xcf"), part("_charset_", b"windows-1251"), part("b", b"\xcf")),
         MULTIPART, "П"),
        (parts(part("a", b"\xcf", "\r\nContent-Type: text/plain; charset=windows-1251"),
               part("b", "П".encode())), MULTIPART, "П"),
    ],
)  # fmt: skip
def test_charset_that_was_declared_counts(body: bytes, content_type: str, text: str) -> None:
    call = make(body, content_type)
    assert (call.form["a"], call.form["b"]) == (text, text)


def test_use_of_the_fallback_charset_is_told() -> None:
    assert make(b"a=%EB").fallback_charset_used
    assert make(b"", query=b"a=%EB").fallback_charset_used
    assert not make(b"a=%C3%AB&upload_file_contents=%EB").fallback_charset_used


def test_json_names_are_mangled_too() -> None:
    call = make(b'{"first.name": "A", " tags[] ": "x", "[]": 1}', "application/json")
    assert call.form == {"first_name": "A", "tags": {"0": "x"}}


def test_fault_of_ours_is_a_problem_with_a_reference(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object, **more: object) -> None:
        raise RuntimeError("inner text")

    monkeypatch.setattr(fields, "from_pairs", fail)
    call = make(b"a[]=1")
    assert code(call) == "internal"
    assert str(call.problem) == f"Internal error, reference {call.request_id}"
    assert "inner text" in caplog.text
