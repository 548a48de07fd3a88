"""Fields that go with each other: the sample of plugins/README.md."""

from marshmallow import ValidationError, fields

from gateway import Alias, CustomField, DateOnly, YesNo, hookimpl


def lives_to_rent(values):
    return values.get("owner") is False


def not_before_the_start(values):
    if values.get("start") is not None and values["end"] < values["start"]:
        raise ValidationError("before start (a later day)")


@hookimpl
def gateway_custom_fields(settings):
    return [
        CustomField("owner", YesNo(), help="Whether the house is owned.", example="Yes"),
        CustomField(
            "landlord",
            fields.String(),
            required_if=lives_to_rent,
            help="Who owns it.",
            example="Jo Doe",
        ),
        CustomField("start", DateOnly(), help="First day.", example="2026-01-31"),
        CustomField(
            "end",
            DateOnly(),
            check=not_before_the_start,
            help="Last day.",
            example="2026-02-28",
        ),
        Alias("mobile_phone", "cell"),
    ]
