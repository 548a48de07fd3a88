"""The first plugin of plugins/README.md."""

from marshmallow import fields, validate

from gateway import CustomField, hookimpl


@hookimpl
def gateway_custom_fields(settings):
    return [
        CustomField(
            "roof_age",
            fields.Integer(validate=validate.Range(min=0, max=200)),
            label="Roof age",
            help="Age of the roof in years.",
            example="12",
        ),
    ]
