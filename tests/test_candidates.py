"""The leads that share a key with a post: what they cost, and what becomes of very many."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update

from gateway.models import Lead, MatchKey
from gateway.store import first_look, lead_rows
from gateway.testing import Gateway

JOHN = {"full_name": "John Doe", "address": "12 Main St", "zip": "97303"}
LOCK = "FOR UPDATE"
POST = {**JOHN, "match_update": "1", "match_name_and_address": "1"}


@contextmanager
def counting(gateway: Gateway) -> Iterator[list[str]]:
    """Give the list of the statements that the gateway runs meanwhile."""
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    def row_statement(*arguments: Any) -> str:
        statement = made(*arguments)
        statements.append(statement)
        return statement

    def begin(connection: Any, batch: Any) -> Any:
        before = len(statements)
        found, leads = look(connection, batch)
        if leads and len(statements) == before:
            # In one way with more, or by a statement that was prepared.
            statements.append(f"SELECT lead_id FROM lead {LOCK} SKIP LOCKED")
        return found, leads

    made, look = lead_rows.row_statement, first_look.begin
    event.listen(gateway.system.engine, "before_cursor_execute", note)
    with pytest.MonkeyPatch.context() as patch:
        # Past SQLAlchemy, so nobody else hears of it.
        patch.setattr(lead_rows, "row_statement", row_statement)
        patch.setattr(first_look, "begin", begin)
        yield statements
    event.remove(gateway.system.engine, "before_cursor_execute", note)


def reads(statements: list[str]) -> list[str]:
    return [each for each in statements if each.startswith("SELECT") and "lead_id" in each]


def reads_of_leads(statements: list[str]) -> list[str]:
    return [each for each in reads(statements) if re.search(r"\bFROM lead\b", each)]


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
    assert (LOCK in read) is locks


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
    assert (LOCK in together, LOCK in lead) == (False, locks)


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


def crowd(gateway: Gateway, count: int) -> None:
    """Make ``count`` leads of the one that is there, with its keys and below its id."""
    with gateway.system.engine.begin() as connection:
        lead = connection.execute(select(Lead.__table__)).mappings().first()
        keys = connection.execute(select(MatchKey.__table__)).mappings().all()
        assert lead is not None
        ids = range(1, count)
        connection.execute(insert(Lead), [{**lead, "lead_id": each} for each in ids])
        connection.execute(
            insert(MatchKey), [{**key, "lead_id": each} for key in keys for each in ids]
        )


def test_of_very_many_that_a_rule_rejects_the_oldest_and_the_newest_are_looked_at(
    make_gateway: Callable[..., Gateway],
) -> None:
    """The second of two equal posts finds what the first has made; the cost does not grow."""
    costs = []
    for count in (1500, 4000):
        gateway = make_gateway(GATEWAY_FIRST_LEAD_ID=10_000)
        gateway.send(**{**JOHN, "zip": "02134"})
        crowd(gateway, count)
        with counting(gateway) as statements:
            first = gateway.send(**POST)
        assert first.status_message == "Lead Creation Successful"
        assert gateway.journal()[-1]["decision"]["cut_off"] is True
        with counting(gateway) as more:
            second = gateway.send(**POST, city="Rome")
        assert (second.status_message, second.lead_id) == ("Lead Update Successful", first.lead_id)
        assert gateway.journal()[-1]["decision"]["cut_off"] is True
        assert gateway.count() == count + 1
        costs.append([len(reads(statements)), len(reads(more))])
    assert costs[0] == costs[1]


def test_a_thousand_that_a_rule_rejects_are_not_too_many(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway(GATEWAY_FIRST_LEAD_ID=10_000)
    gateway.send(**{**JOHN, "zip": "02134"})
    crowd(gateway, 1000)
    with gateway.system.engine.begin() as connection:
        connection.execute(update(Lead).where(Lead.lead_id == 990).values(zip="97303"))
    assert gateway.send(**POST).lead_id == 990
    assert "cut_off" not in gateway.journal()[-1]["decision"]
