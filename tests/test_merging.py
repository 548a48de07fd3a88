"""Merges: what stays, what moves, and that the merged ids go on working, also in a race."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, select

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
    MatchClaim,
    MatchKey,
)
from gateway.store.history import read_history
from gateway.store.keys import values_of
from gateway.store.locating import external_id_digest
from gateway.store.merging import CannotMerge, merge
from gateway.testing import Gateway, Response

ROUNDS = 8
LOCK_LEAD = "SELECT lead."
"""How the statement begins by which a post locks the row of its lead."""


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return make_gateway("plugins.example")


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
    with gateway.system.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(model.__table__)).mappings()]


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


def everything(gateway: Gateway) -> list[list[dict[str, Any]]]:
    models = (
        Lead, LeadChange, LeadEvent, LeadExternalId, LeadFile, LeadMerge, LeadNote, LeadTag,
        MatchKey,
    )  # fmt: skip
    return [rows(gateway, model) for model in models]


def test_first_value_that_is_not_empty_stays_in_the_order_given(gateway: Gateway) -> None:
    keep = add(gateway, full_name="Ann Lee", phone="555-010-0001")
    second = add(gateway, phone="555-010-0002", company="Second", vin="AAA1", interests="buy")
    third = add(gateway, company="Third", city="Third", vin="BBB1", trade_in_year=2015)
    merged = merge(gateway.system, keep, [third, second])
    found = lead(gateway, keep)
    names = ("full_name", "phone", "company", "city")
    assert [found[name] for name in names] == ["Ann Lee", "555-010-0001", "Third", "Third"]
    assert found["custom"] == {"vin": "BBB1", "trade_in_year": 2015, "interests": ["buy"]}
    assert merged.merged == (third, second)
    assert gateway.count() == 1
    assert keys_are_right(gateway)


def test_zero_and_no_are_values(gateway: Gateway) -> None:
    keep = add(gateway, ok_to_text="No", lat=0, lng=0)
    other = add(gateway, ok_to_text="Yes", lat=1, lng=1)
    merge(gateway.system, keep, [other])
    found = lead(gateway, keep)
    assert (found["ok_to_text"], found["lat"], found["lng"]) == ("No", "0", "0")


def test_what_hangs_on_the_leads_goes_over(gateway: Gateway) -> None:
    keep = add(gateway, external_id="A", note="one", tags="web,Spring")
    other = add(
        gateway, external_id="B", note="two", tags="SPRING,new",
        followup_date="2030-01-02 03:04:05", upload_file_name="a.txt", upload_file_contents="abc",
    )  # fmt: skip
    gateway.send(mode="update", lead_id=other, external_id="C", city="Reno")
    gateway.send(mode="update", lead_id=keep, note="three")
    merged = merge(gateway.system, keep, [other])
    found = lead(gateway, keep)
    assert found["external_ids"] == ["A", "B", "C"]
    assert found["external_id"] == "A"
    assert [note["text"] for note in found["notes"]] == ["one", "two", "three"]
    assert found["tags"] == ["web", "Spring", "new"]
    assert [event["at"] for event in found["events"]] == ["2030-01-02T03:04:05+00:00"]
    assert [file["name"] for file in found["files"]] == ["a.txt"]
    assert {"notes": 1, "events": 1, "files": 1, "external_ids": 2}.items() <= merged.moved.items()
    assert ("city", None, "Reno") in [change[1:] for change in history(gateway, keep)]


def test_every_value_that_came_or_gave_way_is_in_the_history(gateway: Gateway) -> None:
    keep = add(gateway, phone="1", govt_id="123-45-6789", tags="a")
    other = add(gateway, phone="2", city="Reno", govt_id="987-65-4321", tags="b")
    merge(gateway.system, keep, [other])
    assert history(gateway, keep) == [
        (f"merge of lead {other}", "city", None, "Reno"),
        (f"merge of lead {other}", "govt_id", "*******4321", "*******6789"),
        (f"merge of lead {other}", "phone", "2", "1"),
        (f"merge of lead {other}", "tags", ["a"], ["a", "b"]),
    ]


def test_name_in_two_parts_is_not_given_a_full_name_that_says_another(gateway: Gateway) -> None:
    keep = add(gateway, first_name="Ann", last_name="Lee")
    other = add(gateway, full_name="Anna Leigh")
    merge(gateway.system, keep, [other])
    assert lead(gateway, keep)["full_name"] == "Ann Lee"
    nameless = add(gateway, phone="5")
    another = add(gateway, full_name="Anna Leigh")
    merge(gateway.system, nameless, [another])
    assert lead(gateway, nameless)["last_name"] == "Leigh"


def test_merged_ids_go_on_working(gateway: Gateway) -> None:
    first = add(gateway, external_id="A", full_name="Ann Lee", phone="555-010-0001")
    second = add(gateway, external_id="B", full_name="Ann Lee", phone="555-010-0002")
    third = add(gateway, external_id="C", full_name="Ann Lee", phone="555-010-0003")
    merge(gateway.system, second, [first])
    merge(gateway.system, third, [second])
    assert {row["lead_id"]: row["survivor_id"] for row in rows(gateway, LeadMerge)} == {
        first: third,
        second: third,
    }
    for known in ({"lead_id": first}, {"lead_id": second}, {"external_id": "A"}):
        answer = gateway.send(mode="update", city="Reno", **known)
        assert (answer.status, answer.lead_id) == (0, third)
    answer = gateway.send(match_update=1, full_name="Ann Lee", phone="555-010-0003")
    assert answer.lead_id == third


@pytest.mark.parametrize(
    ("keep", "others", "why"),
    [
        (1001, [1001], "Lead 1001 cannot be merged with itself."),
        (1001, [1002, 1001], "Lead 1001 cannot be merged with itself."),
        (1001, [1002, 1002], "A lead is named twice."),
        (1001, [1002, 1999], "There is no lead 1999."),
        (1999, [1002], "There is no lead 1999."),
        (1001, [1003], "Lead 1003 was merged into lead 1002 already."),
        (1003, [1001], "Lead 1003 was merged into lead 1002 already."),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_what_cannot_be_merged_says_why_and_changes_nothing(
    gateway: Gateway, keep: int, others: list[int], why: str, dry_run: bool
) -> None:
    for number in range(3):
        add(gateway, phone=f"555-010-000{number}", tags="a", note="b")
    merge(gateway.system, 1002, [1003])
    unchanged = everything(gateway)
    with pytest.raises(CannotMerge) as refusal:
        merge(gateway.system, keep, others, dry_run=dry_run)
    assert str(refusal.value) == why
    assert everything(gateway) == unchanged


def test_dry_run_tells_the_same_and_changes_nothing(gateway: Gateway) -> None:
    keep = add(gateway, phone="1", tags="a", note="x")
    other = add(gateway, phone="2", city="Reno", tags="b", note="y", external_id="B")
    unchanged = everything(gateway)
    tried = merge(gateway.system, keep, [other], dry_run=True)
    assert everything(gateway) == unchanged
    assert merge(gateway.system, keep, [other]) == tried


def test_merge_that_fails_on_the_way_changes_nothing(gateway: Gateway) -> None:
    keep, other = add(gateway, phone="1"), add(gateway, city="Reno", note="y", tags="b")
    unchanged = everything(gateway)

    def fail(*arguments: Any) -> None:
        if arguments[2].startswith("INSERT INTO lead_merge"):
            raise OSError("the machine is gone")

    event.listen(gateway.system.engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(OSError, match="machine is gone"):
            merge(gateway.system, keep, [other])
    finally:
        event.remove(gateway.system.engine, "before_cursor_execute", fail)
    assert everything(gateway) == unchanged


Watch = Callable[[str, Callable[[], Any]], None]


@pytest.fixture
def before(gateway: Gateway) -> Iterator[Watch]:
    """Has a function called right before this thread's first statement with a certain beginning."""
    waiting: dict[int, tuple[str, Callable[[], Any]]] = {}

    def watch(start: str, act: Callable[[], Any]) -> None:
        waiting[threading.get_ident()] = start, act

    def look(*arguments: Any) -> None:
        start, act = waiting.get(threading.get_ident(), ("", None))
        if act is not None and arguments[2].startswith(start):
            del waiting[threading.get_ident()]
            act()

    event.listen(gateway.system.engine, "before_cursor_execute", look)
    yield watch
    event.remove(gateway.system.engine, "before_cursor_execute", look)
    assert waiting == {}


def can_write_at_once(gateway: Gateway) -> bool:
    return gateway.system.engine.dialect.name != "sqlite"


@pytest.mark.parametrize("known", ["lead_id", "external_id", "match"])
def test_post_that_has_found_a_lead_reaches_its_survivor_when_it_is_gone(
    gateway: Gateway, before: Watch, known: str
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
        before(LOCK_LEAD if known == "lead_id" else "INSERT", waits.set)
        answers.append(gateway.send(**sent, note="x"))

    worker = threading.Thread(target=post)

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
