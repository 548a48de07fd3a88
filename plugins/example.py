"""The fields of a car dealer: an example that works as it stands.

Load it with ``GATEWAY_PLUGINS=plugins.example``; a post may then carry ``vin``, ``trade_in_year``
and ``interests`` beside the documented fields, and ask for the rule ``match_vin``.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import OneOf, Range, Regexp

from gateway import CustomField, MatchRule, hookimpl

INTERESTS = ("buy", "lease", "service", "test drive")


def not_of_a_later_model_year(year: int) -> None:
    """Raise ValidationError for a car that nobody can own yet; asked at every post."""
    newest = datetime.now(UTC).year + 1
    if year > newest:
        raise ValidationError(f"Later than the newest model year, {newest}.")


@hookimpl
def gateway_custom_fields(settings: Any) -> list[CustomField]:
    """Return one field of each kind: a checked text, a number, a list of choices."""
    return [
        CustomField(
            "vin",
            fields.String(
                validate=Regexp(
                    # Before 1981 a maker chose the length; I, O and Q were in use as well.
                    "[A-Za-z0-9]{4,17}$",
                    error="Not a vehicle identification number (4 to 17 letters and digits).",
                )
            ),
            label="VIN",
            help="Vehicle identification number: 4 to 17 letters and digits.",
            example="1HGCM82633A004352",
        ),
        CustomField(
            "trade_in_year",
            fields.Integer(
                validate=[Range(min=1900, error="Earlier than {min}."), not_of_a_later_model_year]
            ),
            label="Trade-in year",
            help="Model year of the car to trade in, from 1900.",
            example="2015",
        ),
        CustomField(
            "interests",
            fields.List(fields.String(validate=OneOf(INTERESTS, error="Not one of: {choices}."))),
            label="Interests",
            help="One or several of buy, lease, service, test drive; the name may be repeated.",
            example="lease",
        ),
    ]


def vin_key(lead: Mapping[str, Any]) -> Iterator[str]:
    """Yield the VIN in one spelling; nothing where the lead has none."""
    vin = "".join((lead.get("vin") or "").upper().split())
    if vin:
        yield vin


@hookimpl
def gateway_match_rules(settings: Any) -> list[MatchRule]:
    """Return the rule by which two posts about one car are one lead."""
    return [MatchRule("match_vin", vin_key, help="The same VIN is the same lead.")]
