"""Any Marshmallow field is read and stored, and what any form stores can be sent again."""

import enum
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields

from gateway.contract import CustomField, FormValue
from gateway.schema import build, parse
from tests.own_fields import SETTINGS, messages, read, schema
from tests.plugins import house


class Color(enum.Enum):
    RED = "r"


class Size(enum.IntEnum):
    SMALL = 1


@pytest.mark.parametrize(
    ("field", "sent", "stored"),
    [
        (fields.Boolean(), "yes", True),
        (fields.Decimal(), "1.50", "1.50"),
        (fields.Float(), "1.5", 1.5),
        (fields.UUID(), "0" * 32, "00000000-0000-0000-0000-000000000000"),
        (fields.Url(), "https://example.com/a", "https://example.com/a"),
        (fields.Email(), "a@example.com", "a@example.com"),
        (fields.IP(), "192.0.2.1", "192.0.2.1"),
        (fields.Time(), "10:30", "10:30:00"),
        (fields.TimeDelta(), "90", 90.0),
        (fields.AwareDateTime(), "2026-01-31T10:00:00+02:00", "2026-01-31T10:00:00+02:00"),
        (fields.NaiveDateTime(), "2026-01-31T10:00:00", "2026-01-31T10:00:00"),
        (fields.Enum(Color), "RED", "RED"),
        (fields.Enum(Size, by_value=fields.Integer), "1", 1),
        (fields.List(fields.Enum(Color)), ("RED", "RED"), ["RED", "RED"]),
        (fields.Raw(), "x", "x"),
        (fields.Constant("always"), "x", "always"),
        (fields.Dict(pre_load=json.loads), '{"a": [1]}', {"a": [1]}),
    ],
)
def test_any_marshmallow_field_is_read_and_stored(
    field: fields.Field, sent: FormValue, stored: Any
) -> None:
    made = schema(CustomField("any", field))
    parsed = read(made, any=sent)
    assert messages(parsed) == []
    dumped = made.dump_custom(parsed.changes)
    assert dumped == {"any": stored}
    assert json.loads(json.dumps(dumped)) == dumped


HOUSE_SCHEMA = build(house.gateway_custom_fields(SETTINGS), (), SETTINGS)
NAMES = sorted(HOUSE_SCHEMA.custom | {"home_type", "mobile_phone", "labels"})
PLAUSIBLE = st.sampled_from(
    [HOUSE_SCHEMA.fields[name].example for name in HOUSE_SCHEMA.custom] + ["flat", "$1,5", "we,mo"]
)


@given(
    st.dictionaries(st.sampled_from(NAMES), PLAUSIBLE | st.text()),
    st.sampled_from(["insert", "update"]),
)
def test_what_is_stored_of_any_form_can_be_sent_again(form: dict[str, str], mode: str) -> None:
    parsed = parse({"mode": mode, **form}, HOUSE_SCHEMA)
    stored = HOUSE_SCHEMA.dump_custom({**parsed.defaults, **parsed.changes})
    sent = {
        name: tuple(value) if isinstance(value, list) else str(value)
        for name, value in stored.items()
        if value is not None
    }
    again = parse({"mode": "update", **sent}, HOUSE_SCHEMA)
    assert messages(again) == []
    assert HOUSE_SCHEMA.dump_custom(again.changes) == {
        name: value for name, value in stored.items() if value is not None
    }
