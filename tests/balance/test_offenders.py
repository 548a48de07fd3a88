"""``flask journal balance`` names what is lost or made up."""

import json
from datetime import UTC, datetime

from sqlalchemy import delete, insert, update
from stored_rows import FORGET_KEYS, add, change

from gateway.models import Erasure, LeadMerge
from gateway.testing import Gateway
from tests.balance.balances import (
    add_lead,
    balanced,
    delete_lead,
    delete_row,
    leads,
    request_id,
    set_row,
    unbalanced,
)
from tests.cli_runner import run


def assert_post_is_named(gateway: Gateway, post: str, why: str) -> None:
    (offender,) = unbalanced(gateway, which="posts")
    assert offender["request_id"] == post
    assert why in offender["wrong"]


def test_lead_that_is_lost_is_named_with_its_post(gateway: Gateway) -> None:
    answer = gateway.send(phone="503-555-0100")
    add(gateway, city="Other")
    assert answer.lead_id is not None
    delete_lead(gateway, answer.lead_id)
    (offender,) = unbalanced(gateway, which="leads")
    assert (offender["request_id"], offender["lead_id"]) == (request_id(answer), 1001)
    assert "neither there, merged away nor erased" in offender["wrong"]
    assert "restore the lead" in offender["remedy"]


def test_lead_without_a_post_is_named(gateway: Gateway) -> None:
    add(gateway, city="X")
    lead_id = add_lead(gateway)
    (offender,) = unbalanced(gateway, which="leads")
    assert (offender["request_id"], offender["lead_id"]) == (None, lead_id)
    assert "no accepted post and no import made it" in offender["wrong"]
    assert balanced(gateway, "--since", "2999-01-01")


def test_more_than_twenty_are_counted(gateway: Gateway) -> None:
    add(gateway, city="X")
    for _ in range(23):
        add_lead(gateway)
    result = run(gateway, "journal", "balance", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["wrong"], len(found["offenders"])) == (1, 23, 20)
    assert "3 more do not fit" in run(gateway, "journal", "balance").stderr


def test_outcome_of_which_there_is_none_is_named(gateway: Gateway) -> None:
    post = request_id(gateway.send(mode="insrt"))
    set_row(gateway, post, outcome="lost")
    assert_post_is_named(gateway, post, "has the outcome 'lost'")


def test_outcome_of_an_accepted_post_that_was_changed_is_named(gateway: Gateway) -> None:
    add(gateway, external_id="a")
    post = request_id(gateway.send(external_id="a", mode="update", city="X"))
    set_row(gateway, post, outcome="refused")
    assert_post_is_named(gateway, post, "was accepted, and its outcome is 'refused' now")


def test_refused_post_that_is_called_accepted_is_named(gateway: Gateway) -> None:
    post = request_id(gateway.send(mode="insrt"))
    tried = request_id(gateway.send(dry_run="1"))
    for each in (post, tried):
        set_row(gateway, each, outcome="accepted")
    offenders = unbalanced(gateway, which="leads")
    assert [each["request_id"] for each in offenders] == [post, tried]
    assert "names no lead" in offenders[0]["wrong"]


def test_superseded_post_without_another_in_its_place_is_named(gateway: Gateway) -> None:
    post = request_id(gateway.send(mode="insrt"))
    set_row(gateway, post, outcome="superseded")
    assert_post_is_named(gateway, post, "no post stands in its place")


def test_post_that_was_deleted_is_named_by_its_keys(gateway: Gateway) -> None:
    post = request_id(gateway.send(mode="insrt", phone="503-555-0100", email="a@example.com"))
    delete_row(gateway, post)
    for words in ((), ("--since", "1h")):
        (offender,) = unbalanced(gateway, *words, which="posts")
        assert offender["request_id"] == post
    assert balanced(gateway, "--since", "2999-01-01")


def test_post_that_was_deleted_is_named_by_its_lead(gateway: Gateway) -> None:
    add(gateway, city="X")
    answer = gateway.send(city="Y", external_id="y")
    change(gateway, *FORGET_KEYS)
    gateway.send(external_id="y", mode="update", city="Z")
    delete_row(gateway, request_id(answer))
    change(gateway, *FORGET_KEYS)
    # An update since does not hide it: no import has made leads.
    (offender,) = unbalanced(gateway, which="leads")
    assert offender["lead_id"] == answer.lead_id


def test_two_posts_cannot_make_one_lead(gateway: Gateway) -> None:
    first, second = gateway.send(city="X"), gateway.send(city="Y")
    set_row(gateway, request_id(second), lead_id=first.lead_id)
    doubled, nobodys = unbalanced(gateway, which="leads")
    assert "2 accepted posts say they made lead 1001" in doubled["wrong"]
    assert nobodys["lead_id"] == second.lead_id


def test_lead_is_in_one_place_only(gateway: Gateway) -> None:
    answer = gateway.send(city="X")
    now = datetime.now(UTC)
    row = {"lead_id": answer.lead_id, "begun_at": now, "posts": 0}
    change(gateway, insert(Erasure.__table__).values(row))
    # One that was begun and interrupted.
    assert leads(balanced(gateway)) == (1, 1, 0, 0, 0)
    change(gateway, update(Erasure.__table__).values(erased_at=now))
    (offender,) = unbalanced(gateway, which="leads")
    assert offender["wrong"].endswith("is present and erased")
    change(gateway, delete(Erasure.__table__))
    merge = {"lead_id": 1001, "survivor_id": 1001, "merged_at": now}
    change(gateway, insert(LeadMerge.__table__).values(merge))
    (offender,) = unbalanced(gateway, which="leads")
    assert offender["wrong"].endswith("is present and merged away")
