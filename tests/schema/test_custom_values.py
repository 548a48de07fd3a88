"""Values of fields that a plugin adds."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from marshmallow import ValidationError, fields
from marshmallow.validate import Length

from gateway.contract import CustomField, FormValue
from gateway.errors import FieldFault
from gateway.normal import has_lone_surrogate
from gateway.schema import build, parse
from plugins import example
from tests.schema.forms import SCHEMA, SETTINGS, changes, sent


def test_custom_values_are_typed_and_can_be_stored_as_json() -> None:
    parsed = changes(
        colour="red",
        rooms="3",
        sizes={"0": "1", "1": "2"},
        price="1.50",
        seen="2020-01-02",
        ratio="inf",
        company="Acme",
    )
    assert parsed["price"] == Decimal("1.50")
    dumped = SCHEMA.dump_custom({**parsed, "memo": None})
    assert json.loads(json.dumps(dumped, allow_nan=False)) == {
        "color": "red",
        "rooms": 3,
        "sizes": [1, 2],
        "price": "1.50",
        "seen": "2020-01-02",
        "ratio": "inf",
        "memo": None,
    }


def test_containers_of_a_plugin_can_be_stored_as_json() -> None:
    class Odd(fields.Raw):
        def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
            return {"parts": {value}, 1: (0.5, None)}

    schema = build([CustomField("odd", Odd())], [], SETTINGS)
    assert schema.dump_custom({"odd": "x"}) == {"odd": {"parts": ["x"], "1": [0.5, None]}}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rooms", "many", "rooms: not a valid integer"),
        ("sizes", ("1", "x"), "sizes: entry 2: not a valid integer"),
        ("color", "green", "color: must be one of: red, blue"),
    ],
)
def test_refusal_of_a_plain_field_reads_like_ours(
    name: str, value: FormValue, message: str
) -> None:
    (rejected,) = sent(**{name: value}).rejected
    assert rejected.problem.message == message
    assert rejected.problem.code == "invalid"
    assert rejected.keepable


def test_all_that_a_plugin_says_is_said_in_one_line() -> None:
    def complain(value: str) -> None:
        raise ValidationError({"x": ["VIN is\nwrong.", "Bad \ud83d."], "y": "No"})

    field = CustomField("vin", fields.String(validate=[complain, Length(max=1)]))
    schema = build([field], [], SETTINGS)
    (rejected,) = parse({"mode": "insert", "vin": "ab"}, schema).rejected
    assert not has_lone_surrogate(rejected.problem.message)
    assert rejected.problem.message.startswith("vin: ")
    assert "VIN is wrong" in rejected.problem.message
    assert "longer than maximum length 1" in rejected.problem.message


def test_fault_of_a_plugin_is_no_refusal() -> None:
    def fail(value: str) -> None:
        raise ZeroDivisionError

    schema = build([CustomField("vin", fields.String(validate=fail))], [], SETTINGS)
    with pytest.raises(FieldFault, match="field vin: reading its value failed") as raised:
        parse({"mode": "insert", "vin": "x"}, schema)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


EXAMPLE = build(example.gateway_custom_fields(SETTINGS), [], SETTINGS)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("vin", "1HGCM82633A004352", "1HGCM82633A004352"),
        ("trade_in_year", "2015", 2015),
        ("interests", ("lease", "service"), ["lease", "service"]),
    ],
)
def test_example_plugin_takes(name: str, value: FormValue, kept: Any) -> None:
    parsed = parse({"mode": "insert", name: value}, EXAMPLE)
    assert (parsed.changes, parsed.rejected) == ({name: kept}, ())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "vin",
            "1HG-CM8",
            "vin: not a vehicle identification number (4 to 17 letters and digits)",
        ),
        ("trade_in_year", "1899", "trade_in_year: earlier than 1900"),
        (
            "trade_in_year",
            "3000",
            "trade_in_year: later than the newest model year, {next_year}",
        ),
        (
            "interests",
            "sell",
            "interests: entry 1: not one of: buy, lease, service, test drive",
        ),
    ],
)
def test_example_plugin_refuses(name: str, value: FormValue, message: str) -> None:
    years = {datetime.now(UTC).year}
    (rejected,) = parse({"mode": "insert", name: value}, EXAMPLE).rejected
    years.add(datetime.now(UTC).year)
    assert rejected.problem.message in {message.format(next_year=year + 1) for year in years}
