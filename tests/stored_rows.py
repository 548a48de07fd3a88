"""What tests of the store share: leads made and read whole, rows, the history, right keys."""

from typing import Any

from sqlalchemy import delete, func, select

from gateway.database import reading
from gateway.journal import key_rows
from gateway.matching import keys_of
from gateway.models import (
    Lead,
    LeadChange,
    LeadEvent,
    LeadExternalId,
    LeadFile,
    LeadMerge,
    LeadNote,
    LeadTag,
    MatchKey,
    PendingKeys,
    SubmissionKey,
)
from gateway.store.history import read_history
from gateway.store.keys import values_of
from gateway.testing import Gateway


def add(gateway: Gateway, **fields: Any) -> int:
    answer = gateway.send(**fields)
    assert answer.status == 0, answer.status_message
    assert answer.lead_id is not None
    return answer.lead_id


def lead(gateway: Gateway, lead_id: int) -> dict[str, Any]:
    found = gateway.lead(lead_id)
    assert found is not None
    return found


def rows(gateway: Gateway, model: Any) -> list[dict[str, Any]]:
    statement = select(model.__table__).order_by(*model.__table__.primary_key)
    with gateway.system.engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def history(gateway: Gateway, lead_id: int) -> list[tuple[Any, ...]]:
    found = read_history(gateway.system.engine, lead_id, gateway.system.schema)
    return [(each["by"], each["field"], each["old"], each["new"]) for each in found]


def keys_are_right(gateway: Gateway) -> bool:
    rules = gateway.system.match_rules.values()
    wanted = {
        (row["lead_id"], digest)
        for row in rows(gateway, Lead)
        for digest in keys_of(values_of(row), rules)
    }
    return {(row["lead_id"], bytes(row["digest"])) for row in rows(gateway, MatchKey)} == wanted


def search_keys(gateway: Gateway) -> list[tuple[str, bytes]]:
    """Return the post and the digest of every search key, those that wait and the sorted ones."""
    statement = select(key_rows.KEYS.c.request_id, key_rows.KEYS.c.digest)
    with gateway.system.engine.connect() as connection:
        found = connection.execute(statement).all()
    return sorted((each.request_id, bytes(each.digest)) for each in found)


def sort_in_keys(gateway: Gateway) -> None:
    """Do what the keeper of a worker does now and then."""
    while key_rows.settle(gateway.system.engine, least=1):
        pass


FORGET_KEYS = [delete(model.__table__) for model in (PendingKeys, SubmissionKey)]
"""Statements that take all search keys away."""


def everything(gateway: Gateway) -> list[list[dict[str, Any]]]:
    models = (
        Lead, LeadChange, LeadEvent, LeadExternalId, LeadFile, LeadMerge, LeadNote, LeadTag,
        MatchKey,
    )  # fmt: skip
    return [rows(gateway, model) for model in models]


def change(gateway: Gateway, *statements: Any) -> None:
    with gateway.system.engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def count(gateway: Gateway, table: Any) -> int:
    with reading(gateway.system.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())
