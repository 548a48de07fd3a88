"""A JSON object as form values (contract, "JSON")."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import SECRETS
from gateway.errors import BrokenBody, TooLarge
from gateway.transport import json_body, redact


def parse(body: bytes, declared: str | None = None) -> dict[str, Any]:
    return dict(json_body.parse(body, declared=declared, fallback="windows-1252")[0])


def kept(body: bytes, declared: str | None = None) -> bytes | None:
    return json_body.parse(body, declared=declared, fallback="windows-1252")[1]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", {}),
        (b'\xef\xbb\xbf {"a": "1"}\r\n', {"a": "1"}),
        (b'{"a": 97303, "b": 01}'.replace(b"01", b"1"), {"a": "97303", "b": "1"}),
        (b'{"a": 1.50, "b": 1e3, "c": -0}', {"a": "1.50", "b": "1e3", "c": "-0"}),
        (b'{"a": 12345678901234567890123}', {"a": "12345678901234567890123"}),
        (b'{"a": true, "b": false, "c": null}', {"a": "true", "b": "false", "c": ""}),
        (b'{"a": ["x", 1, null]}', {"a": {"0": "x", "1": "1", "2": ""}}),
        (b'{"a": [{"Status": "s"}]}', {"a": {"0": {"Status": "s"}}}),
        (b'{"a": {"k": []}}', {"a": {"k": {}}}),
        (b'{"a": 1, "a": 2}', {"a": "2"}),
        (b'{"a": "Zo\xc3\xab \\u00eb \\ud83d\\ude00"}', {"a": "Zoë ë 😀"}),
        (b'{"a": "Zo\xeb"}', {"a": "Zoë"}),
        (b'{"a": "two\nlines"}', {"a": "two\nlines"}),
        (b'{"a": "\\ud800"}', {"a": "\ud800"}),
    ],
)
def test_values_are_text_or_arrays(body: bytes, expected: dict[str, Any]) -> None:
    assert parse(body) == expected


def test_declared_charset_is_used() -> None:
    assert parse('{"a": "日本"}'.encode("cp932"), "shift_jis") == {"a": "日本"}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"a"',
        b"1",
        b"null",
        b"{",
        b'{"a": }',
        b'{"a": "1"',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1} x',
        b"a=1",
        b'{"a":' * 20 + b"1" + b"}" * 20 + b"}",
        b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}",
        b'{"a":' * 1_000_000,
        b'{"a": "' + b'\\"' * 1_000_000,
        b"{" + b":" * 1_000_000,
        b'{"a": ' + b"]" * 1_000_000,
        b'{"a": ' + b"[]" * 1_000_000,
        b'{"a": ' + b'""' * 1_000_000,
        b'{"a": 1}, {"b": 2}',
        b'{"a": 1} {"b": 2}',
        '{"a": 1}'.encode("utf-16"),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_object_or_too_deep_is_refused(body: bytes) -> None:
    with pytest.raises(BrokenBody):
        parse(body)


def test_twenty_levels_are_taken() -> None:
    assert parse(b'{"a": ' + b"[" * 19 + b"]" * 19 + b"}")


def test_ten_thousand_values_are_taken_and_no_more() -> None:
    assert len(parse(json.dumps({"a": [1] * 10_000}).encode())["a"]) == 10_000
    for value in ([1] * 10_001, [[1] * 6_000, [1] * 6_000], {str(n): n for n in range(10_001)}):
        with pytest.raises(TooLarge):
            parse(json.dumps({"a": value}).encode())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": "1", "ai_token": "S"}', b'{"a": "1", "ai_token": ""}'),
        (b'{"ai_token":"S","ai_token":"S"}', b'{"ai_token":"","ai_token":""}'),
        (b'{"AI_TOKEN" : 5, "ai.token[]":true}', b'{"AI_TOKEN" : "", "ai.token[]":""}'),
        (b'{"\\u0061i_token":"S\\"\\\\"}', b'{"\\u0061i_token":""}'),
        (b'{"ai_token":["S",{"x":"S"}],"b":1}', b'{"ai_token":"","b":1}'),
        (b'{"a":{"b":[{"ai_token":"S"}]}}', b'{"a":{"b":[{"ai_token":""}]}}'),
        (b'{"a":"\xeb","ai_token":"S\xeb"}', b'{"a":"\xeb","ai_token":""}'),
        (b'\xef\xbb\xbf{"\xc3\xab":1,"ai_token":"\xc3\xab"}', b'{"\xc3\xab":1,"ai_token":""}'),
        (b'{"a":"form_key","b":["x ai_token",":"],"c":1}', b'{"a":"","b":["",":"],"c":1}'),
        (b'{"a":"the form key","x.ai_token":1}', b'{"a":"the form key","x.ai_token":""}'),
    ],
)
def test_secrets_are_cut_out_in_every_spelling(body: bytes, expected: bytes) -> None:
    assert kept(body) == (b"\xef\xbb\xbf" if body.startswith(b"\xef") else b"") + expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"ai_token=S":1}',
        b'{"a":[{"value":"S","name":"ai_token"}]}',
        b'{"a":[{"value":"S","name":"\\u0061i_token"}]}',
    ],
)
def test_body_in_which_a_secret_may_be_anywhere_is_not_kept(body: bytes) -> None:
    assert kept(body) is None


def test_body_in_which_secrets_cannot_be_found_is_not_kept() -> None:
    # The second byte of this character is a backslash.
    assert kept('{"a": "表", "ai_token": "S"}'.encode("cp932"), "shift_jis") is None


NAMES = st.text().filter(lambda name: not redact.is_secret(name.encode("utf-8", "replace")))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(
    st.dictionaries(NAMES, JSON, max_size=4),
    st.sampled_from(sorted(SECRETS)),
    JSON,
    st.booleans(),
)
def test_secret_is_gone_and_every_other_value_is_there(
    rest: dict[str, Any], name: str, secret: Any, ascii_only: bool
) -> None:
    def body(value: Any) -> bytes:
        text = json.dumps({**rest, name: value, "last": 1}, ensure_ascii=ascii_only)
        return text.encode("utf-8", "surrogatepass")

    assert kept(body(["S3CR3T", secret])) == body("")


@given(st.binary() | st.text('{}[]:,"\\u0a1 \n').map(str.encode))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    with suppress(BrokenBody):
        parse(body)


def marks(text: str) -> list[str]:
    """Return the brackets and commas outside the strings of ``text``, one character at a time."""
    found, in_string, escaped = [], False, False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[]{},":
            found.append(character)
    return found


@given(st.text('{}[]:,""\\\\a1 \n') | JSON.map(json.dumps))
def test_brackets_and_commas_are_those_outside_of_strings(text: str) -> None:
    found = [each[1] for each in json_body._STRUCTURE.finditer(text)]
    assert [mark for mark in found if mark] == marks(text)
    # One more at the end or two, and nothing for what is between them.
    assert len(found) <= len(marks(text)) + 2


@pytest.mark.parametrize("brackets", ["]" * 100_000, "[]" * 100_000, "{}" * 100_000])
def test_brackets_that_are_none_of_json_are_not_read_to_the_end(
    brackets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[re.Match[str]] = []

    class Counting:
        @staticmethod
        def finditer(text: str) -> Iterator[re.Match[str]]:
            for each in structure.finditer(text):
                read.append(each)
                yield each

    structure = json_body._STRUCTURE
    monkeypatch.setattr(json_body, "_STRUCTURE", Counting)
    with pytest.raises(BrokenBody):
        parse(b'{"a": ' + brackets.encode() + b"}")
    assert len(read) < 5
