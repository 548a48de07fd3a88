"""Posts that share a transaction: what goes wrong with one costs the others nothing but time."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from batch_sizes import batch_sizes
from held_batches import hold_first_batch
from sqlalchemy import Connection, Engine, text
from stored_rows import count, keys_are_right, rows

from gateway.models import Lead, LeadNote, Submission
from gateway.store import group
from gateway.testing import Gateway

MakeGateway = Callable[..., Gateway]
POISON = "Poison"


@pytest.fixture
def gateway(make_gateway: MakeGateway) -> Iterator[Gateway]:
    """A gateway whose database refuses leads of the company POISON."""
    made = make_gateway()
    made.send(full_name="The first connection finds out what the server can do")
    with made.system.engine.begin() as connection:
        _refuse_poison(connection)
    yield made
    with made.system.engine.begin() as connection:
        _allow_poison(connection)


def _refuse_poison(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(
            text(
                "CREATE TRIGGER poison BEFORE INSERT ON lead WHEN new.company = 'Poison' "
                "BEGIN SELECT RAISE(ABORT, 'poison'); END"
            )
        )
    else:
        connection.execute(
            text("ALTER TABLE lead ADD CONSTRAINT poison CHECK (company <> 'Poison')")
        )


def _allow_poison(connection: Connection) -> None:
    drop = "DROP TRIGGER poison"
    if connection.dialect.name != "sqlite":
        drop = "ALTER TABLE lead DROP CONSTRAINT poison"
    connection.execute(text(drop))


def send_all(gateway: Gateway, posts: list[dict[str, str]]) -> list[Any]:
    """Send the posts from eight threads and return their answers in order."""
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(lambda post: gateway.send(**post), posts))


def held_back(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, posts: list[dict[str, str]]
) -> list[Any]:
    """Return the answers to posts that wait for one batch together."""
    hold_first_batch(monkeypatch, gateway, len(posts))
    return send_all(gateway, posts)


def test_poison_post_costs_its_neighbours_nothing(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = batch_sizes(monkeypatch)
    posts = [{"full_name": f"Ann {n}", "note": "n", "tags": "a,b"} for n in range(8)]
    posts[4]["company"] = POISON
    answers = held_back(gateway, monkeypatch, posts)
    assert max(sizes) > 1
    assert [answer.status for answer in answers] == [0] * 4 + [1] + [0] * 3
    assert answers[4].status_message.startswith("Internal error, reference ")
    ids = [answer.lead_id for answer in answers if answer.status == 0]
    assert len(set(ids)) == 7
    names = {row["lead_id"]: row["full_name"] for row in rows(gateway, Lead)}
    assert [names[each] for each in ids] == [f"Ann {n}" for n in range(8) if n != 4]
    outcomes = sorted(row["outcome"] for row in rows(gateway, Submission))
    assert outcomes == ["accepted"] * 8 + ["failed"]
    assert count(gateway, LeadNote.__table__) == 7
    assert keys_are_right(gateway)


def test_poison_update_costs_its_neighbours_nothing(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    if gateway.system.engine.dialect.name == "sqlite":
        pytest.skip("its trigger refuses new leads only")
    ids = [gateway.send(full_name="Ann Lee", external_id=f"E-{n}").lead_id for n in range(8)]
    posts = [{"mode": "update", "external_id": f"E-{n}", "company": f"{n}"} for n in range(8)]
    posts[4]["company"] = POISON
    answers = held_back(gateway, monkeypatch, posts)
    assert [answer.status for answer in answers] == [0] * 4 + [1] + [0] * 3
    companies = {row["lead_id"]: row["company"] for row in rows(gateway, Lead)}
    assert [companies[each] for each in ids] == [*"0123", None, *"567"]
    outcomes = sorted(row["outcome"] for row in rows(gateway, Submission))
    assert outcomes == ["accepted"] * 16 + ["failed"]


def test_of_many_posts_only_those_that_the_database_refuses_fail(gateway: Gateway) -> None:
    posts = [{"full_name": f"Ann {n}", "note": "n"} for n in range(200)]
    for post in posts[::20]:
        post["company"] = POISON
    answers = send_all(gateway, posts)
    assert [answer.status for answer in answers] == [0 if n % 20 else 1 for n in range(200)]
    assert count(gateway, LeadNote.__table__) == 190
    assert count(gateway, Lead.__table__) == 191
    assert keys_are_right(gateway)


def test_post_that_was_committed_unseen_is_not_run_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = group.Group._commit

    def unseen(self: Any, engine: Any, batch: list[Any]) -> None:
        commit(self, engine, batch)
        raise ConnectionResetError("the answer is lost, and nobody can say what it was")

    monkeypatch.setattr(group.Group, "_commit", unseen)
    answers = send_all(gateway, [{"full_name": f"Ann {n}", "note": "n"} for n in range(16)])
    names = {row["lead_id"]: row["full_name"] for row in rows(gateway, Lead)}
    assert [names[answer.lead_id] for answer in answers] == [f"Ann {n}" for n in range(16)]
    assert count(gateway, LeadNote.__table__) == 16
    assert count(gateway, Submission.__table__) == len(names) == 17


def test_posts_wait_out_a_database_that_stalls(gateway: Gateway) -> None:
    posts = [{"full_name": f"Ann {n}"} for n in range(24)]
    with ThreadPoolExecutor(1) as sender:
        with stalled(gateway.system.engine):
            answers = sender.submit(send_all, gateway, posts)
            time.sleep(1)
            assert not answers.done(), "nothing stalls"
        found = answers.result(60)
    assert [answer.status for answer in found] == [0] * 24
    assert len({answer.lead_id for answer in found}) == 24
    assert count(gateway, Submission.__table__) == 25


@contextmanager
def stalled(engine: Engine) -> Iterator[None]:
    """Keep everybody from writing leads until the block ends."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE lead IN EXCLUSIVE MODE"))
        elif engine.dialect.name == "sqlite":
            connection.execute(text("DELETE FROM lead WHERE lead_id = 0"))
        else:
            connection.execute(text("LOCK TABLES lead WRITE"))
        yield
        if engine.dialect.name not in ("postgresql", "sqlite"):
            connection.execute(text("UNLOCK TABLES"))
        connection.rollback()


def test_leader_that_fails_before_it_takes_anything_leaves_nobody_waiting(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_gateway()

    def fail(_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(group.Group, "_gather", fail)
    posts = [
        threading.Thread(target=made.send, kwargs={"full_name": f"Ann {number}"}, daemon=True)
        for number in range(3)
    ]
    for post in posts:
        post.start()
    for post in posts:
        post.join(30)
    assert not any(post.is_alive() for post in posts)
    assert count(made, Lead) == 3
