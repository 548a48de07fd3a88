"""Connections come back to the pool without a transaction, and plans are kept."""

from collections.abc import Callable

import pytest
from sqlalchemy import NullPool, create_engine, func, insert, select, text

from gateway import database
from gateway.models import MatchClaim
from gateway.store.fast.columns import columns_of
from gateway.store.lead_rows import Lock
from gateway.store.writing import read_lead
from gateway.testing import Gateway

MakeGateway = Callable[..., Gateway]
_claim = MatchClaim.__table__


def claims(gateway: Gateway) -> int:
    return database.look_up(
        gateway.system.engine,
        lambda connection: connection.execute(
            select(func.count()).select_from(_claim)
        ).scalar_one(),
    )


@pytest.mark.parametrize("after_commit", [False, True])
def test_what_was_not_committed_is_gone_when_its_connection_comes_back(
    make_gateway: MakeGateway, after_commit: bool
) -> None:
    gateway = make_gateway()
    engine = gateway.system.engine
    engine.dispose()
    before = claims(gateway)
    if after_commit:
        database.in_transaction(
            engine,
            lambda connection: connection.execute(insert(_claim).values(digest=bytes(range(16)))),
        )
        before += 1
    # The same connection, which is the only one.
    with engine.connect() as connection:
        connection.execute(insert(_claim).values(digest=bytes(range(1, 17))))
    assert claims(gateway) == before
    with engine.connect() as connection:
        connection.execute(insert(_claim).values(digest=bytes(range(1, 17))))
        connection.commit()
    assert claims(gateway) == before + 1


def test_postgresql_makes_no_new_plan_for_every_batch(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    engine = gateway.system.engine
    if engine.dialect.name != "postgresql":
        pytest.skip("only PostgreSQL weighs plans against each other")
    for number in range(20):
        assert gateway.send(full_name=f"Ann {number}", phone=f"503555{number:04}").status == 0
    with gateway.system.group._kept_for_good.lend(engine) as connection:
        plans = connection.execute(
            text(
                "SELECT generic_plans, custom_plans FROM pg_prepared_statements "
                "WHERE statement LIKE '%into_lead %'"
            )
        ).all()
        connection.rollback()
    assert sum(generic for generic, _ in plans) > sum(custom for _, custom in plans) > 0


def test_post_of_more_than_a_megabyte_is_stored_whole(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    sent = {"note": "a'b\\" * 180_000, "admin_notes": "z;%s" * 180_000}
    answer = gateway.send(full_name="Ann Lee", **sent)
    assert answer.lead_id is not None
    lead = gateway.lead(answer.lead_id)
    assert lead is not None
    assert lead["admin_notes"] == sent["admin_notes"]
    assert [note["text"] for note in lead["notes"]] == [sent["note"]]


def test_numbers_of_more_than_64_bits_go_into_json_columns(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    table = MatchClaim.metadata.tables["lead"]
    columns = columns_of(table, gateway.system.engine.dialect, with_key=False)
    (written,) = (each for each in columns.values([{"custom": {"n": 2**70}}]) if each is not None)
    assert written == '{"n": 1180591620717411303424}'


def test_connection_that_takes_the_place_of_a_dropped_one_is_not_tried(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_gateway().system.engine
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no connection that breaks")
    monkeypatch.setattr(database, "IDLE_SECONDS", -1.0)
    tried = []
    monkeypatch.setattr(type(engine.dialect), "do_ping", lambda *_: bool(tried.append(1)))
    for _ in range(2):
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
    assert len(tried) <= 2


@pytest.mark.parametrize("lock", [Lock.NONE, Lock.WAIT])
def test_leads_are_read_though_a_migration_has_widened_a_column(
    make_gateway: MakeGateway, lock: Lock
) -> None:
    """PostgreSQL does not run a plan that a connection has kept of the table as it was."""
    gateway = make_gateway()
    engine = gateway.system.engine
    if engine.dialect.name != "postgresql":
        pytest.skip("only there connections keep plans")
    lead_id = gateway.send(full_name="Ann Lee").lead_id
    assert lead_id is not None
    run = database.look_up if lock is Lock.NONE else database.in_transaction
    # One connection then has the plan and is the next one.
    engine.dispose()
    migrating = create_engine(engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        for width in (255, 300, 301):
            with migrating.connect() as connection:
                connection.exec_driver_sql(
                    f"ALTER TABLE lead ALTER COLUMN company TYPE varchar({width})"
                )
            found = run(engine, lambda each: read_lead(each, lead_id, with_tags=True, lock=lock))
            assert found is not None
    finally:
        with migrating.connect() as connection:
            connection.exec_driver_sql("ALTER TABLE lead ALTER COLUMN company TYPE varchar(255)")
