"""The leads that share a key with a post: what they cost, and what becomes of very many."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from gateway.testing import Gateway

JOHN = {"full_name": "John Doe", "address": "12 Main St", "zip": "97303"}
POST = {**JOHN, "match_update": "1", "match_name_and_address": "1"}


@contextmanager
def counting(gateway: Gateway) -> Iterator[list[str]]:
    """Give the list of the statements that the gateway runs meanwhile."""
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(gateway.system.engine, "before_cursor_execute", note)
    yield statements
    event.remove(gateway.system.engine, "before_cursor_execute", note)


def reads_of_leads(statements: list[str]) -> list[str]:
    return [each for each in statements if each.startswith("SELECT") and "FROM lead \n" in each]


@pytest.mark.parametrize("dry_run", ["", "1"])
def test_lone_candidate_is_read_once(make_gateway: Callable[..., Gateway], dry_run: str) -> None:
    gateway = make_gateway()
    gateway.send(**JOHN)
    gateway.send(full_name="Ann Lee", address="12 Main St")
    with counting(gateway) as statements:
        answer = gateway.send(**POST, city="Rome", dry_run=dry_run)
    assert (answer.status_message, answer.lead_id) == ("Lead Update Successful", 1001)
    (read,) = reads_of_leads(statements)
    locks = gateway.system.engine.dialect.name != "sqlite" and not dry_run
    assert read.endswith("FOR UPDATE") is locks


def test_of_several_candidates_only_the_lead_is_locked(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway()
    for place in ("02134", "97303", "97303"):
        gateway.send(**{**JOHN, "zip": place})
    with counting(gateway) as statements:
        assert gateway.send(**POST).lead_id == 1002
    together, lead = reads_of_leads(statements)
    locks = gateway.system.engine.dialect.name != "sqlite"
    assert (together.endswith("FOR UPDATE"), lead.endswith("FOR UPDATE")) == (False, locks)


def test_lone_candidate_that_is_rejected_makes_way_for_a_new_lead(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway()
    gateway.send(**{**JOHN, "zip": "02134"})
    answers = [gateway.send(**POST, tag_append="a") for _ in range(2)]
    assert [each.lead_id for each in answers] == [1002, 1002]
    lead = gateway.lead(1001)
    assert lead is not None
    assert (lead["zip"], lead["tags"]) == ("02134", [])
