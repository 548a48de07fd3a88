"""Posts that waited are done once, in their order, when the database is back."""

from typing import Any

import pytest
from cli_runner import run, shown, with_commands
from sqlalchemy import text

from gateway import draining
from gateway.testing.client import basic
from tests.outage.outages import Outage, assert_nothing_of, assert_saved, no_keys, request_id


def test_posts_are_drained_in_their_order(out: Outage) -> None:
    with out.away():
        for number in range(5):
            assert_saved(out.gateway.send(external_id=f"e{number}"))
        assert_saved(out.gateway.send(mode="update", external_id="e3", city="Late"))
    assert out.drain().accepted == 6
    shown = [out.gateway.lead(1001 + number) for number in range(5)]
    assert [lead and lead["external_id"] for lead in shown] == [f"e{n}" for n in range(5)]
    assert shown[3] is not None
    assert shown[3]["city"] == "Late"


def test_reference_that_does_not_exist_is_refused_at_the_drain(out: Outage) -> None:
    with out.away():
        assert_saved(out.gateway.send(custom_status="Nowhere"))
    assert out.drain().refused == 1
    (row,) = out.gateway.journal()
    assert (row["outcome"], row["codes"]) == ("refused", "unknown_reference")


def test_post_that_is_in_the_journal_already_is_not_done_again(out: Outage) -> None:
    with out.away():
        assert_saved(out.gateway.send(city="Once"))
    (path,) = out.files
    content = path.read_bytes()
    assert out.drain().accepted == 1
    # As if the drain had been killed between the commit and the removal of the file.
    path.write_bytes(content)
    drained = out.drain()
    assert (drained.already, drained.accepted, drained.waiting) == (1, 0, 0)
    assert out.gateway.count() == 1


def test_retry_of_the_caller_closes_the_spooled_post(out: Outage) -> None:
    body = b"command=lead_set&mode=insert&city=X&tags=a"
    with out.away():
        first = assert_saved(out.gateway.post(body))
    # The same fields in another order, and another way to say who calls.
    retry = out.gateway.post(
        b"ai_login_id=web&ai_login_password=secret&tags=a&city=X&mode=insert&command=lead_set",
        anonymous=True,
    )
    assert retry.status == 0
    drained = out.drain()
    assert (drained.superseded, drained.accepted) == (1, 0)
    rows = {row["request_id"]: row for row in out.gateway.journal()}
    assert rows[first]["outcome"] == "superseded"
    assert rows[first]["superseded_by"] == request_id(retry)
    assert rows[first]["lead_id"] == retry.lead_id
    assert out.gateway.count() == 1


def test_retry_during_the_outage_is_closed_too_and_other_posts_are_not(out: Outage) -> None:
    before = out.gateway.send(city="X")
    with out.away():
        for _ in range(3):
            assert_saved(out.gateway.send(city="X"))
        assert_saved(out.gateway.send(city="Y"))
    drained = out.drain()
    assert (drained.accepted, drained.superseded) == (2, 2)
    assert before.status == 0
    assert out.gateway.count() == 3


def test_login_that_is_disabled_since_does_not_lose_its_post(out: Outage) -> None:
    with out.away():
        assert_saved(out.gateway.send(city="X"))
    with out.gateway.system.engine.begin() as connection:
        connection.execute(text("UPDATE login SET disabled_at = '2026-01-01 00:00:00'"))
    assert out.drain().accepted == 1


def test_process_that_never_saw_the_logins_checks_them_at_the_drain(out: Outage) -> None:
    system = out.gateway.system
    system.snapshot._rows = None
    with out.away():
        right = assert_saved(out.gateway.send(city="Right"))
        wrong = assert_saved(
            out.gateway.post(
                b"command=lead_set&mode=insert&ai_login_id=web&ai_login_password=a-guess",
                anonymous=True,
            )
        )
    assert [path.parent.name for path in out.files] == ["unproven", "unproven"]
    assert_nothing_of(b"a-guess", system.spool.folder)
    assert_nothing_of(basic("web", "secret").encode(), system.spool.folder)
    assert (system.spool.folder / ".node-key").stat().st_mode & 0o777 == 0o600
    drained = out.drain()
    assert (drained.accepted, drained.refused) == (1, 1)
    rows = {row["request_id"]: row for row in out.gateway.journal()}
    assert (rows[right]["outcome"], rows[right]["caller"]) == ("accepted", "web")
    assert (rows[wrong]["outcome"], rows[wrong]["codes"]) == ("refused", "authentication_failed")


def test_drain_stops_where_the_database_is_away_and_loses_nothing(out: Outage) -> None:
    with out.away():
        for number in range(3):
            assert_saved(out.gateway.send(external_id=f"e{number}"))
        drained = out.drain()
        assert (drained.is_away, drained.accepted, drained.waiting) == (True, 0, 3)
    assert out.drain().accepted == 3


def test_fault_at_the_drain_is_journalled_and_the_others_go_on(
    out: Outage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with out.away():
        bad = assert_saved(out.gateway.send(city="Bad"))
        assert_saved(out.gateway.send(city="Good"))
    run = draining.perform

    def broken(call: Any, system: Any, identify: Any) -> Any:
        def gone() -> Any:
            raise LookupError("its plugin is gone")

        return run(call, system, gone if call.form["city"] == "Bad" else identify)

    monkeypatch.setattr(draining, "perform", broken)
    drained = out.drain()
    assert (drained.failed, drained.accepted, drained.waiting) == (1, 1, 0)
    rows = {row["request_id"]: row for row in out.gateway.journal()}
    assert (rows[bad]["outcome"], rows[bad]["codes"]) == ("failed", "internal")
    assert b"city=Bad" in rows[bad]["body"]


def test_one_process_drains_at_a_time(out: Outage) -> None:
    with out.away():
        assert_saved(out.gateway.send(city="X"))
    spool = out.gateway.system.spool
    with spool.drainer(wait=False) as mine:
        assert mine
        assert draining.drain(out.gateway.system, wait=False) is None
    assert out.drain().accepted == 1


def test_drain_by_hand_says_what_it_did(out: Outage) -> None:
    gateway = with_commands(out.gateway)
    with out.away():
        assert_saved(gateway.send(city="X"))
        left = run(gateway, "journal", "drain")
        assert left.exit_code == 1
        assert "run this again" in left.stderr
    assert shown(gateway, "journal", "drain") == {
        name: {"accepted": 1, "is_away": False}.get(name, 0)
        for name in draining.Drained.__dataclass_fields__
    }


def test_file_stays_until_the_journal_has_its_row(
    out: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    with out.away():
        out.gateway.system.breaker.trip()
        assert out.gateway.send(phone="132-123-1234", lead_id="x").status == 1
    with no_keys(out):
        drained = out.drain()
        assert (drained.refused, drained.stuck, drained.waiting) == (0, 1, 1)
    assert "cannot be drained; it stays" in caplog.text
    assert out.drain().refused == 1
    assert len(out.gateway.journal()) == 1


def test_posts_that_cannot_be_done_hold_up_no_others(out: Outage) -> None:
    with out.away():
        for number in range(draining.MOST_STUCK + 1):
            assert_saved(out.gateway.send(phone=f"132-123-12{number:02}"))
        assert_saved(out.gateway.send(city="Behind them"))
    with no_keys(out):
        runs = [draining.drain(out.gateway.system, wait=False) for _ in range(3)]
        assert [run and (run.stuck, run.accepted) for run in runs] == [(5, 0), (1, 1), (0, 0)]
    assert out.drain().accepted == 6
    assert out.files == []


def test_drained_post_has_the_headers_of_one_that_did_not_wait(out: Outage) -> None:
    headers = {"User-Agent": "old-form/1", "X-Dry-Run": "0", "Idempotency-Key": "k"}
    body = b"command=lead_set&mode=insert&city="
    out.gateway.post(body + b"A", headers=headers | {"Idempotency-Key": "j"})
    with out.away():
        assert_saved(out.gateway.post(body + b"B", headers=headers))
    out.drain()
    first, second = out.gateway.journal()
    assert second["headers"] == first["headers"] | {"idempotency-key": "k"}
