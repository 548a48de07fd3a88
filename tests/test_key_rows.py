"""By what posts are found: a row a post first, sorted in later; whoever looks sees both."""

import json
import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import flask_migrate
import pytest
from sqlalchemy import Connection, Select, func, insert, select, update

from gateway.journal import key_rows, reducing
from gateway.models import PendingKeys, Submission, SubmissionKey
from gateway.testing import Gateway
from tests.cli_runner import done, shown, with_commands
from tests.stored_rows import add, change, count, search_keys, sort_in_keys

_sorted, _pending = SubmissionKey.__table__, PendingKeys.__table__
_submission = Submission.__table__
PERSON = {"phone": "503-555-0100", "email": "ann@example.com", "full_name": "Ann Lee"}
OPTIONS = (("--phone", "5035550100"), ("--email", "ANN@example.com"), ("--name", "Ann Lee"))


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway())


def found(gateway: Gateway, option: str, text: str) -> list[str]:
    return [row["request_id"] for row in shown(gateway, "journal", "list", option, text)]


def test_posts_are_found_before_and_after_their_keys_are_sorted_in(gateway: Gateway) -> None:
    gateway.send(full_name="Bob Roe", phone="503-555-0199")
    wanted = []
    for number in range(3):
        answer = gateway.send(**PERSON, note=str(number))
        wanted.insert(0, answer.headers["X-Request-Id"])
        for option, text in OPTIONS:
            assert found(gateway, option, text) == wanted
        before = search_keys(gateway)
        sort_in_keys(gateway)
        assert count(gateway, _pending) == 0
        assert count(gateway, _sorted) == len(before)
        assert search_keys(gateway) == before
        for option, text in OPTIONS:
            assert found(gateway, option, text) == wanted


def test_person_is_exported_whole_where_some_keys_wait(gateway: Gateway) -> None:
    lead_id = add(gateway, **PERSON)
    refused = [gateway.send(mode="insrt", **PERSON)]
    sort_in_keys(gateway)
    refused.append(gateway.send(mode="insrt", **PERSON))
    posts = json.loads(done(gateway, "lead", "export-person", str(lead_id)))["posts"]
    assert {each.headers["X-Request-Id"] for each in refused} < {
        each["request_id"] for each in posts
    }


def test_post_with_very_many_keys_is_found_by_each(gateway: Gateway) -> None:
    phones = [f"503-555-{number:04}" for number in range(100, 115)]
    cells = [f"503-555-{number:04}" for number in range(200, 219)]
    gateway.send(mode="insrt", **{"phone[]": phones, "cell[]": cells})
    gateway.send(phone="503-555-0999")
    assert len(search_keys(gateway)) > 30
    keys = search_keys(gateway)
    for turn in range(2):
        for number in (100, 114, 200, 218):
            assert len(found(gateway, "--phone", f"503-555-{number:04}")) == 1, (turn, number)
        sort_in_keys(gateway)
        assert search_keys(gateway) == keys


def runs(gateway: Gateway) -> list[int]:
    """Return how many posts each run has."""
    posts = func.count(_sorted.c.request_id.distinct())
    statement = select(posts).group_by(_sorted.c.run).order_by(_sorted.c.run)
    with gateway.system.engine.connect() as connection:
        return list(connection.execute(statement).scalars())


def test_posts_are_sorted_in_once_a_run_is_together(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rows, "RUN", 5)
    monkeypatch.setattr(key_rows, "AT_ONCE", 2)
    sent = []
    for number in range(1, 13):
        sent.insert(0, gateway.send(**PERSON, note=str(number)).headers["X-Request-Id"])
        assert key_rows.settle(gateway.system.engine) is (number in (5, 10))
        assert found(gateway, "--phone", PERSON["phone"]) == sent
    assert runs(gateway) == [5, 5]
    assert count(gateway, _pending) == 2
    sort_in_keys(gateway)
    assert runs(gateway) == [5, 5, 2]
    assert found(gateway, "--phone", PERSON["phone"]) == sent


def test_posts_of_many_runs_are_found(gateway: Gateway) -> None:
    wanted = gateway.send(**PERSON).headers["X-Request-Id"]
    sort_in_keys(gateway)
    change(gateway, update(_sorted).values(run=2500))
    assert found(gateway, "--email", PERSON["email"]) == [wanted]
    later = gateway.send(**PERSON, note="later").headers["X-Request-Id"]
    sort_in_keys(gateway)
    assert found(gateway, "--email", PERSON["email"]) == [later, wanted]


def test_very_many_digests_find_every_post(gateway: Gateway) -> None:
    post = gateway.send(**PERSON).headers["X-Request-Id"]
    own = {digest for _, digest in search_keys(gateway)}
    others = {os.urandom(16) for _ in range(3000)}
    for digests in (own | others, others, set()):
        wanted = {post} if own & digests else set()
        with gateway.system.engine.connect() as connection:
            assert set(connection.execute(key_rows.found_by(digests)).scalars()) == wanted
        sort_in_keys(gateway)


def test_sorting_that_breaks_off_changes_nothing(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.send(**PERSON)
    keys = search_keys(gateway)
    settle_some = key_rows._settle_some

    def break_off(run: int, most: int, connection: Connection) -> int:
        settle_some(run, most, connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(key_rows, "_settle_some", break_off)
    with pytest.raises(KeyboardInterrupt):
        key_rows.settle(gateway.system.engine, least=1)
    assert count(gateway, _pending) == 1
    assert search_keys(gateway) == keys


def test_sorting_beside_posts_erasures_and_purges_loses_and_keeps_nothing(
    gateway: Gateway,
) -> None:
    ended = threading.Event()
    faults: list[BaseException] = []

    def go_on() -> None:
        try:
            while not ended.is_set():
                key_rows.settle(gateway.system.engine, least=1)
        except BaseException as error:  # told to the test's own thread
            faults.append(error)

    threads = [threading.Thread(target=go_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        left = {}
        for number in range(30):
            phone = f"503-555-{number:04}"
            made = gateway.send(full_name=f"Cy {number}", phone=phone)
            gateway.send(mode="insrt", phone=phone, lead_id=str(made.lead_id))
            assert len(found(gateway, "--phone", phone)) == 2
            left[phone] = 2
            if number % 3 == 0:
                done(gateway, "lead", "erase", str(made.lead_id), "--yes")
                left[phone] = 0
            elif number % 3 == 1:
                old = datetime.now(UTC) - timedelta(days=100)
                post = _submission.c.request_id == made.headers["X-Request-Id"]
                change(gateway, update(_submission).where(post).values(received_at=old))
                done(gateway, "journal", "purge")
                left[phone] = 1
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert faults == []
    for turn in range(2):
        assert {phone: len(found(gateway, "--phone", phone)) for phone in left} == left, turn
        there = {row["request_id"] for row in gateway.journal() if row["flags"] != "erased"}
        keys = search_keys(gateway)
        assert len(keys) == len(set(keys))
        assert {request_id for request_id, _ in keys} == there
        sort_in_keys(gateway)


def test_erasure_waits_for_what_is_just_being_sorted_in(gateway: Gateway) -> None:
    if gateway.system.engine.dialect.name == "sqlite":
        pytest.skip("SQLite lets one write at a time: nobody is ever just about to")
    lead_id = add(gateway, **PERSON)
    erasure = threading.Thread(target=done, args=(gateway, "lead", "erase", str(lead_id), "--yes"))
    with gateway.system.engine.begin() as connection:
        assert key_rows._settle_some(1, 10, connection) == 1
        erasure.start()
        erasure.join(0.5)
        assert erasure.is_alive()
    erasure.join()
    assert search_keys(gateway) == []


def test_erasure_waits_for_no_other_post(gateway: Gateway) -> None:
    if gateway.system.engine.dialect.name == "sqlite":
        pytest.skip("SQLite lets one write at a time")
    for number in range(60):
        gateway.send(phone=f"503-555-{number:04}", last_name="Lee", note=str(number))
        if number == 30:
            sort_in_keys(gateway)
    posts = [row["request_id"] for row in gateway.journal()]
    # One row that waits and one that is sorted in are held by others, until the end.
    with gateway.system.engine.begin() as held:
        key_rows.forget(held, [posts[0], posts[-1]])
        key_rows.add(held, "0" * 36, [bytes(16)])
        with gateway.system.engine.begin() as connection:
            _limit_waiting(connection)
            key_rows.forget(connection, posts[1:-1])
    assert {request_id for request_id, _ in search_keys(gateway)} == {"0" * 36}


def test_two_sort_in_beside_each_other(gateway: Gateway) -> None:
    if gateway.system.engine.dialect.name == "sqlite":
        pytest.skip("SQLite lets one write at a time")
    for number in range(40):
        gateway.send(phone=f"503-555-{number:04}", last_name="Lee", note=str(number))
    keys = search_keys(gateway)
    with gateway.system.engine.begin() as one, gateway.system.engine.begin() as other:
        assert key_rows._settle_some(1, 20, one) == 20
        _limit_waiting(other)
        assert key_rows._settle_some(1, 20, other) == 20
    assert count(gateway, _pending) == 0
    assert search_keys(gateway) == keys


def _limit_waiting(connection: Connection) -> None:
    """Let a statement fail that waits for another's row."""
    name = connection.dialect.name
    limit = "lock_timeout = 1000" if name == "postgresql" else "innodb_lock_wait_timeout = 1"
    connection.exec_driver_sql(f"SET {limit}")


def test_long_posts_are_sorted_in_few_at_once(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rows, "_MOST_BYTES", 5 * 16)
    for number in range(5):
        gateway.send(**PERSON, note=str(number))
    with gateway.system.engine.begin() as connection:
        # Three keys a post: two posts are the first to have as many bytes.
        assert key_rows._settle_some(1, 500, connection) == 2


def test_search_steps_into_the_index_and_reads_no_run(gateway: Gateway) -> None:
    engine = gateway.system.engine
    if engine.dialect.name == "postgresql":
        pytest.skip("PostgreSQL rightly reads a small table whole")
    keys = [
        {"digest": os.urandom(16), "request_id": str(uuid4()), "run": 1 + number // 500}
        for number in range(5000)
    ]
    with engine.begin() as connection:
        connection.execute(insert(_sorted), keys)
    wanted = [each["digest"] for each in keys[::1000]]
    for statement in (key_rows.found_by(wanted), reducing.posts_of([1], wanted)):
        if engine.dialect.name == "sqlite":
            steps = [row.detail for row in explained(gateway, "EXPLAIN QUERY PLAN", statement)]
            assert any("submission_key USING PRIMARY KEY (run=? AND digest=?)" in s for s in steps)
            assert not any(step.startswith("SCAN submission_key ") for step in steps)
        else:
            steps = explained(gateway, "EXPLAIN", statement)
            read = [row for row in steps if row.table == "submission_key"]
            assert read
            assert {row.key_len for row in read} == {"24"}, read


def explained(gateway: Gateway, how: str, statement: Select[Any]) -> Sequence[Any]:
    """Return the rows in which the engine says how it would find what the statement asks for."""
    engine = gateway.system.engine
    made = statement.compile(engine, compile_kwargs={"render_postcompile": True})
    names = made.positiontup
    given: Any = tuple(made.params[name] for name in names) if names else made.params
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"{how} {made}", given).all()


def test_migration_down_sorts_in_and_up_again_finds(gateway: Gateway) -> None:
    for number in range(3):
        gateway.send(**PERSON, note=str(number))
        if number == 1:
            sort_in_keys(gateway)
    gateway.send(full_name="Bob Roe")
    keys = search_keys(gateway)
    with gateway.app.app_context():
        flask_migrate.downgrade(revision="0007")
        with gateway.system.engine.connect() as connection:
            assert connection.execute(
                select(func.count()).select_from(_sorted)
            ).scalar_one() == len(keys)
        flask_migrate.upgrade()
    assert search_keys(gateway) == keys
