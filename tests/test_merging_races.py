"""Merges while posts come: every post finds the survivor, and no key is left behind."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, select
from stored_rows import add, keys_are_right, lead, rows

from gateway.matching import keys_of
from gateway.models import Lead, MatchClaim
from gateway.store import claims, lead_rows, writing
from gateway.store.locating import external_id_digest
from gateway.store.merging import CannotMerge, merge
from gateway.testing import Gateway, Response

ROUNDS = 8
LOCK_LEAD = "lock the lead"
"""Stands for the statement by which a post locks the row of its lead, past SQLAlchemy."""


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return make_gateway("plugins.example")


Watch = Callable[[str, Callable[[], Any]], None]


@pytest.fixture
def before(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Has a function called right before this thread's first statement with a certain beginning."""
    waiting: dict[int, tuple[str, Callable[[], Any]]] = {}

    def watch(start: str, act: Callable[[], Any]) -> None:
        waiting[threading.get_ident()] = start, act

    def look(*arguments: Any) -> None:
        start, act = waiting.get(threading.get_ident(), ("", None))
        if act is not None and arguments[2].startswith(start):
            del waiting[threading.get_ident()]
            act()

    def read_leads(*arguments: Any, **options: Any) -> Any:
        look(None, None, LOCK_LEAD)
        return lead_rows.read_leads(*arguments, **options)

    monkeypatch.setattr(writing, "read_leads", read_leads)
    event.listen(gateway.system.engine, "before_cursor_execute", look)
    yield watch
    event.remove(gateway.system.engine, "before_cursor_execute", look)
    assert waiting == {}


def can_write_at_once(gateway: Gateway) -> bool:
    return gateway.system.engine.dialect.name != "sqlite"


@pytest.mark.parametrize("known", ["lead_id", "external_id", "match"])
def test_post_that_has_found_a_lead_reaches_its_survivor_when_it_is_gone(
    gateway: Gateway, before: Watch, monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    keep = add(gateway, city="Reno")
    other = add(gateway, full_name="Ann Lee", phone="555-010-0001", external_id="B")
    sent: dict[str, Any] = {
        "lead_id": {"mode": "update", "lead_id": other},
        "external_id": {"mode": "update", "external_id": "B"},
        "match": {"match_update": 1, "full_name": "Ann Lee", "phone": "555-010-0001"},
    }[known]
    answers: list[Response] = []
    waits = threading.Event()

    def post() -> None:
        if can_write_at_once(gateway) and known == "lead_id":
            before(LOCK_LEAD, waits.set)
        answers.append(gateway.send(**sent, note="x"))

    worker = threading.Thread(target=post)
    take = claims.take

    def noted(*arguments: Any) -> None:
        if known != "lead_id" and threading.current_thread() is worker:
            waits.set()
        take(*arguments)

    monkeypatch.setattr(claims, "take", noted)

    def let_it_come() -> None:
        # It has found the lead, or stands before the claims, when the lead's row goes.
        worker.start()
        if can_write_at_once(gateway):
            assert waits.wait(30)

    before("DELETE FROM lead ", let_it_come)
    merge(gateway.system, keep, [other])
    worker.join()
    assert [(each.status, each.lead_id) for each in answers] == [(0, keep)]
    assert gateway.count() == 1


def test_merge_holds_the_claims_of_all_by_which_posts_find_its_leads(
    gateway: Gateway, before: Watch
) -> None:
    keep = add(gateway, full_name="Ann Lee", email="a@a.org", external_id="A")
    other = add(gateway, phone="555-010-0001", external_id="B")
    rules = gateway.system.match_rules.values()
    wanted = {
        external_id_digest("A"),
        external_id_digest("B"),
        *keys_of({"email": "a@a.org"}, rules),
        # Of neither lead, but of what they are together.
        *keys_of({"first_name": "Ann", "last_name": "Lee", "phone": "555-010-0001"}, rules),
    }
    engine, held = gateway.system.engine, []

    def look() -> None:
        free = select(MatchClaim.digest).with_for_update(skip_locked=True)
        with engine.connect() as connection:
            held.append(wanted - {bytes(each) for each in connection.execute(free).scalars()})

    if not can_write_at_once(gateway):
        merge(gateway.system, keep, [other])
        assert rows(gateway, MatchClaim) == []
        return
    # The rows are there already: those of a transaction in progress nobody else would see.
    with engine.begin() as connection:
        connection.execute(delete(MatchClaim))
        connection.execute(insert(MatchClaim), [{"digest": each} for each in wanted])
    before("DELETE FROM lead ", look)
    merge(gateway.system, keep, [other])
    assert held == [wanted]


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Return what each of ``works`` returned or raised, all begun at the same moment."""
    barrier = threading.Barrier(len(works))
    results: list[Any] = [None] * len(works)

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = works[number]()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return results


def test_posts_that_match_a_lead_while_it_is_merged_make_no_new_one(gateway: Gateway) -> None:
    for number in range(ROUNDS):
        phone = f"555-010-1{number:03}"
        keep = add(gateway, full_name="Ann Lee", email=f"a{number}@a.org")
        other = add(gateway, full_name="Ann Lee", phone=phone, external_id=f"B{number}")
        count = gateway.count()

        def match(phone: str = phone) -> Response:
            return gateway.send(
                match_update=1, match_name_and_phone=1, full_name="Ann Lee", phone=phone, note="x"
            )

        def update(other: int = other) -> Response:
            return gateway.send(mode="update", lead_id=other, note="x")

        def by_external_id(number: int = number) -> Response:
            return gateway.send(mode="update", external_id=f"B{number}", note="x", city="Reno")

        def merging(keep: int = keep, other: int = other) -> Any:
            return merge(gateway.system, keep, [other])

        merged, *answers = at_once(merging, match, update, by_external_id, match)
        assert not isinstance(merged, Exception), merged
        assert [(each.status, each.status_message) for each in answers] == [
            (0, "Lead Update Successful")
        ] * 4
        assert {each.lead_id for each in answers} <= {keep, other}
        assert gateway.count() == count - 1
        assert len(lead(gateway, keep)["notes"]) == 4
        assert keys_are_right(gateway)


def test_two_merges_at_once_are_one_after_the_other(gateway: Gateway) -> None:
    for _ in range(ROUNDS):
        first, second, third = (add(gateway, full_name="Ann Lee", note="x") for _ in range(3))
        results = at_once(
            lambda first=first, second=second: merge(gateway.system, first, [second]),
            lambda second=second, third=third: merge(gateway.system, second, [third]),
            lambda first=first, third=third: merge(gateway.system, third, [first]),
        )
        # In any order the one that comes last names a lead that is gone by then.
        (failed,) = [each for each in results if isinstance(each, Exception)]
        assert isinstance(failed, CannotMerge), failed
        assert "already" in str(failed)
        ids = {row["lead_id"] for row in rows(gateway, Lead)}
        assert len(ids & {first, second, third}) == 1
        assert keys_are_right(gateway)
