"""The field types that plugins get: lenient in what they read, one form in what they give."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields

from gateway import Choice, Choices, DateOnly, Digits, Money, WholeNumber, YesNo
from gateway.normal import fold_label

TYPES = ("Family house", "Flat", "Straße 1")
choice = Choice(TYPES, labels={"Flat": "An apartment"})
choices = Choices(TYPES)
with_commas = Choices(("Mo", "Tu", "We"), commas=True)
money, day, digits = Money(), DateOnly(), Digits(4, 8)


def refusal(field: fields.Field, value: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        field.deserialize(value)
    return str(raised.value.messages[0])


@pytest.mark.parametrize(
    ("field", "sent", "read"),
    [
        (choice, "flat", "Flat"),
        (choice, " FAMILY  house", "Family house"),
        (choice, "familyhouse", "Family house"),
        (choice, "STRASSE1", "Straße 1"),
        (choice, "an apartment", "Flat"),
        (choices, ["flat", "Family House", "FLAT"], ["Family house", "Flat"]),
        (choices, [], []),
        (with_commas, ["we, mo,"], ["Mo", "We"]),
        (with_commas, ["tu", "mo"], ["Mo", "Tu"]),
        (with_commas, [","], []),
        (day, "2026-2-1", date(2026, 2, 1)),
        (day, "2/1/2026", date(2026, 2, 1)),
        (day, "1.2.2026", date(2026, 2, 1)),
        (day, "2026-02-01 00:00:00", date(2026, 2, 1)),
        (day, "2126-02-01", date(2126, 2, 1)),
        (digits, "0012-34", "001234"),
        (digits, "(12) 34/56.7", "1234567"),
        (money, "900", "900.00"),
        (money, "$12,345.50", "12345.50"),
        (money, "12.345,50 €", "12345.50"),
        (money, "USD 1 200", "1200.00"),
        (money, "1\u00a0200,5", "1200.50"),
        (money, "CHF 1'234.50", "1234.50"),
        (money, "1’234", "1234.00"),
        (money, "1,234", "1234.00"),
        (money, "1,234,567", "1234567.00"),
        (money, "1.234.567", "1234567.00"),
        (money, "12,5", "12.50"),
        (money, ".5", "0.50"),
        (money, "250000.0000", "250000.00"),
        (money, "-$3", "-3.00"),
        (money, "$ -3", "-3.00"),
        (money, "\u22123", "-3.00"),
        (money, "-0", "0.00"),
        (money, "007", "7.00"),
        (money, "9" * 15, "9" * 15 + ".00"),
    ],
)
def test_takes(field: fields.Field, sent: Any, read: Any) -> None:
    found = field.deserialize(sent)
    assert found == (Decimal(read) if field is money else read)
    assert field is not money or str(found) == read


@pytest.mark.parametrize(
    ("field", "sent", "rule"),
    [
        (choice, "house", "not one of: Family house, Flat, Straße 1"),
        (choices, ["flat", "house"], "not one of: Family house, Flat, Straße 1"),
        (choices, ["flat,Family house"], "not one of: Family house, Flat, Straße 1"),
        (day, "2026-02-30", "not a date (YYYY-MM-DD)"),
        (day, "2026-02-01 10:00", "not a date (YYYY-MM-DD)"),
        (day, "0026-02-01", "not a date (YYYY-MM-DD)"),
        (day, "2026-02", "not a date (YYYY-MM-DD)"),
        (digits, "12a4", "holds something else than digits"),
        (digits, "١٢٣٤", "holds something else than digits"),
        (digits, "-", "holds something else than digits"),
        (digits, "123", "has 3 digits (4 to 8 digits)"),
        (Digits(9, 9), "123", "has 3 digits (9 digits)"),
        (money, "1.234", "thousands or a fraction? (write 1234 or 1.23)"),
        (money, "0.123", "thousands or a fraction? (write 1234 or 1.23)"),
        (Money(least=0), "-1", "less than 0"),
        (Money(most=5), "5.01", "more than 5"),
        (WholeNumber(least=0, most=9), "10", "not a whole number from 0 to 9"),
        (WholeNumber(), "x", "not a whole number"),
    ],
)
def test_refuses(field: fields.Field, sent: Any, rule: str) -> None:
    assert refusal(field, sent) == rule


@pytest.mark.parametrize(
    "sent",
    "1,2,3|12,34.5|$|,|.|1.5e3|12k|(5)|1 2|1,234.567|0,123|001,234|1.234,567.8|١٢|--3|1'2|5.|"
    f"{'9' * 16}|12.345.678,90 kroner|nan|infinity|0x1F|1_000".split("|"),
)
def test_money_refuses_what_is_no_amount(sent: str) -> None:
    assert refusal(money, sent) == "not an amount (such as 12345.50)"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Choice(()), "at least one"),
        (lambda: Choice(("a", "")), "must be texts"),
        (lambda: Choice(("a", " ")), "must be texts"),
        (lambda: Choice(("a", "a")), "listed twice"),
        (lambda: Choice(("a b", "AB")), "two choices are spelt 'AB'"),
        (lambda: Choice(("a", "b"), labels={"a": "B"}), "two choices are spelt"),
        (lambda: Choice(("a",), labels={"c": "B"}), "labels for c"),
        (lambda: Choices(("a, b",), commas=True), "holds a comma"),
    ],
)
def test_declaration_that_cannot_work_stops_the_start(
    make: Callable[[], fields.Field], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        make()


def test_message_names_only_some_of_very_many_choices() -> None:
    many = Choice([f"c{number}" for number in range(500)])
    assert refusal(many, "x").endswith("c19, …")
    assert len(refusal(many, "x")) < 150


@pytest.mark.parametrize("sent", [" " * 1_000_000 + "x", "1" * 1_000_000, "1," * 500_000])
@pytest.mark.parametrize("field", [money, digits, day, choice])
def test_long_text_is_refused_at_once(field: fields.Field, sent: str) -> None:
    assert len(refusal(field, sent)) < 200


def written(field: fields.Field, value: Any) -> Any:
    return field.serialize("value", {"value": value})


@given(st.decimals(min_value=-(10**14), max_value=10**14, places=2))
def test_money_reads_back_what_it_writes(amount: Decimal) -> None:
    assert money.deserialize(written(money, amount)) == amount


@given(
    st.integers(0, 10**13 - 1),
    st.integers(0, 99),
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("", "."), ("", ",")]),
    st.sampled_from(["", "$", "€ ", "USD "]),
)
def test_money_reads_every_way_of_writing_an_amount(
    whole: int, cents: int, marks: tuple[str, str], sign: str
) -> None:
    group, point = marks
    text = f"{sign}{whole:,}".replace(",", group) + f"{point}{cents:02}"
    assert money.deserialize(text) == Decimal(f"{whole}.{cents:02}")


@given(st.text(max_size=12) | st.from_regex(r"[0-9.,' $-]{0,12}", fullmatch=True))
def test_money_gives_two_decimals_or_refuses(text: str) -> None:
    try:
        amount = money.deserialize(text)
    except ValidationError:
        return
    assert amount.as_tuple().exponent == -2
    assert money.deserialize(written(money, amount)) == amount


@given(st.dates(min_value=date(1000, 1, 1)))
def test_day_reads_back_what_it_writes(value: date) -> None:
    assert day.deserialize(written(day, value)) == value


@given(st.booleans())
def test_yes_and_no_are_read_back(value: bool) -> None:
    field = YesNo()
    assert field.deserialize(written(field, value)) is value


@given(st.from_regex(r"[0-9]{4,8}", fullmatch=True), st.lists(st.sampled_from(" -./()")))
def test_digits_are_read_back_whatever_stands_between_them(number: str, marks: list[str]) -> None:
    assert digits.deserialize(written(digits, number)) == number
    assert digits.deserialize("".join(marks).join(number)) == number


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5), st.data())
def test_choices_are_read_back_in_any_case_and_order(offered: list[str], data: Any) -> None:
    keys = {fold_label(each).replace(" ", "") for each in offered}
    if len(keys) < len(offered) and "" not in keys:
        with pytest.raises(ValueError, match=r"two choices|listed twice"):
            Choices(offered)
        return
    if "" in keys:
        with pytest.raises(ValueError, match="must be texts"):
            Choices(offered)
        return
    field, one = Choices(offered), Choice(offered)
    for each in offered:
        assert one.deserialize(written(one, each)) == each
    picked = data.draw(st.lists(st.sampled_from(offered)))
    read = field.deserialize([f" {each} " for each in picked])
    assert read == [each for each in offered if each in picked]
    assert field.deserialize(written(field, read)) == read
