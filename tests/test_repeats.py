"""Repeats: what frees a key, what ends it, what waits for it, and what it costs who has none."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, select, update

from gateway import repeats
from gateway.auth import known
from gateway.contract import Call, Upload
from gateway.journal import purging
from gateway.models import RepeatKey, Submission
from gateway.store.erasing import erase
from gateway.testing import Gateway

POST = b"command=lead_set&mode=insert&last_name=Lee"
KEY = {"Idempotency-Key": "k"}
_key = RepeatKey.__table__


def keys(gateway: Gateway) -> list[dict[str, Any]]:
    with gateway.system.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(_key)).mappings()]


def move_end(gateway: Gateway, **by: float) -> None:
    """Let every key end at another time, seen from now."""
    with gateway.system.engine.begin() as connection:
        connection.execute(update(_key).values(expires_at=datetime.now(UTC) + timedelta(**by)))


def call(**values: Any) -> Call:
    return Call(request_id="1", received_at=datetime.now(UTC), command="lead_set", **values)


# --- what a key covers


@pytest.mark.parametrize(
    "other",
    [
        {"form": {"a": "1", "b": "3"}},
        {"form": {"a": "1"}},
        {"form": {"a": "1", "b": "2", "c": ""}},
        {"form": {"a": "12", "b": ""}},
        {"form": {"a": ("1",), "b": "2"}},
        {"form": {"a": "1", "b": {"0": "2"}}},
        {"form": {"a": "1", "b": "\ud83d"}},
        {"form": {"a": "1", "b": "2"}, "leading_plus": frozenset({"a"})},
        {"form": {"a": "1", "b": "2"}, "uploads": (Upload("f", "n", b""),)},
    ],
)
def test_other_fields_have_another_digest(other: dict[str, Any]) -> None:
    one = call(form={"a": "1", "b": "2"})
    assert repeats.fields_digest(one) == repeats.fields_digest(call(form={"b": "2", "a": "1"}))
    assert repeats.fields_digest(one) != repeats.fields_digest(call(**other))


def test_digest_is_the_one_that_is_stored() -> None:
    form = {"phone": "1", "full_name": "José", "tags": ("a", "b")}
    sent = call(form=form, leading_plus=frozenset({"phone"}), uploads=(Upload("f", "n", b"c"),))
    assert repeats.fields_digest(sent).hex() == "e12320d44642585fa3daf4f9ee30bad5"


def test_uploads_count_by_part_name_and_bytes() -> None:
    def uploads(*parts: tuple[str, str, bytes]) -> bytes:
        return repeats.fields_digest(call(uploads=tuple(Upload(*part) for part in parts)))

    first, second = ("f", "n", b"\0a"), ("g", "n", b"b")
    assert uploads(first, second) == uploads(second, first)
    others = [("f", "n", b"\0b"), ("f", "m", b"\0a"), ("h", "n", b"\0a")]
    assert len({uploads(first), *map(uploads, others)}) == 4


# --- what frees and ends a key


def test_key_is_free_again_after_its_time(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    assert gateway.post(POST, headers=KEY).lead_id == 1001
    (key,) = keys(gateway)
    (row,) = gateway.journal()
    assert key["request_id"] == row["request_id"]
    assert key["expires_at"] - row["received_at"] == timedelta(hours=24)
    move_end(gateway, minutes=1)
    assert gateway.post(POST, headers=KEY).lead_id == 1001
    move_end(gateway, seconds=-1)
    # With other fields too: it is new.
    assert gateway.post(POST + b"&city=Rome", headers=KEY).lead_id == 1002
    assert gateway.post(POST + b"&city=Rome", headers=KEY).lead_id == 1002
    assert [each["outcome"] for each in gateway.journal()] == [
        "accepted",
        "superseded",
        "accepted",
        "superseded",
    ]


def test_window_ends_after_its_seconds(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_REPEAT_WINDOW=600)
    assert gateway.post(POST).lead_id == gateway.post(POST).lead_id == 1001
    (key,) = keys(gateway)
    assert key["expires_at"] - gateway.journal()[0]["received_at"] == timedelta(seconds=600)
    move_end(gateway, seconds=-1)
    assert gateway.post(POST).lead_id == 1002


FAILS = """
from pathlib import Path
from gateway import MatchRule, hookimpl
def keys(lead):
    if lead.get("last_name") == "Lee" and Path({marker!r}).exists():
        raise RuntimeError("as asked")
    return ()
@hookimpl
def gateway_match_rules(settings):
    return [MatchRule("match_odd", keys, help="Fails while a file is there.")]
"""


def test_internal_fault_frees_the_key(
    make_gateway: Callable[..., Gateway],
    engine: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marker = tmp_path / "marker"
    (tmp_path / f"fails_on_{engine}.py").write_text(FAILS.format(marker=str(marker)))
    monkeypatch.syspath_prepend(tmp_path)
    gateway = make_gateway(f"fails_on_{engine}")
    marker.touch()
    failed = gateway.post(POST, headers=KEY)
    marker.unlink()
    assert failed.headers["X-Gateway-Error"] == "internal"
    assert keys(gateway) == []
    assert gateway.post(POST, headers=KEY).lead_id == gateway.post(POST, headers=KEY).lead_id
    assert gateway.count() == 1
    outcomes = [row["outcome"] for row in gateway.journal()]
    assert outcomes == ["failed", "accepted", "superseded"]


def test_key_whose_post_left_the_journal_is_free(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.post(POST, headers=KEY)
    with gateway.system.engine.begin() as connection:
        connection.execute(delete(Submission))
    assert gateway.post(POST, headers=KEY).lead_id == 1002


def test_purge_deletes_keys_a_week_after_their_end(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.post(POST, headers=KEY)
    system = gateway.system
    for by, left in ((timedelta(days=-6), 1), (timedelta(days=-8), 0)):
        move_end(gateway, days=by.days)
        list(purging.purge(system, purging.due(system)))
        assert len(keys(gateway)) == left
    assert len(gateway.journal()) == 1


def test_erased_person_is_not_in_the_answer_to_a_repeat(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway()
    accepted = POST + b"&phone=132-123-1234&lat=north"
    refused = b"command=lead_set&mode=update&lead_id=x&phone=132-123-1234&idempotency_key=r"
    assert "X-Gateway-Warning" in gateway.post(accepted, headers=KEY).headers
    gateway.post(refused)
    list(erase(gateway.system, 1001))
    again = gateway.post(accepted, headers=KEY)
    assert (again.lead_id, "X-Gateway-Warning" in again.headers) == (1001, False)
    assert gateway.post(refused).headers["X-Gateway-Error"] == "invalid"
    assert gateway.count() == 0


def test_replay_goes_past_the_key(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    caller, settings = known("web", gateway.system), gateway.system.settings
    assert caller is not None
    assert repeats.key_of(call(idempotency_key="k"), caller, settings) is not None
    again = call(idempotency_key="k", replay_of="2")
    assert repeats.key_of(again, caller, settings) is None


# --- what waits for it


def test_repeat_waits_for_the_first_and_goes_on_when_that_dies(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway()
    answers: list[Any] = []
    repeat = threading.Thread(target=lambda: answers.append(gateway.post(POST, headers=KEY)))
    with gateway.system.engine.connect() as other:
        first = call(idempotency_key="k", form={"mode": "insert", "last_name": "Lee"})
        repeats.reserve(other, key_of_web(gateway, first), first)
        repeat.start()
        repeat.join(0.5)
        assert answers == []
        other.rollback()
    repeat.join()
    assert (answers[0].lead_id, gateway.count()) == (1001, 1)
    assert [row["outcome"] for row in gateway.journal()] == ["accepted"]


def test_post_that_waits_too_long_is_told_to_come_again(
    make_gateway: Callable[..., Gateway], engine: str
) -> None:
    if engine == "sqlite":
        pytest.skip("one writer: who waits, waits for its turn")
    gateway = make_gateway()
    # Ten seconds are for callers.
    wait = {"postgresql": "SET lock_timeout = 200", "mariadb": "SET innodb_lock_wait_timeout = 1"}
    event.listen(
        gateway.system.engine, "begin", lambda connection: connection.exec_driver_sql(wait[engine])
    )
    with gateway.system.engine.connect() as other:
        first = call(idempotency_key="k", form={"mode": "insert", "last_name": "Lee"})
        key = key_of_web(gateway, first)
        repeats.reserve(other, key, first)
        busy = gateway.post(POST, headers=KEY)
        refused = gateway.post(b"command=lead_set&mode=x", headers=KEY)
    for answer in (busy, refused):
        assert answer.headers["X-Gateway-Error"] == "repeat_in_progress"
        assert "still being processed" in (answer.status_message or "")
    assert gateway.count() == 0
    assert [row["outcome"] for row in gateway.journal()] == ["refused", "refused"]
    # The other one died: its key is free.
    assert gateway.post(POST, headers=KEY).lead_id
    assert gateway.count() == 1


def key_of_web(gateway: Gateway, post: Call) -> repeats.Key:
    """Return the key of a post of the login that the kit makes."""
    caller = known("web", gateway.system)
    assert caller is not None
    key = repeats.key_of(post, caller, gateway.system.settings)
    assert key is not None
    return key


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (POST + b"&match_update=1&full_name=Ann+Lee&phone=132-123-1234", "accepted"),
        (b"command=lead_set&mode=insert&external_id=A1&city=Rome", "refused"),
        (b"command=lead_set&mode=update&lead_id=x", "refused"),
    ],
)
def test_equal_posts_at_once_are_one_decision(
    make_gateway: Callable[..., Gateway], body: bytes, outcome: str
) -> None:
    gateway = make_gateway()
    gateway.post(b"command=lead_set&mode=insert&external_id=A1")
    answers: list[Any] = []
    together = threading.Barrier(12)

    def post() -> None:
        together.wait()
        answers.append(gateway.post(body, headers=KEY))

    threads = [threading.Thread(target=post) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.body for answer in answers}) == 1
    rows = gateway.journal()[1:]
    assert sorted(row["outcome"] for row in rows) == sorted([outcome] + ["superseded"] * 11)
    (first,) = [row["request_id"] for row in rows if row["outcome"] == outcome]
    assert {row["superseded_by"] for row in rows} == {None, first}
    named = [answer.headers.get("X-Gateway-Repeat") for answer in answers]
    assert sorted(map(str, named)) == sorted(["None"] + [first] * 11)


# --- what it costs


@pytest.mark.parametrize(("headers", "expected"), [({}, False), (KEY, True)])
def test_post_without_key_and_window_runs_no_statement_for_it(
    make_gateway: Callable[..., Gateway], headers: dict[str, str], expected: bool
) -> None:
    gateway = make_gateway()
    statements: list[str] = []
    event.listen(
        gateway.system.engine,
        "before_cursor_execute",
        lambda *arguments: statements.append(arguments[2]),
    )
    assert gateway.post(POST, headers=headers).status == 0
    assert gateway.post(b"command=lead_set&mode=x", headers=headers).status == 1
    assert any("repeat_key" in each for each in statements) is expected
