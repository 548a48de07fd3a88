"""Keys made anew: complete, resumable, and while posts keep coming."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, select, update

from gateway import MatchRule
from gateway.contract import System
from gateway.matching import BadRule, keys_of
from gateway.models import Lead, MatchKey, MatchRekey
from gateway.store import rekeying
from gateway.store.key_status import key_status
from gateway.store.keys import values_of
from gateway.testing import Gateway

PEOPLE = [
    {"full_name": f"Person{'abcdefghij'[n]} Lee", "phone": f"555-010-{n:04}", "email": f"{n}@a.org"}
    for n in range(10)
]


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    made = make_gateway()
    for person in PEOPLE:
        assert made.send(**person).status == 0
    return made


def rows(system: System, table: Any) -> list[dict[str, Any]]:
    with system.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table.__table__)).mappings()]


def stored_keys(system: System) -> set[tuple[int, bytes, str, int]]:
    return {
        (row["lead_id"], bytes(row["digest"]), row["rule"], row["version"])
        for row in rows(system, MatchKey)
    }


def right_keys(system: System) -> set[tuple[int, bytes, str, int]]:
    rules = system.match_rules
    return {
        (row["lead_id"], digest, name, rules[name].version)
        for row in rows(system, Lead)
        for digest, name in keys_of(values_of(row), rules.values()).items()
    }


def change(gateway: Gateway, statement: Any, values: Any = None) -> None:
    with gateway.system.engine.begin() as connection:
        connection.execute(statement, values)


def with_rule(system: System, rule: MatchRule) -> None:
    """Put another version of a rule into a running system, as a restart with new code does."""
    object.__setattr__(system, "match_rules", {**system.match_rules, rule.name: rule})


def by_email(lead: Any) -> Iterator[str]:
    if lead.get("email"):
        yield lead["email"].upper()


def run(gateway: Gateway, name: str | None = None, *, batch: int = 3, restart: bool = False) -> int:
    begun = rekeying.begin(gateway.system, name, restart=restart)
    left = rekeying.count_leads(begun)
    assert sum(rekeying.rekey(begun, batch=batch)) == left
    return left


@pytest.mark.parametrize("batch", [1, 3, 5, 10, 1000])
def test_rekey_makes_the_keys_that_posts_make(gateway: Gateway, batch: int) -> None:
    assert stored_keys(gateway.system) == right_keys(gateway.system)
    change(gateway, delete(MatchKey))
    assert run(gateway, batch=batch) == len(PEOPLE)
    assert stored_keys(gateway.system) == right_keys(gateway.system)
    assert run(gateway, batch=batch) == len(PEOPLE)
    assert stored_keys(gateway.system) == right_keys(gateway.system)


def test_rekey_of_an_empty_system_is_finished(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    assert run(gateway) == 0
    assert all(row["finished_at"] for row in rows(gateway.system, MatchRekey))


def test_rekey_of_a_rule_changes_its_keys_only(gateway: Gateway) -> None:
    strange = {"digest": b"x" * 16, "lead_id": 1001, "version": 1}
    change(gateway, insert(MatchKey), [{**strange, "rule": "match_phone"}])
    change(gateway, insert(MatchKey), [{**strange, "digest": b"y" * 16, "rule": "match_email"}])
    run(gateway, "match_email")
    kept = (1001, b"x" * 16, "match_phone", 1)
    assert stored_keys(gateway.system) == right_keys(gateway.system) | {kept}
    assert [row["rule"] for row in rows(gateway.system, MatchRekey)] == ["match_email"]


def test_rekey_after_a_new_version_leaves_no_stale_key(gateway: Gateway) -> None:
    with_rule(gateway.system, MatchRule("match_email", by_email, version=2))
    (before,) = [row for row in key_status(gateway.system)["rules"] if row["stale"]]
    assert (before["rule"], before["stale"]) == ("match_email", len(PEOPLE))
    run(gateway, "match_email")
    (after,) = [row for row in key_status(gateway.system)["rules"] if row["rule"] == "match_email"]
    assert (after["stale"], after["keys_by_version"]) == (0, {"2": len(PEOPLE)})
    assert stored_keys(gateway.system) == right_keys(gateway.system)


def test_rekey_counts_a_key_up_that_only_its_version_tells_apart(gateway: Gateway) -> None:
    old = gateway.system.match_rules["match_phone"]
    with_rule(gateway.system, MatchRule(old.name, old.keys, version=7))
    run(gateway)
    assert stored_keys(gateway.system) == right_keys(gateway.system)


def test_rekey_of_all_drops_the_keys_of_rules_that_are_gone(gateway: Gateway) -> None:
    gone = {"digest": b"g" * 16, "lead_id": 1003, "rule": "match_gone", "version": 1}
    change(gateway, insert(MatchKey), [gone])
    change(gateway, insert(MatchRekey), [{"rule": "match_gone", "version": 1, "through_id": 5}])
    assert key_status(gateway.system)["unknown"] == [
        {"rule": "match_gone", "keys": 1, "keys_by_version": {"1": 1}}
    ]
    run(gateway)
    assert stored_keys(gateway.system) == right_keys(gateway.system)
    assert {row["rule"] for row in rows(gateway.system, MatchRekey)} == set(
        gateway.system.match_rules
    )


def test_rekey_goes_on_where_it_was_interrupted(gateway: Gateway) -> None:
    change(gateway, delete(MatchKey))
    batches = rekeying.rekey(rekeying.begin(gateway.system), batch=3)
    assert [next(batches), next(batches)] == [3, 3]
    batches.close()
    done = {key for key in right_keys(gateway.system) if key[0] <= 1006}
    assert stored_keys(gateway.system) == done
    assert key_status(gateway.system)["rules"][0]["rekey"] == {
        "version": 1,
        "through_id": 1006,
        "finished_at": None,
        "leads_left": 4,
    }
    assert run(gateway) == 4
    assert stored_keys(gateway.system) == right_keys(gateway.system)
    assert run(gateway) == len(PEOPLE)


def test_rekey_that_fails_inside_a_batch_keeps_the_batches_before(gateway: Gateway) -> None:
    change(gateway, delete(MatchKey))
    written = 0

    def fail(*arguments: Any) -> None:
        nonlocal written
        statement: str = arguments[2]
        written += statement.startswith("INSERT") and "match_key" in statement
        if written == 2:
            raise OSError("the machine is gone")

    begun = rekeying.begin(gateway.system)
    event.listen(gateway.system.engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(OSError, match="machine is gone"):
            list(rekeying.rekey(begun, batch=4))
    finally:
        event.remove(gateway.system.engine, "before_cursor_execute", fail)
    assert {key[0] for key in stored_keys(gateway.system)} == {1001, 1002, 1003, 1004}
    assert run(gateway, batch=4) == 6
    assert stored_keys(gateway.system) == right_keys(gateway.system)


def test_interrupted_run_begins_anew_with_restart_or_another_version(gateway: Gateway) -> None:
    def interrupt() -> None:
        next(rekeying.rekey(rekeying.begin(gateway.system, "match_email"), batch=4))

    interrupt()
    assert run(gateway, "match_email", restart=True) == len(PEOPLE)
    interrupt()
    with_rule(gateway.system, MatchRule("match_email", by_email, version=2))
    assert run(gateway, "match_email") == len(PEOPLE)
    assert stored_keys(gateway.system) == right_keys(gateway.system)


@pytest.mark.parametrize("trouble", ["raises", "number"])
def test_rule_that_fails_stops_the_run_and_names_the_lead(gateway: Gateway, trouble: str) -> None:
    def keys(lead: Any) -> list[Any]:
        if lead["lead_id"] == 1005:
            return [{}["zip"]] if trouble == "raises" else [5]
        return list(by_email(lead))

    with_rule(gateway.system, MatchRule("match_email", keys, version=2))
    with pytest.raises(BadRule, match=r"^lead 1005: "):
        run(gateway, batch=2)
    with_rule(gateway.system, MatchRule("match_email", by_email, version=2))
    assert run(gateway, batch=2) == 6
    assert stored_keys(gateway.system) == right_keys(gateway.system)


def test_lead_that_changes_after_it_was_read_gets_the_keys_of_its_new_values(
    gateway: Gateway,
) -> None:
    change(gateway, delete(MatchKey))
    seen = []

    def keys(lead: Any) -> list[str]:
        # The first look is the batch's, outside its transaction: a post comes in between.
        if lead["lead_id"] == 1002 and not seen:
            seen.append(lead["email"])
            answer = gateway.send(mode="update", lead_id=1002, email="new@a.org")
            assert answer.status == 0
        return list(by_email(lead))

    with_rule(gateway.system, MatchRule("match_email", keys))
    run(gateway, batch=5)
    assert seen == [PEOPLE[1]["email"]]
    assert stored_keys(gateway.system) == right_keys(gateway.system)


def test_lead_that_is_gone_after_it_was_read_leaves_no_keys(gateway: Gateway) -> None:
    def keys(lead: Any) -> list[str]:
        if lead["lead_id"] == 1002:
            change(gateway, delete(MatchKey).where(MatchKey.lead_id == 1002))
            change(gateway, delete(Lead).where(Lead.lead_id == 1002))
        return list(by_email(lead))

    with_rule(gateway.system, MatchRule("match_email", keys))
    run(gateway, batch=5)
    assert stored_keys(gateway.system) == right_keys(gateway.system)


def test_posts_are_answered_during_a_rekey_and_their_keys_are_right(gateway: Gateway) -> None:
    rules = gateway.system.match_rules
    change(gateway, update(MatchKey).values(version=0))
    answers: list[int | None] = []
    stop = threading.Event()

    def post(worker: int) -> None:
        number = 0
        while not stop.is_set() or number < 5:
            number += 1
            person = PEOPLE[(worker + number) % len(PEOPLE)]
            sent = gateway.send(
                match_update=1, match_email=1, match_phone=1, email=person["email"],
                phone=f"555-020-{worker}{number % 1000:03}", city=f"City {number}",
            )  # fmt: skip
            answers.append(sent.status)

    workers = [threading.Thread(target=post, args=(n,)) for n in range(3)]
    for each in workers:
        each.start()
    try:
        for _ in range(5):
            run(gateway, batch=2, restart=True)
    finally:
        stop.set()
        for each in workers:
            each.join()
    assert set(answers) == {0}
    assert stored_keys(gateway.system) == right_keys(gateway.system)
    assert {version for *_, version in stored_keys(gateway.system)} == {
        rule.version for rule in rules.values()
    }
    assert gateway.count() == len(PEOPLE)
