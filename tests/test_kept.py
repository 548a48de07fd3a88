"""A connection that stays out of the pool behaves as one that has just come from it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import DBAPIError

from gateway import database, kept
from gateway.driver import driver_of
from gateway.kept import Kept
from gateway.models import MatchClaim
from gateway.outage import Away
from gateway.testing import Gateway

MakeGateway = Callable[..., Gateway]
_claim = MatchClaim.__table__
HOWS = [Engine.connect, database.connect_for_good]


def ignore(_: Any) -> None:
    """Check nothing."""


@pytest.fixture
def own(make_gateway: MakeGateway) -> Engine:
    """The engine of a gateway, with nothing in its pool."""
    made: Engine = make_gateway().system.engine
    made.dispose()
    return made


def driver(connection: Connection) -> Any:
    """Return the driver's connection, which a use leaves without a transaction."""
    with driver_of(connection, "nothing") as found:
        return found


def used(connections: Kept, engine: Engine) -> Any:
    with connections.lend(engine) as connection:
        return driver(connection)


def out(engine: Engine) -> int:
    return int(engine.pool.checkedout())  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", HOWS)
def test_connection_is_kept_while_it_is_used(own: Engine, how: Any) -> None:
    connections = Kept(ignore, how)
    first = used(connections, own)
    assert out(own) == 1
    assert all(used(connections, own) is first for _ in range(5))
    assert out(own) == 1


@pytest.mark.parametrize(("module", "name"), [(database, "IDLE_SECONDS"), (kept, "KEPT_SECONDS")])
def test_connection_that_rests_or_was_long_out_goes_through_the_pool(
    own: Engine, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    monkeypatch.setattr(module, name, -1.0)
    tried: list[int] = []
    monkeypatch.setattr(type(own.dialect), "do_ping", lambda *_: not tried.append(1))
    connections = Kept(ignore)
    assert used(connections, own) is used(connections, own)
    assert out(own) == 1
    # One that was in use a moment ago is not tried, wherever it has been since.
    assert bool(tried) is (name == "IDLE_SECONDS" and own.dialect.name != "sqlite")


@pytest.mark.parametrize("how", HOWS)
def test_connection_of_a_use_that_fails_goes_back_without_a_transaction(
    own: Engine, how: Any
) -> None:
    connections = Kept(ignore, how)
    used(connections, own)

    def fail(connection: Connection) -> None:
        if how is Engine.connect:
            connection.execute(insert(_claim).values(digest=bytes(16)))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), connections.lend(own) as connection:
        fail(connection)
    assert out(own) == 0
    with own.connect() as connection:
        assert connection.execute(select(func.count()).select_from(_claim)).scalar_one() == 0
    used(connections, own)


def test_transaction_that_no_sqlalchemy_knows_of_is_rolled_back_after_a_failure(
    own: Engine,
) -> None:
    connections = Kept(ignore, database.connect_for_good)
    used(connections, own)
    begin = "BEGIN IMMEDIATE" if own.dialect.name == "sqlite" else "BEGIN"

    def fail(connection: Connection) -> None:
        cursor = driver(connection).cursor()
        cursor.execute(begin)
        cursor.execute("INSERT INTO match_claim (digest) VALUES ('abc')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), connections.lend(own) as connection:
        fail(connection)
    with own.connect() as connection:
        assert connection.execute(select(func.count()).select_from(_claim)).scalar_one() == 0
        connection.execute(insert(_claim).values(digest=bytes(16)))


def test_connection_that_broke_is_replaced(own: Engine) -> None:
    if own.dialect.name == "sqlite":
        pytest.skip("SQLite has no connection that breaks")
    connections = Kept(ignore, database.connect_for_good)
    first = used(connections, own)
    first.close()
    with (
        pytest.raises(DBAPIError) as error,
        connections.lend(own) as connection,
        driver_of(connection, "a question") as broken,
    ):
        broken.cursor().execute("SELECT 1")
    assert error.value.connection_invalidated
    assert out(own) == 0
    with connections.lend(own) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
        connection.rollback()


def test_each_use_is_checked_and_what_the_check_says_keeps_the_connection(own: Engine) -> None:
    checked: list[Any] = []
    connections = Kept(checked.append)
    first = used(connections, own)
    used(connections, own)
    # The first came from the pool, whose listeners checked it.
    assert checked == [getattr(first, "dbapi_connection", first)]

    def away(_: Any) -> None:
        raise Away

    connections._check = away
    with pytest.raises(Away):
        used(connections, own)
    connections._check = ignore
    assert used(connections, own) is first


def test_disposed_engine_closes_the_connection(own: Engine) -> None:
    connections = Kept(ignore)
    first = used(connections, own)
    own.dispose()
    with pytest.raises(own.dialect.loaded_dbapi.Error):
        first.cursor().execute("SELECT 1")
    assert used(connections, own) is not first


def test_connection_of_a_parent_process_is_left_to_it(
    own: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = Kept(ignore)
    first = used(connections, own)
    monkeypatch.setattr("os.getpid", lambda: -1)
    own.dispose(close=False)
    monkeypatch.undo()
    assert used(connections, own) is not first
    first.cursor().execute("SELECT 1")
    first.close()


def test_batch_knows_the_connection_that_it_waits_on(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = make_gateway()
    noted: list[Any] = []
    monkeypatch.setattr(
        type(gateway.system.breaker), "_note", lambda _, connection, __: noted.append(connection)
    )
    for number in range(3):
        del noted[:]
        assert gateway.send(full_name=f"Ann {number}").status == 0
        assert noted
