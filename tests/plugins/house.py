"""Fields about a house, one of each kind, for the cases and tests of custom fields."""

from marshmallow import ValidationError, fields
from marshmallow.validate import OneOf, Regexp

from gateway import (
    Alias,
    Choice,
    Choices,
    CustomField,
    DateOnly,
    Digits,
    MatchRule,
    Money,
    WholeNumber,
    YesNo,
    hookimpl,
)


def not_before_the_start(values):
    """Refuse an end that lies before the start."""
    start = values.get("start")
    if start is not None and values["end"] < start:
        raise ValidationError("before start (a later day)")


def no_car_of_this_person(values):
    """Quote what nobody must read; such a message is not shown."""
    if values.get("insured_no"):
        raise ValidationError(f"the person {values['insured_no']} has no car")


@hookimpl
def gateway_custom_fields(settings):
    return [
        CustomField(
            "house_type",
            Choice(("Family house", "Flat"), labels={"Flat": "An apartment"}),
            help="What is lived in.",
            example="Flat",
            aliases=("home_type",),
        ),
        CustomField(
            "roof_age", WholeNumber(least=0, most=200), help="Age of the roof.", example="12"
        ),
        CustomField("bill", Money(least=0), help="Paid in a month.", example="120.50"),
        CustomField("owner", YesNo(), help="Whether it is owned.", example="Yes"),
        CustomField(
            "wishes", Choices(("Solar", "Heat pump", "Other, none")), help="Any.", example="Solar"
        ),
        CustomField(
            "days", Choices(("Mo", "Tu", "We"), commas=True), help="When.", example="Mo,Tu"
        ),
        CustomField("meter", Digits(6, 10), help="Number of the meter.", example="0012 3456"),
        CustomField("start", DateOnly(), help="First day.", example="2026-01-31"),
        CustomField(
            "end", DateOnly(), help="Last day.", example="2026-02-28", check=not_before_the_start
        ),
        CustomField(
            "campaign", fields.String(load_default="web"), help="Where from.", example="radio"
        ),
        CustomField(
            "insured_no",
            fields.String(validate=Regexp(r"\d{3}-\d{2}-\d{4}$", error="{input} is no number")),
            help="Number of the insured.",
            example="123-45-6789",
            sensitive=True,
        ),
        CustomField(
            "secret_word",
            fields.String(validate=OneOf(["open sesame"], error="{input} is not it")),
            help="A word.",
            example="open sesame",
            sensitive=True,
        ),
        CustomField(
            "car", fields.String(), help="A car.", example="VW", check=no_car_of_this_person
        ),
        Alias("mobile_phone", "cell"),
        Alias("your_ref", "external_id"),
        Alias("record", "lead_id"),
        Alias("labels", "tags"),
    ]


def meter_key(lead):
    if lead.get("meter"):
        yield lead["meter"]


def campaign_key(lead):
    if lead.get("campaign") and lead.get("last_name"):
        yield f"{lead['campaign']}|{lead['last_name']}".casefold()


@hookimpl
def gateway_match_rules(settings):
    return [
        MatchRule("match_meter", meter_key, help="The same meter is the same lead."),
        MatchRule("match_campaign", campaign_key, help="The same name in the same campaign."),
    ]
