"""Phone numbers: one number's spellings come to one key."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.normal.phones import phone_key
from tests.processor_time import no_time

ANY = st.text(st.characters())
TYPED = st.text("0123456789+-.,;/#() xeotrn１２＋\u00a0", max_size=40)
NANP = st.from_regex(r"[2-9][0-9]{9}", fullmatch=True)


@pytest.mark.parametrize(
    "text",
    [
        "132-123-1234",
        "(132) 123 1234",
        "+1 132 123 1234",
        "1-132-123-1234",
        "001 132 123 1234",
        "011 1 132 123 1234",
        "１３２-１２３-１２３４",
        "132.123.1234",
        "tel:+1-132-123-1234",
        "1321231234 (cell)",
        "home: 132-123-1234",
        "132-123-1234 / 503-555-0101",
        "132-123-1234/503-555-0101",
        "132-123-1234 or 503-555-0101",
        "132-123-1234, 503-555-0101",
        "132-123-1234; 503-555-0101",
        "132-123-1234 503-555-0101",
        "132-123-1234 & 503-555-0101",
        "132-123-1234\n503-555-0101",
    ],
)
def test_spellings_of_one_number_are_one_key(text: str) -> None:
    assert phone_key(text, "US") == "+11321231234"


@pytest.mark.parametrize(
    "text",
    [
        "503-555-0100 x12",
        "503-555-0100 ext. 12",
        "503-555-0100 #12",
        "(503) 555-0100, ext 12",
        "+1 503 555 0100;ext=12",
        "503-555-0100 x12 / 503-555-0101",
    ],
)
def test_an_extension_counts(text: str) -> None:
    assert phone_key(text, "US") == "+15035550100;ext=12"


@pytest.mark.parametrize(
    ("text", "region", "key"),
    [
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("555-0100", "US", "+15550100"),
        ("+44 20 7946 0018", "US", "+442079460018"),
        ("0044 20 7946 0018", "US", "+442079460018"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("030/901820", "DE", "+4930901820"),
        ("0039 06 6982", "DE", "+39066982"),
        ("06 6982", "IT", "+39066982"),
        ("+999 123 456", "US", "+999123456"),
        ("12345", "US", "12345"),
        ("1234", "US", None),
        ("ext. 12", "US", None),
        ("", "US", None),
        ("n/a", "US", None),
        ("٥٠٣٥٥٥٠١٠٠", "US", "+15035550100"),
    ],
)
def test_other_numbers(text: str, region: str, key: str | None) -> None:
    assert phone_key(text, region) == key


@given(
    st.sampled_from(["", "1", "+1", "1-", "+1 ", "1.", "+1-"]),
    NANP,
    st.sampled_from(["{}{}{}", "({}) {}-{}", "({}){}-{}", "{}-{}-{}", "{}.{}.{}", "{} {} {}"]),
    st.sampled_from(["US", "CA"]),
)
def test_the_short_cut_says_what_the_library_says(
    code: str, digits: str, form: str, region: str
) -> None:
    text = code + form.format(digits[:3], digits[3:6], digits[6:])
    number = phonenumbers.parse(text, region)
    assert phonenumbers.is_possible_number(number)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert phone_key(text, region) == e164


@given(NANP, st.lists(st.text(" -./()\u00a0\u2013", max_size=2), min_size=3, max_size=3))
def test_spaces_and_punctuation_do_not_count(digits: str, noise: list[str]) -> None:
    # A piece of fewer digits than a number before a slash is no number of its own.
    text = noise[0] + digits[:3] + noise[1] + digits[3:6] + noise[2] + digits[6:]
    assert phone_key(text, "US") == f"+1{digits}"


@given(st.one_of(ANY, TYPED), st.sampled_from(["US", "DE", "IT", "MX"]))
def test_any_text_has_a_key_or_none_and_a_key_is_its_own(text: str, region: str) -> None:
    key = phone_key(text, region)
    if key is not None:
        assert key.isascii()
        # Of several zeros in front the library drops one at each reading; no number has them.
        assert "00" in key[:6] or phone_key(key, region) == key


@given(st.text(" -./()+x", max_size=20))
def test_silent_without_digits(text: str) -> None:
    assert phone_key(text, "US") is None


@pytest.mark.parametrize(
    "unit", ["1", "1/", "1 ", "+", "1,", "(", "x1", "or ", "\ud800", "１", "-1"]
)
def test_a_megabyte_takes_no_time(unit: str) -> None:
    with no_time():
        phone_key(unit * 1_000_000, "US")
