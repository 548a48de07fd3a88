"""The format of notes: what is read, refused, kept aside, and shown."""

import json
from typing import Any

import pytest

from gateway.formats import (
    Note,
)
from tests.field_formats import message, notes, shown

NOTES: list[tuple[Any, list[Note]]] = [
    ("[]", []),
    ("  ", []),
    ({}, []),
    ('[{"Status":"Message","Notes":"hi"}]', [Note("Message", "hi")]),
    ('[{"status":"a","notes":"b"},{"Note":"c"}]', [Note("a", "b"), Note("Note", "c")]),
    ('[{"note":"d","Status":""}]', [Note("Note", "d")]),
    ('[{"Status":null,"Notes":5.50}]', [Note("Note", "5.50")]),
    ('[{"Notes":"","notes":"b"}]', [Note("Note", "b")]),
    ('[{"Notes":"Gr\\u00fc\\u00dfe \\"x\\""}]', [Note("Note", 'Grüße "x"')]),
    ('[{"Notes":" a\\u0000b\\r\\nc\\td "}]', [Note("Note", "ab\r\nc\td")]),
    ('[{"Notes":"a\nb"}]', [Note("Note", "a\nb")]),
    (r"[{\"Status\":\"Message\",\"Notes\":\"it\'s\"}]", [Note("Message", "it's")]),
    (r"[{\"Notes\":\"a\\nb \\\"q\\\"\"}]", [Note("Note", 'a\nb "q"')]),
    ('[{"Notes":"\\ud83d\\ude00"}]', [Note("Note", "😀")]),
    ({"0": {"Status": "Message", "Notes": "h\u00e9"}}, [Note("Message", "hé")]),
    ({"0": {"Notes": "a"}, "x": {"Note": "b"}}, [Note("Note", "a"), Note("Note", "b")]),
    ({"0": {"Notes": ("a", "b")}}, [Note("Note", "b")]),
    ({"0": {"Status": "", "Notes": " "}, "1": {"Notes": ("", "")}}, []),
    ({"0": '[{"Notes":"a"}]'}, [Note("Note", "a")]),
    ({"0": ("[]", '[{"Notes":"a"}]')}, [Note("Note", "a")]),
    (("[]", '[{"Notes":"last"}]'), [Note("Note", "last")]),
]


@pytest.mark.parametrize(("sent", "value"), NOTES)
def test_notes_accept(sent: Any, value: list[Note]) -> None:
    assert notes.deserialize(sent) == value


NOT_NOTES: list[tuple[Any, str]] = [
    ("call back", "not a JSON array"),
    ('{"Notes":"a"}', "not a JSON array"),
    ('"[]"', "not a JSON array"),
    ("null", "not a JSON array"),
    ('[{"Notes":"a"', "not a JSON array"),
    ('[{"Notes":NaN}]', "not a JSON array"),
    ("[" * 100_000, "not a JSON array"),
    ('["a"]', "entry 1 is not an object"),
    ('[{"Notes":"a"},[]]', "entry 2 is not an object"),
    ('[{"Notes":"a"},{"Status":"Message"}]', "entry 2 has no text (Notes)"),
    ('[{"Notes":" \\u0000 "}]', "entry 1 has no text (Notes)"),
    ('[{"Notes":["a"]}]', "entry 1 has no text (Notes)"),
    ('[{"Notes":true}]', "entry 1 has no text (Notes)"),
    ('[{"NOTES":"a"}]', "entry 1 has no text (Notes)"),
    ({"0": {"Notes": "a"}, "1": {"Status": "b"}}, "entry 2 has no text (Notes)"),
    ({"Status": "a", "Notes": "b"}, "entry 1 is not an object"),
    ({"0": {"Notes": {"0": "a"}}}, "entry 1 has no text (Notes)"),
]


@pytest.mark.parametrize(("sent", "rule"), NOT_NOTES)
def test_notes_refuse_what_is_not_their_form(sent: Any, rule: str) -> None:
    found = message(notes, sent)
    assert found.startswith(rule)
    assert found.code == "invalid"
    assert not found.keepable


@pytest.mark.parametrize(
    ("sent", "code", "rule"),
    [
        ('[{"Notes":"a"},{"Notes":"\\ud83d"}]', "invalid", "entry 2 holds half a character"),
        ('[{"Notes":"a","Status":"\\ude00"}]', "invalid", "entry 1 holds half a character"),
        (json.dumps([{"Notes": "x" * 1001}]), "too_long", "entry 1 has a text longer than 1000"),
        (
            json.dumps([{"Notes": "x", "Status": "x" * 101}]),
            "too_long",
            "entry 1 has a status longer than 100",
        ),
    ],
)
def test_notes_that_may_be_kept_aside(sent: str, code: str, rule: str) -> None:
    found = message(notes, sent)
    assert found.startswith(rule)
    assert found.code == code
    assert found.keepable


@pytest.mark.parametrize("value", [value for _, value in NOTES if value])
def test_notes_read_back_what_they_show(value: list[Note]) -> None:
    assert notes.deserialize(shown(notes, value)) == value
