"""Step 5 on a match: which lead it is, what is recorded, and keys that follow the lead."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.matching import digest, keys_of
from gateway.models import Lead, LeadChange, MatchKey
from gateway.store.keys import values_of
from gateway.testing import Gateway

JOHN = {"full_name": "John Doe", "phone": "132-123-1234"}
MATCH = {"match_update": "1"}
SIDES = ("old", "new")


def rows(gateway: Gateway, table: Any, *order: Any) -> list[dict[str, Any]]:
    with gateway.system.engine.connect() as connection:
        found = connection.execute(select(table.__table__).order_by(*order)).mappings()
        return [dict(row) for row in found]


def changes(gateway: Gateway) -> list[tuple[Any, ...]]:
    """Return field, old and new value of each recorded change, in order."""
    return [
        (row["field"], *(None if row[side] is None else json.loads(row[side]) for side in SIDES))
        for row in rows(gateway, LeadChange, LeadChange.change_id)
    ]


# --- history


def test_insert_records_no_change(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.send(**JOHN, tags="a", note="hello")
    assert changes(gateway) == []


def test_match_records_old_and_new_value_of_what_it_changed(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway("plugins.example")
    gateway.send(**JOHN, city="Rome", ok_to_text="Yes", tags="a,b", vin="ABC1", trade_in_year=2015)
    answer = gateway.send(
        **MATCH,
        full_name="JOHN DOE",
        phone="(132) 123-1234",
        city="Mailand",
        company="Acmé",
        ok_to_text="No",
        followup_date="2030-01-02 03:04:05",
        lat="45.5",
        tags="b",
        trade_in_year=2016,
        vin="ABC1",
        note="only appended",
    )
    assert answer.lead_id == 1001
    assert sorted(changes(gateway)) == [
        ("city", "Rome", "Mailand"),
        ("company", None, "Acmé"),
        ("followup_date", None, "2030-01-02T03:04:05+00:00"),
        ("lat", None, 45.5),
        ("ok_to_text", True, False),
        ("tags", ["a", "b"], ["b"]),
        ("trade_in_year", 2015, 2016),
    ]
    recorded = rows(gateway, LeadChange)
    assert {row["request_id"] for row in recorded} == {answer.headers["X-Request-Id"]}
    (moment,) = {row["changed_at"] for row in recorded}
    assert moment == rows(gateway, Lead)[0]["updated_at"]


def test_update_by_id_records_what_it_cleared(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(setup={"users": [{"label": "ann", "id": 7}]})
    gateway.send(**JOHN, ownerID="ann", tags="a")
    gateway.send(mode="update", lead_id=1001, phone="", tags="", ownerID="0")
    assert sorted(changes(gateway), key=str) == [
        ("ownerID", 7, None),
        ("phone", "132-123-1234", None),
        ("tags", ["a"], []),
    ]


def test_post_that_changes_nothing_records_nothing(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.send(**JOHN, tags="a")
    (before,) = rows(gateway, Lead)
    assert gateway.send(**MATCH, **JOHN, tags="a").lead_id == 1001
    assert gateway.send(mode="update", lead_id=1001, **JOHN).lead_id == 1001
    assert changes(gateway) == []
    assert rows(gateway, Lead) == [before]


def test_dry_run_and_refused_post_record_nothing(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.send(**JOHN)
    keys = rows(gateway, MatchKey, MatchKey.digest)
    assert gateway.send(**MATCH, **JOHN, city="Rome", dry_run=1).status == 0
    assert gateway.send(mode="update", lead_id=1001, phone="5", lat="north").status == 1
    assert changes(gateway) == []
    assert rows(gateway, MatchKey, MatchKey.digest) == keys


# --- which lead


def test_external_id_comes_before_any_rule_and_is_not_looked_up_by_one(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway()
    gateway.send(**JOHN)
    gateway.send(full_name="Ann Lee", external_id="A1")
    assert gateway.send(**MATCH, **JOHN, external_id="A1").lead_id == 1002
    decision = gateway.journal()[-1]["decision"]
    assert (decision["found_by"], decision["rule"], decision["asked"]) == ("external_id", None, [])


def test_more_leads_than_are_named(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    for _ in range(25):
        gateway.send(**JOHN)
    answer = gateway.send(**MATCH, **JOHN, city="Rome")
    assert answer.lead_id == 1001
    assert gateway.journal()[-1]["decision"]["others"] == list(range(1002, 1012))
    lead = gateway.lead(1001)
    assert lead is not None
    assert lead["match"]["others"] == list(range(1002, 1012))


# --- keys


def key_rows(gateway: Gateway, lead_id: int) -> dict[bytes, tuple[str, int]]:
    return {
        bytes(row["digest"]): (row["rule"], row["version"])
        for row in rows(gateway, MatchKey)
        if row["lead_id"] == lead_id
    }


def key_rules(gateway: Gateway, lead_id: int) -> list[str]:
    return sorted(rule for rule, _ in key_rows(gateway, lead_id).values())


def test_keys_of_all_rules_are_stored_whatever_was_asked(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway()
    gateway.send(**JOHN, cell="503-555-0100", address="12 Main St", email="john@example.com")
    assert key_rules(gateway, 1001) == [
        "match_email",
        "match_name_and_address",
        "match_name_and_phone",
        "match_name_and_phone",
        "match_phone",
        "match_phone",
    ]


def test_update_drops_the_keys_of_what_has_gone(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.send(**JOHN, email="john@example.com")
    before = key_rows(gateway, 1001)
    gateway.send(mode="update", lead_id=1001, phone="503-555-0100")
    after = key_rows(gateway, 1001)
    assert before.keys() & after.keys() == {digest("match_email", "john@example.com")}
    assert digest("match_phone", "+15035550100") in after
    gateway.send(mode="update", lead_id=1001, phone="", email="")
    assert key_rows(gateway, 1001) == {}


def test_number_that_is_phone_and_cell_is_kept_until_both_have_gone(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway()
    gateway.send(**JOHN, cell="(132) 123 1234")
    before = key_rows(gateway, 1001)
    gateway.send(mode="update", lead_id=1001, phone="")
    assert key_rows(gateway, 1001) == before
    gateway.send(mode="update", lead_id=1001, cell="")
    assert key_rows(gateway, 1001) == {}


# --- the law


def maybe(*values: str) -> st.SearchStrategy[str | None]:
    """Return a value, an empty one, or None: not sent."""
    return st.sampled_from([None, None, "", *values])


POSTS = st.lists(
    st.fixed_dictionaries(
        {
            "mode": st.sampled_from(["insert", "insert", "update"]),
            "lead_id": st.sampled_from([1001, 1002, 1003, 1004]),
            "match_update": maybe("1"),
            "match_name_and_phone": maybe("1"),
            "match_email": maybe("1"),
            "match_vin": maybe("1"),
            "external_id": maybe("A1", "B2"),
            "full_name": maybe("John Doe", "JOHN DOE Jr", "John", "Ann Lee"),
            "last_name": maybe("Doe", "Lee"),
            "phone": maybe("132-123-1234", "(132) 123 1234", "503-555-0100", "555-555-5555"),
            "cell": maybe("132-123-1234", "503-555-0100", "no phone"),
            "address": maybe("12 Main St", "12 Main Street #4"),
            "address_2": maybe("Apt 4"),
            "zip": maybe("97303", "02134"),
            "email": maybe("ann@example.com", "ANN@EXAMPLE.com", "ann@"),
            "vin": maybe("ABC1", "abc1", "XYZ9"),
            "dry_run": st.sampled_from([None, None, None, "1"]),
        }
    ),
    max_size=8,
)


@pytest.fixture
def dealer(make_gateway: Callable[..., Gateway]) -> Gateway:
    return make_gateway("plugins.example")


@settings(max_examples=20)
@given(posts=POSTS)
def test_stored_keys_are_those_of_the_stored_lead(
    dealer: Gateway, posts: list[dict[str, Any]]
) -> None:
    """Whatever was sent: by rule, version and digest, no key more and none less."""
    for post in posts:
        sent = {name: value for name, value in post.items() if value is not None}
        if post["mode"] == "insert":
            del sent["lead_id"]
        assert dealer.send(**sent).status in (0, 1)
    rules = dealer.system.match_rules
    stored = {
        (bytes(row["digest"]), row["lead_id"], row["rule"], row["version"])
        for row in rows(dealer, MatchKey)
    }
    assert stored == {
        (each, row["lead_id"], rule, rules[rule].version)
        for row in rows(dealer, Lead)
        for each, rule in keys_of(values_of(row), rules.values()).items()
    }
