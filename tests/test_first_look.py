"""What a batch sees before its first post is decided is what its posts mean, on every engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, select
from stored_rows import add

from gateway import database
from gateway.matching import keys_of
from gateway.models import Lead
from gateway.store import first_look
from gateway.store.first_look import mariadb
from gateway.store.locating import external_id_digest
from gateway.store.planning import Stored
from gateway.store.wanted import Wanted
from gateway.testing import Gateway

ANN = {"first_name": "Ann", "last_name": "Lee", "phone": "503-555-0101"}
BOB = {"first_name": "Bob", "last_name": "Ray", "phone": "503-555-0102", "email": "bob@example.com"}


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return make_gateway()


@contextmanager
def looking(
    gateway: Gateway, batch: Sequence[Wanted]
) -> Iterator[tuple[Mapping[bytes, Sequence[int]], Mapping[int, Stored], Connection]]:
    """Give what ``batch`` sees first, and the connection on which it holds that."""
    engine = gateway.system.engine
    connect = engine.connect if database.has_one_writer(engine) else None
    with connect() if connect else database.connect_for_good(engine) as connection:
        found, leads = first_look.begin(connection, batch)
        yield found, leads, connection
        connection.exec_driver_sql("ROLLBACK")


def by_keys(gateway: Gateway, lead: Mapping[str, str], **changed: Any) -> Wanted:
    keys = frozenset(keys_of(lead, gateway.system.match_rules.values()))
    return Wanted(**{**wanting(keys), **changed})


def by_external_id(external_id: str, **changed: Any) -> Wanted:
    digest = external_id_digest(external_id)
    external = (digest, external_id)
    return Wanted(**{**wanting(frozenset([digest])), "external": external, **changed})


def wanting(keys: frozenset[bytes]) -> dict[str, Any]:
    return {"claims": keys, "keys": keys, "lead_id": None, "external": None, "has_tags": True}


def test_nobody_is_known_where_nobody_is_stored(gateway: Gateway) -> None:
    batch = [by_keys(gateway, ANN), by_external_id("E-1"), Wanted(**wanting(frozenset()))]
    with looking(gateway, batch) as (found, leads, _):
        assert (found, leads) == ({}, {})


def test_leads_are_found_by_keys_and_read_with_their_tags(gateway: Gateway) -> None:
    ids = [add(gateway, **ANN, tags="b,a"), add(gateway, **BOB)]
    batch = [by_keys(gateway, ANN), by_keys(gateway, BOB), by_keys(gateway, {"email": "no@a.org"})]
    with looking(gateway, batch) as (found, leads, _):
        assert found == {
            **{key: [ids[0]] for key in batch[0].keys},
            **{key: [ids[1]] for key in batch[1].keys},
        }
        assert sorted(leads) == ids
        assert [list(leads[each].tags) for each in ids] == [["b", "a"], []]
        assert leads[ids[1]].row["email"] == "bob@example.com"


def test_of_several_that_a_post_may_mean_none_is_locked(gateway: Gateway) -> None:
    ids = [add(gateway, **ANN), add(gateway, **ANN), add(gateway, **BOB)]
    batch = [by_keys(gateway, ANN), by_keys(gateway, BOB)]
    with looking(gateway, batch) as (found, leads, _):
        assert all(found[each] == ids[:2] for each in batch[0].keys)
        assert sorted(leads) == ids[2:]


def test_external_ids_find_their_leads_byte_for_byte(gateway: Gateway) -> None:
    sent = ["E-1", "e-1", "É'\\", "E-1 ", "%s"]
    ids = {each: add(gateway, full_name="Ann Lee", external_id=each) for each in sent[:3]}
    batch = [by_external_id(each) for each in sent]
    with looking(gateway, batch) as (found, leads, _):
        assert found == {external_id_digest(each): [ids[each]] for each in ids}
        assert sorted(leads) == sorted(ids.values())


def test_external_id_counts_before_keys_and_lead_id_before_both(gateway: Gateway) -> None:
    ids = [add(gateway, **ANN), add(gateway, **BOB, external_id="E-1"), add(gateway, full_name="C")]
    digest, keys = external_id_digest("E-1"), by_keys(gateway, ANN).keys
    both = keys | {digest}
    with looking(gateway, [by_external_id("E-1", keys=both)]) as (found, leads, _):
        assert found == {**{key: [ids[0]] for key in keys}, digest: [ids[1]]}
        assert sorted(leads) == [ids[1]]
    with looking(gateway, [by_external_id("E-1", keys=both, lead_id=ids[2])]) as (found, leads, _):
        assert found[digest] == [ids[1]]
        assert sorted(leads) == [ids[2]]
    with looking(gateway, [by_external_id("E-2", keys=keys)]) as (_, leads, _):
        assert sorted(leads) == [ids[0]]


def test_lead_that_somebody_holds_is_passed_over(gateway: Gateway) -> None:
    engine = gateway.system.engine
    if database.has_one_writer(engine):
        pytest.skip("one writer: who waits, waits for its turn")
    ids = [add(gateway, **ANN), add(gateway, **BOB)]
    with engine.connect() as other, other.begin():
        other.execute(select(Lead.lead_id).where(Lead.lead_id == ids[0]).with_for_update())
        batch = [by_keys(gateway, ANN), by_keys(gateway, BOB)]
        with looking(gateway, batch) as (found, leads, _):
            assert all(found[each] == [ids[0]] for each in batch[0].keys)
            assert sorted(leads) == ids[1:]


def test_leads_are_found_by_their_indexes_however_few_there_are(gateway: Gateway) -> None:
    if gateway.system.engine.dialect.name != "postgresql":
        pytest.skip("only there a plan is kept that was made while the tables were small")
    with looking(gateway, [by_keys(gateway, ANN)]) as (_, _, connection):
        empty = ", ".join(["'{}'"] * 6)
        plan = connection.exec_driver_sql(f"EXPLAIN EXECUTE gateway_find ({empty})").scalars().all()
        plan += connection.exec_driver_sql("EXPLAIN EXECUTE gateway_lead").scalars().all()
    for index in ("pk_match_key", "pk_lead_external_id", "pk_lead"):
        assert any("Index" in line and f"using {index} " in line for line in plan), plan


def test_what_was_prepared_and_thrown_away_is_prepared_anew(gateway: Gateway) -> None:
    if gateway.system.engine.dialect.name != "postgresql":
        pytest.skip("only there is anything prepared")
    lead_id, batch = add(gateway, **ANN), [by_keys(gateway, ANN)]
    with looking(gateway, batch) as (_, _, connection):
        connection.exec_driver_sql("ROLLBACK")
        for other in ("", "PREPARE gateway_find (text) AS SELECT $1"):
            connection.exec_driver_sql("DEALLOCATE gateway_find")
            if other:
                connection.exec_driver_sql(other)
            with pytest.raises(Exception, match="gateway_find"):
                first_look.begin(connection, batch)
            connection.exec_driver_sql("ROLLBACK")
            assert first_look.begin(connection, batch)[1].keys() == {lead_id}
            connection.exec_driver_sql("ROLLBACK")


def test_what_is_gone_when_the_connection_comes_back_is_prepared_anew(gateway: Gateway) -> None:
    lead_id, batch = add(gateway, **ANN), [by_keys(gateway, ANN)]
    for _ in range(2):
        # At the end of it psycopg rolls back, and throws away what is prepared.
        with looking(gateway, batch) as (_, leads, _):
            assert leads.keys() == {lead_id}


def test_answer_that_is_missing_is_not_taken_for_nobody(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    if gateway.system.engine.dialect.name not in ("mysql", "mariadb"):
        pytest.skip("only there a block may end early")
    # Nothing is found by what says nothing.
    monkeypatch.setattr(mariadb, "look_ups", lambda *_, **__: [((), "SELECT 1 INTO @nothing")])
    with (
        pytest.raises(RuntimeError, match="has not answered"),
        looking(gateway, [by_keys(gateway, ANN)]),
    ):
        pass
