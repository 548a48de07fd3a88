"""Fields whose own code fails, each in another way."""

from marshmallow import fields

from gateway import CustomField, hookimpl


class Failing(fields.Field):
    def _deserialize(self, value, *args, **kwargs):
        raise KeyError(f"no {value}")


class Giving(fields.Field):
    """Gives whatever ``make`` makes of the text."""

    def __init__(self, make, **options):
        super().__init__(**options)
        self.make = make

    def _deserialize(self, value, *args, **kwargs):
        return self.make(value)


def itself(text):
    found = [text]
    found.append(found)
    return found


def fail(values):
    raise ZeroDivisionError(f"of {sorted(values)}")


@hookimpl
def gateway_custom_fields(settings):
    return [
        CustomField("failing", Failing()),
        CustomField("secret_failing", Failing(), sensitive=True),
        CustomField("bytes", Giving(str.encode)),
        CustomField("thing", Giving(lambda text: object())),
        CustomField("nul", Giving(lambda text: f"{text}\0")),
        CustomField("half", Giving(lambda text: f"{text}\ud83d")),
        CustomField("endless", Giving(itself)),
        CustomField("huge", Giving(lambda text: text * 1_000_001)),
        CustomField("huge_list", Giving(lambda text: [text] * 4_000_000)),
        CustomField("checked", fields.String(), check=fail),
        CustomField("asking", fields.String(), required_if=lambda values: values["city"] == "Rome"),
    ]
