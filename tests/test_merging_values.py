"""Merges: the address as one unit, and phones that give way, so that no post misses its lead."""

from collections.abc import Callable
from typing import Any

import pytest
from stored_rows import add, history, keys_are_right, lead

from gateway.store.merging import merge
from gateway.testing import Gateway

ONE, TWO, THREE = "503-555-0101", "503-555-0102", "503-555-0103"
MAIN, OAK = "12 Main St", "5 Oak Rd"


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return make_gateway("plugins.example")


@pytest.mark.parametrize(
    ("keep", "others", "stays"),
    [
        ((MAIN, ""), [(OAK, "Apt 4")], (MAIN, None)),
        ((MAIN, "Apt 1"), [(OAK, "Apt 4")], (MAIN, "Apt 1")),
        (("", "Apt 1"), [(OAK, "")], (OAK, None)),
        (("", "Apt 1"), [("", "Apt 4")], (None, "Apt 1")),
        (("", ""), [("", "Apt 4"), (OAK, "")], (OAK, None)),
        (("", ""), [(OAK, ""), (MAIN, "Apt 4")], (OAK, None)),
        (("", ""), [(MAIN, "Apt 4"), (OAK, "Apt 1")], (MAIN, "Apt 4")),
    ],
)
def test_both_lines_of_the_address_come_from_the_first_lead_that_has_one(
    gateway: Gateway, keep: Any, others: Any, stays: Any
) -> None:
    ids = [add(gateway, address=one, address_2=two) for one, two in [keep, *others]]
    merge(gateway.system, ids[0], ids[1:])
    found = lead(gateway, ids[0])
    assert (found["address"], found["address_2"]) == stays
    assert keys_are_right(gateway)
    told = {value for _, _, old, new in history(gateway, ids[0]) for value in (old, new) if value}
    # Whatever gave way is in the history.
    assert {line for pair in [keep, *others] for line in pair} - {""} <= told | set(stays)


@pytest.mark.parametrize(
    ("keep", "others", "stays"),
    [
        ((ONE, ""), [(TWO, "")], (ONE, TWO)),
        (("", ONE), [("", TWO)], (TWO, ONE)),
        ((ONE, ""), [("+1 (503) 555 0101", "")], (ONE, None)),
        ((ONE, ""), [("555-555-5555", "")], (ONE, None)),
        ((ONE, ""), [("none", "")], (ONE, None)),
        ((ONE, ""), [(TWO, THREE)], (ONE, THREE)),
        ((ONE, TWO), [(THREE, "")], (ONE, TWO)),
        ((ONE, ""), [(TWO, ""), ("", THREE)], (ONE, THREE)),
        ((ONE, ""), [(TWO, ""), (THREE, "")], (ONE, TWO)),
        (("none", ""), [(ONE, "")], ("none", ONE)),
    ],
)
def test_phone_that_gives_way_becomes_the_cell_that_is_empty(
    gateway: Gateway, keep: Any, others: Any, stays: Any
) -> None:
    ids = [add(gateway, phone=phone, cell=cell) for phone, cell in [keep, *others]]
    tried = merge(gateway.system, ids[0], ids[1:], dry_run=True)
    assert merge(gateway.system, ids[0], ids[1:]) == tried
    found = lead(gateway, ids[0])
    assert (found["phone"], found["cell"]) == stays
    assert keys_are_right(gateway)


def test_next_post_with_a_phone_that_gave_way_finds_the_lead(gateway: Gateway) -> None:
    keep = add(gateway, full_name="Ann Lee", phone=ONE)
    other = add(gateway, full_name="Ann Lee", phone=TWO)
    merge(gateway.system, keep, [other])
    answer = gateway.send(full_name="Ann Lee", phone=TWO, match_update=1)
    assert (answer.status_message, answer.lead_id) == ("Lead Update Successful", keep)
    assert history(gateway, keep)[:2] == [
        (f"merge of lead {other}", "cell", None, TWO),
        (f"merge of lead {other}", "phone", TWO, ONE),
    ]
