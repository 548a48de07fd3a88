"""Posts with match rules that share a transaction: each finds what it would find alone."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from batch_sizes import batch_sizes
from sqlalchemy import Connection, select, text
from stored_rows import count, keys_are_right, rows

from gateway import database
from gateway.commands.lead_set import CREATED, UPDATED
from gateway.database import LOCK_SECONDS
from gateway.matching import keys_of
from gateway.models import Lead, LeadTag, MatchKey, Pool
from gateway.store import claims, fast, jobs
from gateway.store.group import Group
from gateway.store.sight import Sight
from gateway.store.wanted import Wanted
from gateway.testing import Gateway
from tests.test_group import held_back

MakeGateway = Callable[..., Gateway]
MATCH = {"match_update": "1", "match_phone": "1"}
LONG = 60.0
"""Seconds that no test waits for."""


@pytest.fixture
def gateway(make_gateway: MakeGateway) -> Gateway:
    made = make_gateway()
    made.send(full_name="The first connection finds out what the server can do")
    return made


def person(number: int, **more: str) -> dict[str, str]:
    return {"full_name": "Ann Lee", "phone": f"503-555-{number:04}", **MATCH, **more}


def test_posts_whose_rules_find_nobody_share_a_transaction(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = batch_sizes(monkeypatch)
    posts = [person(n, note="n", tags="a,b") for n in range(8)]
    answers = held_back(gateway, monkeypatch, posts)
    assert max(sizes) > 1
    assert [answer.status_message for answer in answers] == [CREATED] * 8
    phones = {row["lead_id"]: row["phone"] for row in rows(gateway, Lead)}
    assert [phones[answer.lead_id] for answer in answers] == [post["phone"] for post in posts]
    assert keys_are_right(gateway)


def test_equal_posts_in_one_batch_leave_one_lead(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = held_back(gateway, monkeypatch, [person(n % 2, note=f"{n}") for n in range(8)])
    assert sorted(answer.status_message for answer in answers) == [CREATED] * 2 + [UPDATED] * 6
    assert len({answer.lead_id for answer in answers[::2]}) == 1
    assert len({answer.lead_id for answer in answers[1::2]}) == 1
    assert count(gateway, Lead.__table__) == 3
    assert keys_are_right(gateway)


def test_batch_whose_claims_are_gone_writes_nothing(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who has got them meanwhile may just be making the same lead."""
    if database.has_one_writer(gateway.system.engine):
        pytest.skip("one writer at a time: there are no claims")

    class Lost(Sight):
        def __init__(self, connection: Connection, batch: Iterable[Wanted]) -> None:
            super().__init__(connection, batch)
            driver: Any = connection.connection.driver_connection
            driver.rollback()

    monkeypatch.setattr(jobs, "Sight", Lost)
    with caplog.at_level(logging.INFO, "gateway.store"):
        answers = held_back(gateway, monkeypatch, [person(n % 2) for n in range(8)])
    assert "could not be committed together" in caplog.text
    assert sorted(answer.status_message for answer in answers) == [CREATED] * 2 + [UPDATED] * 6
    assert count(gateway, Lead.__table__) == 3


def test_post_finds_the_lead_that_another_way_of_its_batch_has_made(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys count by all rules: one post asks for the phone, the other for the e-mail address."""
    by_email = {"match_update": "1", "match_email": "1", "email": "ann@example.com"}
    both = {"phone": "503-555-0100", "email": "ann@example.com"}
    posts = [{"full_name": f"Ann {n}", **both, **(MATCH if n % 2 else by_email)} for n in range(8)]
    answers = held_back(gateway, monkeypatch, posts)
    assert len({answer.lead_id for answer in answers}) == 1
    assert count(gateway, Lead.__table__) == 2
    assert keys_are_right(gateway)


def test_stored_lead_is_found_among_posts_that_find_nobody(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = gateway.send(**person(3)).lead_id
    answers = held_back(gateway, monkeypatch, [person(n, company="New") for n in range(8)])
    assert answers[3].lead_id == known
    assert [answer.status_message == UPDATED for answer in answers] == [n == 3 for n in range(8)]
    assert gateway.lead(known)["company"] == "New"  # type: ignore[arg-type, index]
    assert keys_are_right(gateway)


@pytest.mark.parametrize("held", [True, False])
def test_updates_share_a_transaction(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    """Whose lead somebody holds comes by itself, and the others need not."""
    one_writer = gateway.system.engine.dialect.name == "sqlite"
    ids = [gateway.send(full_name="Ann", external_id=f"E-{n}").lead_id for n in range(8)]
    posts = [{"mode": "update", "external_id": f"E-{n}", "company": f"{n}"} for n in range(6)]
    posts += [{"mode": "update", "lead_id": str(each), "company": "by id"} for each in ids[6:]]
    sizes: list[int] = []
    add = fast.add

    def counted(connection: Connection, rows: Any, **options: Any) -> None:
        sizes.append(len(rows))
        add(connection, rows, **options)

    monkeypatch.setattr(fast, "add", counted)

    def hold(connection: Connection) -> None:
        if held and not one_writer:
            lead = select(Lead.lead_id).where(Lead.lead_id == ids[6])
            connection.execute(lead.with_for_update())

    with ThreadPoolExecutor(1) as sender, holding(gateway, hold):
        running = sender.submit(held_back, gateway, monkeypatch, posts)
        # By then it is known whose lead is held.
        wait_until(lambda: sizes, LONG)
    answers = running.result(LONG)
    assert [answer.lead_id for answer in answers] == ids
    assert sizes == ([7, 1] if held and not one_writer else [8])
    companies = {row["lead_id"]: row["company"] for row in rows(gateway, Lead)}
    assert [companies[each] for each in ids] == [*"012345", "by id", "by id"]


def wait_until(is_so: Callable[[], Any], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)


@contextmanager
def holding(gateway: Gateway, hold: Callable[[Connection], Any]) -> Iterator[None]:
    with gateway.system.engine.connect() as connection:
        hold(connection)
        yield
        connection.rollback()


@pytest.mark.parametrize(
    "what",
    [
        *("claim", "row", "row of an update", "tags of an update", "keys of an update"),
        *("pool", "pool of a plain insert"),
    ],
)
def test_what_somebody_holds_for_long_stops_only_who_needs_it(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    gateway = make_gateway(GATEWAY_CREATE_POOLS=True)
    if gateway.system.engine.dialect.name == "sqlite":
        pytest.skip("one writer: who waits, waits for its turn")
    known = gateway.send(**person(3), pool="One", tags="a").lead_id
    posts = [person(n) for n in range(8)]
    posts[5] = {"full_name": "Ann Lee"}
    if what == "pool of a plain insert":
        posts = [{"full_name": f"Ann {n}"} for n in range(8)]
    if what.endswith("of an update"):
        posts[3] = {"mode": "update", "lead_id": str(known), "phone": "503-555-0198", "tags": "b"}
    if "pool" in what:
        posts[3] |= {"pool": "One", "phone": "503-555-0199"}

    def hold(connection: Connection) -> None:
        if "row" in what:
            lead = select(Lead.lead_id).where(Lead.lead_id == known)
            connection.execute(lead.with_for_update())
        elif what == "tags of an update":
            of_lead = select(LeadTag.label).where(LeadTag.lead_id == known)
            connection.execute(of_lead.with_for_update())
        elif what == "keys of an update":
            of_lead = select(MatchKey.rule).where(MatchKey.lead_id == known)
            connection.execute(of_lead.with_for_update())
        elif what == "claim":
            claims.take(connection, keys_of(person(3), gateway.system.match_rules.values()))
        else:
            connection.execute(select(Pool.pool_id).with_for_update())

    with ThreadPoolExecutor(1) as sender:
        with holding(gateway, hold):
            done: list[int] = []
            send = gateway.send

            def noted(**post: str) -> Any:
                answer = send(**post)
                done.append(answer.lead_id or 0)
                return answer

            monkeypatch.setattr(gateway, "send", noted)
            running = sender.submit(held_back, gateway, monkeypatch, posts)
            # Who waits for what is held gives up after LOCK_SECONDS, and not before.
            wait_until(lambda: len(done) == 7, LOCK_SECONDS - 2)
            assert len(done) == 7
        answers = running.result(LONG)
    assert [answer.status for answer in answers] == [0] * 8
    assert (answers[3].lead_id == known) is ("pool" not in what)
    assert keys_are_right(gateway)


def test_connection_of_a_batch_is_as_patient_as_before(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = {"postgresql": "SHOW lock_timeout", "mariadb": "SELECT @@innodb_lock_wait_timeout"}
    dialect = gateway.system.engine.dialect.name.replace("mysql", "mariadb")
    if dialect not in ask:
        pytest.skip("one writer: who waits, waits for its turn")
    held_back(gateway, monkeypatch, [person(n) for n in range(8)])
    with ExitStack() as opened:
        # One of these had the batch.
        for _ in range(8):
            connection = opened.enter_context(gateway.system.engine.connect())
            said = str(connection.execute(text(ask[dialect])).scalar_one())
            assert said.rstrip("s") == str(LOCK_SECONDS)


def test_batch_that_was_committed_unseen_is_not_run_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Group._commit

    def unseen(self: Any, engine: Any, batch: list[Any]) -> None:
        commit(self, engine, batch)
        raise ConnectionResetError("the answer is lost, and nobody can say what it was")

    monkeypatch.setattr(Group, "_commit", unseen)
    answers = held_back(gateway, monkeypatch, [person(n % 6) for n in range(8)])
    assert [answer.status for answer in answers] == [0] * 8
    assert count(gateway, Lead.__table__) == 7
    assert count(gateway, MatchKey.__table__) >= 6
    assert keys_are_right(gateway)
