"""Rules of plugins in a running system: what they see, and what they may do wrong."""

import logging
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest
from marshmallow import fields
from sqlalchemy import select

from gateway import CustomField, MatchRule, hookimpl
from gateway.matching import digest
from gateway.models import MatchKey
from gateway.testing import Gateway

Lead = Mapping[str, Any]
JOHN = {"full_name": "John Doe", "phone": "132-123-1234"}
MATCH = {"match_update": "1"}


def keys_by_rule(gateway: Gateway) -> dict[bytes, tuple[str, int]]:
    """Return the stored digests, each with its rule and the version of that."""
    table = MatchKey.__table__
    with gateway.system.engine.connect() as connection:
        found = connection.execute(select(table.c.digest, table.c.rule, table.c.version))
        return {bytes(each): (rule, version) for each, rule, version in found}


@pytest.fixture
def with_rule(
    make_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Gateway]:
    """A function that gives a system whose one plugin has this rule, and these fields."""

    def start(rule: MatchRule, *own: CustomField, **options: Any) -> Gateway:
        plugin = ModuleType("plugin_of_one_rule")

        @hookimpl
        def gateway_match_rules(settings: Any) -> list[MatchRule]:
            return [rule]

        @hookimpl
        def gateway_custom_fields(settings: Any) -> list[CustomField]:
            return list(own)

        vars(plugin)["gateway_match_rules"] = gateway_match_rules
        vars(plugin)["gateway_custom_fields"] = gateway_custom_fields
        monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
        return make_gateway(plugin.__name__, **options)

    return start


def raises(lead: Lead) -> list[str]:
    raise ZeroDivisionError("inner text")


@pytest.mark.parametrize(
    "keys", [raises, lambda lead: [7], lambda lead: "5035550100", lambda lead: None]
)
def test_rule_that_fails_rolls_the_post_back_and_keeps_it(
    with_rule: Callable[..., Gateway],
    keys: Callable[[Lead], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = with_rule(MatchRule("match_odd", keys))
    with caplog.at_level(logging.ERROR):
        answer = gateway.send(**JOHN, **MATCH, tags="a", note="hello")
    reference = answer.headers["X-Request-Id"]
    assert (answer.status, answer.lead_id) == (1, None)
    assert answer.status_message == f"Internal error, reference {reference}"
    assert (gateway.count(), keys_by_rule(gateway)) == (0, {})
    (row,) = gateway.journal()
    assert (row["outcome"], row["request_id"]) == ("failed", reference)
    assert b"full_name=John" in row["body"]
    assert reference in caplog.text


def test_rule_that_fails_on_a_lead_that_is_not_made_costs_nothing(
    with_rule: Callable[..., Gateway],
) -> None:
    def keys(lead: Lead) -> list[str]:
        if lead.get("origin") == "by default":
            raise ZeroDivisionError
        return ["x"]

    origin = CustomField("origin", fields.String(load_default="by default"), help="A field.")
    gateway = with_rule(MatchRule("match_odd", keys), origin)
    known = gateway.send(**JOHN, origin="Web").lead_id
    answer = gateway.send(**MATCH, match_odd=1, company="New")
    assert (answer.status, answer.lead_id) == (0, known)
    assert gateway.send(**JOHN).status == 1


def test_rule_whose_confirm_fails_rolls_the_post_back(with_rule: Callable[..., Gateway]) -> None:
    def fails(new: Lead, old: Lead) -> bool:
        raise ZeroDivisionError

    gateway = with_rule(MatchRule("match_odd", lambda lead: ["x"], confirm=fails))
    assert gateway.send(**JOHN).lead_id == 1001
    answer = gateway.send(**JOHN, **MATCH, match_odd=1)
    assert (answer.status, gateway.count()) == (1, 1)
    assert sorted(row["outcome"] for row in gateway.journal()) == ["accepted", "failed"]


def test_rule_of_ten_thousand_keys_finds_its_lead_by_the_first(
    with_rule: Callable[..., Gateway],
) -> None:
    gateway = with_rule(MatchRule("match_odd", lambda lead: map(str, range(10_000))))
    assert gateway.send(city="Rome").lead_id == 1001
    assert list(keys_by_rule(gateway).values()) == [("match_odd", 1)] * 50
    assert gateway.send(**MATCH, match_odd=1, city="Milan").lead_id == 1001


def test_key_has_the_version_of_its_rule(with_rule: Callable[..., Gateway]) -> None:
    gateway = with_rule(MatchRule("match_city", lambda lead: [lead["city"]], version=3))
    gateway.send(city="Rome")
    assert keys_by_rule(gateway) == {digest("match_city", "Rome"): ("match_city", 3)}


def test_confirm_gets_the_post_and_the_stored_lead(with_rule: Callable[..., Gateway]) -> None:
    asked: list[tuple[Any, Any]] = []

    def confirm(new: Lead, old: Lead) -> bool:
        asked.append((new["city"], old["city"]))
        return bool(old["city"] == "Milan")

    gateway = with_rule(MatchRule("match_odd", lambda lead: ["x"], confirm=confirm))
    gateway.send(city="Rome")
    gateway.send(city="Milan")
    assert gateway.send(**MATCH, match_odd=1, city="Turin").lead_id == 1002
    # Asked again once the lead is held, in case it changed meanwhile.
    assert asked == [("Turin", "Rome"), ("Turin", "Milan"), ("Turin", "Milan")]


def test_rule_sees_a_post_in_the_form_that_the_store_gives_back(
    with_rule: Callable[..., Gateway],
) -> None:
    """One function for the post and the lead: a value has one form, whichever it is of."""
    seen: list[dict[str, Any]] = []
    sent = {
        "followup_date": "2030-01-02 03:04:05",
        "ok_to_text": "yes",
        "lat": "45.50",
        "birth_date": "2/29/1980",
        "custom_status": "Sold",
        "ownerID": "ann",
        "pool": "main",
        "status": "3",
        "zip": "02134",
    }

    def keys(lead: Lead) -> list[str]:
        seen.append({name: lead.get(name) for name in sent})
        return ["x"]

    setup = {"custom_statuses": ["Sold"], "users": ["ann"], "pools": ["Main"]}
    gateway = with_rule(MatchRule("match_odd", keys), setup=setup)
    gateway.send(**sent)
    assert gateway.send(**MATCH, match_odd=1, **sent, city="Rome").lead_id == 1001
    assert len(seen) > 3
    assert [each for each in seen if each != seen[0]] == []
    assert None not in seen[0].values()
