"""A client whose form has long texts of its own, for tests."""

from marshmallow import fields

from gateway import CustomField, hookimpl

NAMES = tuple(f"letter_{number}" for number in range(15))


@hookimpl
def gateway_custom_fields(settings):
    return [CustomField(name, fields.String(), help="A letter.", example="Dear") for name in NAMES]
