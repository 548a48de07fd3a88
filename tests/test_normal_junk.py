"""Junk: what is in a form because something had to be, and what only looks so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.normal.addresses import address_key
from gateway.normal.emails import email_key
from gateway.normal.junk import DEFAULT_JUNK, Junk, junk_values
from gateway.normal.phones import phone_key

JUNK = junk_values((), "US")


def phone_is_junk(text: str, junk: Junk = JUNK, region: str = "US") -> bool:
    key = phone_key(text, region)
    return key is None or junk.is_junk_phone(key)


def email_is_junk(text: str, junk: Junk = JUNK) -> bool:
    key = email_key(text)
    return key is None or junk.is_junk_email(key)


@pytest.mark.parametrize(
    "text",
    [
        "555-555-5555",
        "(000) 000-0000",
        "+1 111 111 1111",
        "9999999999",
        "99999",
        "555-5555",
        "000-000-0000 x12",
        "+44 1111 111111",
        "1234567890",
        "+1 (123) 456-7890",
        "123-4567",
        "987-654-3210",
        "n/a",
    ],
)
def test_junk_phones(text: str) -> None:
    assert phone_is_junk(text)


@pytest.mark.parametrize(
    "text",
    [
        "132-123-1234",
        "503-555-0100",
        "503-333-3333",
        "+1 222-222-2223",
        "+49 30 901820",
        "1-800-FLOWERS",
    ],
)
def test_numbers_that_are_none(text: str) -> None:
    assert not phone_is_junk(text)


@pytest.mark.parametrize(
    "text",
    ["none@none.com", "test@test.com", "NONE@None.com", "Test@TEST.com", "noemail@noemail.com"],
)
def test_junk_emails(text: str) -> None:
    assert email_is_junk(text)


@pytest.mark.parametrize("text", ["ann@example.com", "test@example.com", "john@john.com"])
def test_addresses_that_are_none(text: str) -> None:
    assert not email_is_junk(text)


def test_junk_is_told_in_the_region_of_the_system() -> None:
    german = junk_values((), "DE")
    assert phone_is_junk("0123456789", german, "DE")
    assert phone_is_junk("0111 1111111", german, "DE")
    assert not phone_is_junk("030 901820", german, "DE")


def test_the_setting_adds_to_the_default() -> None:
    junk = junk_values(["(503) 555-0199", "House@Example.com", "1 Acme Plaza", "", "?"], "US")
    assert phone_is_junk("503.555.0199 x3", junk)
    assert email_is_junk("house@EXAMPLE.com", junk)
    assert junk.is_junk_address(address_key("1 ACME PLZ", "") or "")
    assert phone_is_junk("1234567890", junk)
    assert not JUNK.is_junk_phone("+15035550199")


def test_junk_addresses() -> None:
    assert JUNK.is_junk_address(address_key("Same as above.", "") or "")
    assert not JUNK.is_junk_address(address_key("123 Main St", "") or "")


@pytest.mark.parametrize("value", DEFAULT_JUNK)
def test_every_default_is_junk(value: str) -> None:
    if "@" in value:
        assert email_key(value) in JUNK.emails
    else:
        assert phone_key(value, "US") in JUNK.phones or address_key(value, "") in JUNK.addresses


@given(st.lists(st.text(st.characters())), st.sampled_from(["US", "DE"]))
def test_any_setting_is_read(values: list[str], region: str) -> None:
    junk = junk_values(values, region)
    assert JUNK.emails <= junk.emails
    assert not {"", None} & {*junk.phones, *junk.emails, *junk.addresses}


@given(st.text(st.characters()))
def test_any_key_is_junk_or_not(key: str) -> None:
    assert JUNK.is_junk_phone(key) in {True, False}
    assert JUNK.is_junk_email(key) in {True, False}
