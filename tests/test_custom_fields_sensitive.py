"""What a sensitive field holds is told nobody: no message, note, log or list has it."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from cli_runner import shown, with_commands
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields

from gateway.contract import CustomField
from gateway.schema.messages import HIDDEN, one_message
from gateway.store.history import read_history
from gateway.testing import Gateway
from tests.own_fields import HOUSE, schema


@pytest.mark.parametrize(
    ("message", "secret"),
    [
        ("123-45-6789 is taken", "123-45-6789"),
        ("123456789 is taken", "123-45-6789"),
        ("ends in 6789", "123-45-6789"),
        ("Not OPEN SESAME", "open sesame"),
        ("['Yes'] is wrong", {"0": "Yes"}),
        ("a is wrong", ("a",)),
    ],
)
def test_message_that_quotes_a_secret_is_hidden(message: str, secret: Any) -> None:
    assert one_message([message], (secret,)) is HIDDEN


def test_message_that_quotes_nothing_is_told() -> None:
    assert one_message(["Must be nine digits."], ("123-45-6789",)) == "must be nine digits"


@given(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=40), st.text(max_size=20))
def test_no_quoted_secret_is_ever_told(secret: str, around: str) -> None:
    assert one_message([f"{around}{secret}{around}"], (secret,)) is HIDDEN


@pytest.mark.parametrize("failing", ["failing", "secret_failing", "checked", "bytes"])
def test_log_names_the_field_that_failed(
    make_gateway: Callable[..., Gateway], caplog: pytest.LogCaptureFixture, failing: str
) -> None:
    gateway = make_gateway("tests.plugins.faulty")
    with caplog.at_level(logging.ERROR, "gateway.post"):
        gateway.send(mode="insert", city="Rom", **{failing: "hush-hush"})
    logged = logging.Formatter().format(caplog.records[-1])
    assert f"field {failing}: " in logged
    assert "faulty.py" in logged or failing == "bytes"
    assert ("hush-hush" in logged) == (failing == "failing")


def test_sensitive_values_are_masked_wherever_a_lead_is_shown(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway(HOUSE)
    lead_id = gateway.send(mode="insert", insured_no="123-45-6789").lead_id
    gateway.send(mode="update", lead_id=str(lead_id), insured_no="987-65-4321", days="Mo")
    running = gateway.system
    history = read_history(running.engine, lead_id, running.schema)
    assert {each["field"]: (each["old"], each["new"]) for each in history} == {
        "insured_no": ("*******6789", "*******4321"),
        "days": (None, ["Mo"]),
    }
    assert gateway.lead(lead_id)["custom"]["insured_no"] == "*******4321"


def test_sensitive_values_are_in_no_note_no_problem_and_no_explanation(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = with_commands(make_gateway(HOUSE))
    lead_id = gateway.send(mode="insert", insured_no="123-45-678X").lead_id
    gateway.send(mode="update", lead_id=str(lead_id), insured_no="123-45-678X")
    body = f"command=lead_set&mode=update&lead_id={lead_id}&insured_no=123-45-6789"
    explained = shown(gateway, "match", "explain", stdin=body.encode())
    assert [each["new"] for each in explained["fields"]] == ["*******6789"]
    rows = gateway.journal()
    assert len(rows) == 2
    told = [{**row, "body": None} for row in rows]
    for secret in ("123-45", "12345"):
        assert secret not in f"{told} {explained} {gateway.lead(lead_id)}"


@pytest.mark.parametrize("stored", ["Yes", "No", True, False, 1, ["Yes", "No"]])
def test_mask_of_a_short_value_tells_nothing(stored: Any) -> None:
    from gateway.store.reading import _masked

    pin = CustomField("pin", fields.Raw(), sensitive=True)
    hidden = _masked(schema(pin), "pin", stored)
    assert hidden == (["****", "****"] if isinstance(stored, list) else "****")
