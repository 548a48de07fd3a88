"""A schema with fields of every kind, and forms that it reads."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields
from marshmallow.validate import OneOf

from config import settings
from gateway.contract import CustomField, FormValue, Parsed
from gateway.schema import build, parse

SETTINGS = settings(GATEWAY_TIMEZONE="America/New_York")


class Memo(fields.String):
    """A plugin's long text."""

    multiline = True


CUSTOM = [
    CustomField("color", fields.String(validate=OneOf(["red", "blue"])), aliases=("colour",)),
    CustomField("remark", fields.String()),
    CustomField("memo", Memo()),
    CustomField("rooms", fields.Integer()),
    CustomField("sizes", fields.List(fields.Integer())),
    CustomField("price", fields.Decimal()),
    CustomField("seen", fields.Date()),
    CustomField("ratio", fields.Float(allow_nan=True)),
    CustomField("maybe", fields.Integer(allow_none=True, pre_load=lambda text: text.strip("-"))),
]


SCHEMA = build(CUSTOM, ["match_vin"], SETTINGS)


def sent(*, mode: str = "insert", **form: FormValue) -> Parsed:
    return parse({"mode": mode, **form}, SCHEMA)


def changes(*, mode: str = "insert", **form: FormValue) -> Mapping[str, Any]:
    """Return the changes of a form in which nothing is wrong."""
    parsed = sent(mode=mode, **form)
    assert [each.problem.message for each in parsed.rejected] == []
    return parsed.changes


def codes(parsed: Parsed) -> list[tuple[str, str]]:
    return [(each.problem.field, each.problem.code) for each in parsed.rejected]
