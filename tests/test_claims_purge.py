"""Claims that nobody holds are deleted, while posts come and take them."""

import threading
from collections.abc import Callable

import pytest
from cli_runner import done, with_commands
from sqlalchemy import insert
from stored_rows import rows

from gateway.models import MatchClaim
from gateway.store import claims
from gateway.testing import Gateway, Response

ROUNDS, POSTS = 20, 6


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway())


def add_claims(gateway: Gateway, count: int) -> list[bytes]:
    digests = [n.to_bytes(16) for n in range(1, count + 1)]
    with gateway.system.engine.begin() as connection:
        connection.execute(insert(MatchClaim), [{"digest": each} for each in digests])
    return digests


def test_all_that_nobody_holds_go(gateway: Gateway) -> None:
    add_claims(gateway, 25)
    assert list(claims.purge(gateway.system.engine, batch=10)) == [10, 10, 5]
    assert rows(gateway, MatchClaim) == []
    add_claims(gateway, 20)
    assert list(claims.purge(gateway.system.engine, batch=10)) == [10, 10]


def test_command_says_how_many_went(gateway: Gateway) -> None:
    add_claims(gateway, 3)
    assert done(gateway, "match", "purge-claims") == "Deleted 3 claims.\n"
    assert done(gateway, "match", "purge-claims") == "Deleted 0 claims.\n"


def test_claim_that_is_held_stays(gateway: Gateway) -> None:
    digests = add_claims(gateway, 25)
    engine = gateway.system.engine
    if engine.dialect.name == "sqlite":
        # One writer at a time: nobody holds anything while the purge runs.
        return
    held = {digests[4], digests[24]}
    with engine.begin() as connection:
        claims.take(connection, held)
        assert sum(claims.purge(engine, batch=10)) == 23
    assert {bytes(row["digest"]) for row in rows(gateway, MatchClaim)} == held


def test_equal_posts_while_claims_are_deleted_make_one_lead(gateway: Gateway) -> None:
    engine, stop, deleted, faults = gateway.system.engine, threading.Event(), [0], []

    def purge() -> None:
        while not stop.is_set():
            try:
                deleted[0] += sum(claims.purge(engine, batch=3))
            except Exception as error:
                faults.append(error)

    def post(number: int, answers: list[Response]) -> None:
        barrier.wait()
        for _ in range(2):
            answers.append(
                gateway.send(
                    full_name="Ann Lee", phone=f"503-555-01{number:02}", match_update=1, note="x"
                )
            )

    purges = threading.Thread(target=purge)
    purges.start()
    try:
        for number in range(ROUNDS):
            barrier, answers = threading.Barrier(POSTS), []
            threads = [threading.Thread(target=post, args=(number, answers)) for _ in range(POSTS)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            assert [each.status for each in answers] == [0] * 2 * POSTS
            assert {each.lead_id for each in answers} == {answers[0].lead_id}
            made = [each for each in answers if each.status_message == "Lead Creation Successful"]
            assert len(made) == 1
    finally:
        stop.set()
        purges.join()
    assert faults == []
    assert gateway.count() == ROUNDS
    # Where none were deleted while posts came, this has shown nothing.
    assert bool(deleted[0]) is (engine.dialect.name != "sqlite")
