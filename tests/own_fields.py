"""Makes schemas with fields of a client's own, and reads forms by them."""

from config import settings
from gateway.contract import Alias, CustomField, FormValue, Parsed
from gateway.schema import LeadSchema, build, parse

SETTINGS = settings()
HOUSE = "tests.plugins.house"


def schema(*added: CustomField | Alias) -> LeadSchema:
    return build(added, (), SETTINGS)


def messages(parsed: Parsed) -> list[str]:
    return [each.problem.message for each in parsed.rejected]


def read(made: LeadSchema, *, mode: str = "insert", **form: FormValue) -> Parsed:
    return parse({"mode": mode, **form}, made)
