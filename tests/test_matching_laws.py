"""What holds of matching for any form: the rules' keys, and what a post finds."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select

import config
from gateway import registry
from gateway.commands import COMMANDS
from gateway.contract import MatchRule
from gateway.matching import keys_of
from gateway.matching.rules import touched
from gateway.models import Lead, LeadChange, MatchKey
from gateway.testing import Gateway

SYSTEM = registry.load(
    config.settings(GATEWAY_PLUGINS=["plugins.example"]), create_engine("sqlite://"), COMMANDS
)
RULES: Mapping[str, MatchRule] = SYSTEM.match_rules

NAME = (("first_name",), ("last_name",))
PARTS = {
    "match_name_and_address": (*NAME, ("address", "address_2")),
    "match_name_and_phone": (*NAME, ("phone", "cell")),
    "match_email": (("email",),),
    "match_phone": (("phone", "cell"),),
    "match_vin": (("vin",),),
}
"""The parts of each rule, all of which it needs; a part is any of several fields."""

WHOLE = {
    "first_name": "Ana María",
    "last_name": "O'Neil",
    "phone": "132-123-1234",
    "cell": "503-555-0100",
    "address": "123 North First Street",
    "address_2": "Apt 4",
    "email": "Ana@example.com",
    "vin": "1HGCM82633A004352",
}

ALL = [*WHOLE, "full_name", "company", "city", "zip", "tags", "notes"]

# --- keys


class Noted(dict[str, Any]):
    """A lead that notes which of its fields are asked for."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


@given(empty=st.sets(st.sampled_from(sorted(WHOLE))), changed=st.sets(st.sampled_from(ALL)))
def test_rules_that_a_change_cannot_touch_ask_for_none_of_its_fields(
    empty: set[str], changed: set[str]
) -> None:
    left = RULES.keys() - {rule.name for rule in touched(RULES, changed)}
    for name in left:
        lead = Noted({**WHOLE, **dict.fromkeys(empty)})
        keys_of(lead, [RULES[name]])
        assert lead.asked.isdisjoint(changed)
        assert lead.asked


def keys(lead: Mapping[str, Any]) -> dict[str, set[bytes]]:
    """Return the digests of a lead by rule."""
    found: dict[str, set[bytes]] = {}
    for digest, rule in keys_of(lead, RULES.values()).items():
        found.setdefault(rule, set()).add(digest)
    return found


def spelled(text: str, noise: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return ``text`` in any case, with noise around its words."""

    def spell(drawn: tuple[list[bool], list[str]]) -> str:
        upper, gaps = drawn
        words = "".join(
            c.upper() if up else c.lower() for c, up in zip(text, upper, strict=True)
        ).split()
        return gaps[0] + "".join(
            word + gap + " " for word, gap in zip(words, gaps[1:], strict=True)
        )

    return st.tuples(
        st.lists(st.booleans(), min_size=len(text), max_size=len(text)),
        st.lists(noise, min_size=len(text.split()) + 1, max_size=len(text.split()) + 1),
    ).map(spell)


PUNCTUATION = st.text(" .,-'’\u00ad", max_size=3)
SPACES = st.text(" ", max_size=2)
SPELLED = st.fixed_dictionaries(
    {
        "first_name": spelled("Ana María", PUNCTUATION),
        "last_name": spelled("O'Neil", PUNCTUATION),
        "phone": st.sampled_from(["1321231234", "(132) 123 1234", "+1 132.123.1234"]),
        "cell": st.sampled_from(["5035550100", "503 555 0100", "001 503 555-0100"]),
        "address": spelled("123 North First Street", st.text(" ,.", max_size=2)),
        "address_2": spelled("Apt 4", SPACES),
        "email": spelled("example.com", st.just("")).map(lambda host: f" Ana@{host}"),
        "vin": spelled("1HGCM82633A 004352", SPACES),
    }
)


def test_every_rule_has_its_parts_here() -> None:
    assert PARTS.keys() == RULES.keys()
    assert keys(WHOLE).keys() == RULES.keys()


@given(lead=SPELLED)
def test_case_spaces_and_punctuation_do_not_count(lead: dict[str, str]) -> None:
    assert keys(lead) == keys(WHOLE)


@pytest.mark.parametrize("absent", [None, "", " ", "-"])
@pytest.mark.parametrize(
    ("rule", "part"), [(rule, part) for rule, parts in PARTS.items() for part in parts]
)
def test_rule_is_silent_where_a_part_is_missing(
    rule: str, part: Iterable[str], absent: str | None
) -> None:
    without = {name: value for name, value in WHOLE.items() if name not in part}
    assert list(RULES[rule].keys(without)) == []
    if (rule, absent) != ("match_vin", "-"):  # any character counts in a VIN
        assert list(RULES[rule].keys(without | dict.fromkeys(part, absent))) == []


ANY_TEXT = st.text(st.characters(), max_size=40)


@given(lead=st.dictionaries(st.sampled_from(sorted(WHOLE)), st.none() | ANY_TEXT))
def test_rules_take_any_text_give_the_same_twice_and_alter_nothing(
    lead: dict[str, str | None],
) -> None:
    before = dict(lead)
    for rule in RULES.values():
        first, second = list(rule.keys(lead)), list(rule.keys(lead))
        assert first == second
        assert all(isinstance(each, str) and each for each in first)
        if rule.confirm is not None:
            assert rule.confirm(lead, lead) is True
    assert lead == before


# --- posts


def some(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


FORM = st.fixed_dictionaries(
    {},
    optional={
        "full_name": some("John Doe", "JOHN DOE", "John Doe Jr", "John Doe III", "Ann Lee", "Cher"),
        "first_name": some("John", "Ann"),
        "last_name": some("Doe", "Lee Sr"),
        "phone": some("132-123-1234", "(132) 123 1234", "503-555-0123", "000-000-0000"),
        "cell": some("132-123-1234", "503-555-0123"),
        "address": some("12 Main St", "12 Main Street #4", "Downtown"),
        "address_2": some("Apt 4", "Unit 5"),
        "city": some("Salem", "Saint Louis", "St. Louis"),
        "state": some("OR", "Oregon", "MO"),
        "zip": some("97303", "97303-1234", "02134"),
        "email": some("ann@example.com", "ann@EXAMPLE.com", "none@none.com"),
        "vin": some("ABC1", "abc1"),
        "ok_to_text": some("Yes", "No"),
        "followup_date": some("2030-01-01", "2030-01-02 03:04"),
        "tags": some("a,b", "b"),
    },
)
FLAGS = st.sets(st.sampled_from(sorted(RULES)), min_size=1)


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    """One system for all examples of a law: each finds what those before it have left."""
    return make_gateway("plugins.example")


def asking(rules: Iterable[str]) -> dict[str, str]:
    return {"match_update": "1", **dict.fromkeys(rules, "1")}


@settings(max_examples=25)
@given(before=st.lists(FORM, max_size=2), form=FORM, rules=FLAGS)
def test_form_with_all_parts_of_a_rule_posted_twice_is_one_lead(
    gateway: Gateway, before: list[dict[str, str]], form: dict[str, str], rules: set[str]
) -> None:
    for each in before:
        gateway.send(**each)
    first = gateway.send(**form, **asking(rules))
    count = gateway.count()
    second = gateway.send(**form, **asking(rules))
    decision = last_decision(gateway, second.headers["X-Request-Id"])
    assume(decision["present"])
    assert first.status == second.status == 0
    assert (second.lead_id, gateway.count()) == (first.lead_id, count)
    assert decision["action"] == "update"


def last_decision(gateway: Gateway, request_id: str) -> Mapping[str, Any]:
    (row,) = (row for row in gateway.journal() if row["request_id"] == request_id)
    return dict(row["decision"])


@settings(max_examples=25)
@given(before=st.lists(FORM, max_size=2), form=FORM, rules=FLAGS, more=FLAGS)
def test_another_rule_never_turns_a_match_into_none(
    gateway: Gateway,
    before: list[dict[str, str]],
    form: dict[str, str],
    rules: set[str],
    more: set[str],
) -> None:
    for each in before:
        gateway.send(**each)
    found = gateway.send(**form, **asking(rules), dry_run="1").lead_id
    assume(found is not None)
    wider = gateway.send(**form, **asking(rules | more), dry_run="1").lead_id
    assert wider is not None
    assert wider <= found  # the lowest id of more leads


@settings(max_examples=25)
@given(form=FORM)
def test_update_with_what_the_lead_holds_changes_nothing(
    gateway: Gateway, form: dict[str, str]
) -> None:
    lead_id = gateway.send(**form).lead_id

    def stored() -> list[list[Any]]:
        with gateway.system.engine.connect() as connection:
            return [
                list(connection.execute(select(table).where(table.c.lead_id == lead_id)))
                for table in (Lead.__table__, MatchKey.__table__, LeadChange.__table__)
            ]

    before = stored()
    again = gateway.send(mode="update", lead_id=lead_id, **form)
    assert again.lead_id == lead_id
    assert stored() == before
    assert last_decision(gateway, again.headers["X-Request-Id"])["changes"] == []
