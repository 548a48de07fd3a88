"""Fields that must be sent, always or where another one says so."""

from marshmallow import fields

from gateway import Alias, CustomField, WholeNumber, YesNo, hookimpl


@hookimpl
def gateway_custom_fields(settings):
    return [
        CustomField(
            "roof_age",
            WholeNumber(least=0, most=200, required=True),
            help="Age of the roof.",
            example="12",
            aliases=("age_of_roof",),
        ),
        CustomField("owner", YesNo(), help="Whether it is owned.", example="Yes"),
        CustomField(
            "landlord",
            fields.String(),
            help="Who owns it.",
            example="Jo Doe",
            required_if=lambda values: values.get("owner") is False,
        ),
        Alias("mobile_phone", "cell"),
    ]
