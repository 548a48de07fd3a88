"""``flask lead erase`` and ``export-person``: nothing of the person remains, all of the others."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.files import FileStore
from gateway.journal import reducing
from gateway.models import Erasure, MatchClaim, MatchKey
from gateway.replaying import Corrections, replay
from gateway.store import erasing
from gateway.testing import Gateway
from tests.cli_runner import done, refused, run, shown
from tests.erasing.persons import MARK, bystander, person, plant, remains, rows
from tests.stored_rows import search_keys, sort_in_keys


@pytest.mark.parametrize("sorted_in", ["nothing", "some", "all"])
def test_nothing_of_the_person_remains_and_all_of_the_others(
    gateway: Gateway, sorted_in: str
) -> None:
    bob, refused_post = bystander(gateway)
    before, posts = gateway.lead(bob), len(gateway.journal())
    keys = search_keys(gateway)
    if sorted_in == "some":
        sort_in_keys(gateway)
    lead_id = plant(gateway)
    if sorted_in == "all":
        sort_in_keys(gateway)
    gateway.send(
        mode="update", lead_id=str(lead_id), upload_file_name="b", upload_file_contents="shared"
    )
    planted = len(gateway.journal()) - posts
    assert list(remains(gateway))
    found = done(gateway, "lead", "erase", str(lead_id), "--yes")
    assert f"Erased lead {lead_id} and {planted} posts." in found
    assert list(remains(gateway)) == []
    assert search_keys(gateway) == keys
    assert gateway.lead(lead_id) is None
    assert gateway.lead(bob) == before
    (shared,) = before["files"] if before else []
    assert gateway.system.files.get(shared["sha256"]) == b"shared"
    kept = {row["request_id"]: row for row in gateway.journal()}
    assert kept[refused_post]["body"].endswith(b"phone=503-555-0178")
    assert [
        (each["lead_id"], each["posts"], each["pending"])
        for each in rows(gateway, Erasure.__table__)
    ] == [(lead_id, planted, None), (lead_id + 1, 0, None)]


def test_emptied_posts_keep_time_and_outcome_and_say_so(gateway: Gateway) -> None:
    lead_id = plant(gateway)
    before = [(row["request_id"], row["received_at"], row["outcome"]) for row in gateway.journal()]
    done(gateway, "lead", "erase", str(lead_id), "--yes")
    after = gateway.journal()
    assert [(row["request_id"], row["received_at"], row["outcome"]) for row in after] == before
    assert {row["flags"] for row in after} == {"erased"}
    assert after[0]["decision"] == {"action": "create"}
    assert search_keys(gateway) == rows(gateway, MatchKey.__table__) == []
    assert "erased" in shown(gateway, "journal", "show", before[0][0])["unreadable"]
    assert shown(gateway, "journal", "list", "--replayable") == []


def test_erased_id_is_not_found_and_never_given_again(gateway: Gateway) -> None:
    lead_id = plant(gateway)
    done(gateway, "lead", "erase", str(lead_id), "--yes")
    answer = gateway.send(mode="update", lead_id=str(lead_id), city="Rome")
    assert answer.headers["X-Gateway-Error"] == "lead_not_found"
    assert gateway.send(mode="update", lead_id=str(lead_id + 1)).status == 1
    assert (gateway.send(**person()).lead_id or 0) > lead_id + 1
    message = refused(gateway, "lead", "erase", str(lead_id), "--yes")
    assert message.startswith(f"Error: Lead {lead_id} was erased already, at 20")


def test_newest_lead_can_be_erased_and_its_id_stays_taken(gateway: Gateway) -> None:
    lead_id = gateway.send(last_name="Lee").lead_id
    done(gateway, "lead", "erase", str(lead_id), "--yes")
    assert gateway.send(last_name="Lee").lead_id == (lead_id or 0) + 1


def test_claims_of_the_person_go_too(gateway: Gateway) -> None:
    lead_id = gateway.send(**person(match_update="1")).lead_id
    gateway.send(mode="update", lead_id=str(lead_id), phone="503-555-7799", email="x@example.org")
    done(gateway, "lead", "erase", str(lead_id), "--yes")
    assert rows(gateway, MatchClaim.__table__) == []


def test_erase_asks_first_and_a_dry_run_writes_nothing(gateway: Gateway) -> None:
    lead_id = plant(gateway)
    result = run(gateway, "lead", "erase", str(lead_id), stdin=b"n\n")
    assert result.exit_code == 1
    assert "lead_note" in done(gateway, "lead", "erase", str(lead_id), "--dry-run")
    assert gateway.lead(lead_id)
    assert rows(gateway, Erasure.__table__) == []


def test_only_the_lead_that_stayed_can_be_erased(gateway: Gateway) -> None:
    lead_id = plant(gateway)
    message = refused(gateway, "lead", "erase", str(lead_id + 1), "--yes")
    assert message == f"Error: Lead {lead_id + 1} was merged into lead {lead_id}: erase that one."
    assert refused(gateway, "lead", "erase", "9", "--yes") == "Error: There is no lead 9."


def test_export_has_all_that_we_hold_unmasked(gateway: Gateway, tmp_path: Path) -> None:
    bystander(gateway)
    lead_id = plant(gateway)
    folder = tmp_path / "out"
    held = json.loads(
        done(gateway, "lead", "export-person", str(lead_id + 1), "--files", str(folder))
    )
    assert held["lead"]["lead_id"] == lead_id
    assert held["lead"]["govt_id"] == f"{MARK}-9"
    assert held["merged_leads"] == [lead_id + 1]
    assert {each["field"] for each in held["history"]} >= {"phone", "city", "external_id"}
    (wanted,) = held["lead"]["files"]
    assert wanted["name"] == f"{MARK}.txt"
    (written,) = folder.iterdir()
    assert written.read_text() == f"{MARK} contents"
    posts = [row for row in gateway.journal() if b"Roe" not in (row["body"] or b"")]
    assert [each["request_id"] for each in held["posts"]] == [row["request_id"] for row in posts]
    assert all(MARK in each["body"] or "7713" in each["body"] for each in held["posts"])
    assert refused(gateway, "lead", "export-person", "9") == "Error: There is no lead 9."


def test_file_that_is_put_again_stays(gateway: Gateway) -> None:
    files: FileStore = gateway.system.files
    name = files.put(b"content")
    long_ago = datetime.now(UTC) - timedelta(days=2)
    assert not files.remove(name, long_ago)
    assert files.get(name) == b"content"
    assert files.remove(name, datetime.now(UTC) + timedelta(seconds=1))
    assert not files.remove(name, datetime.now(UTC))


@pytest.mark.parametrize("at_once", [1, 200])
def test_posts_whose_correction_says_who_it_was_go_too(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    # Nothing in them says who it is; the replay that was accepted has a phone.
    monkeypatch.setattr(reducing, "AT_ONCE", at_once)
    old = gateway.send(mode="insrt", full_name=MARK, note=MARK).headers["X-Request-Id"]
    replay(gateway.system, old, corrections=Corrections(values={"mode": ("update",)}))
    mended = Corrections(values={"mode": ("insert",), "phone": ("503-555-0100",)})
    lead_id = replay(gateway.system, old, corrections=mended).lead_id
    assert lead_id
    posts = json.loads(done(gateway, "lead", "export-person", str(lead_id)))["posts"]
    assert [post["outcome"] for post in posts] == ["superseded", "refused", "accepted"]
    assert sum(erasing.erase(gateway.system, lead_id)) == 3
    assert list(remains(gateway)) == []


def test_replay_that_took_out_what_finds_it_goes_too(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reducing, "AT_ONCE", 1)
    lead_id = gateway.send(phone="503-555-7711").lead_id
    assert lead_id
    sent = {"mode": "insrt", "full_name": MARK, "phone": "503-555-7711"}
    old = gateway.send(**sent).headers["X-Request-Id"]  # type: ignore[arg-type]
    replay(gateway.system, old, corrections=Corrections(unset=frozenset({"phone"})))
    assert sum(erasing.erase(gateway.system, lead_id)) == 3
    assert list(remains(gateway)) == []


def test_repeat_of_a_post_of_an_erased_person_leaves_nothing_of_them(gateway: Gateway) -> None:
    body = f"command=lead_set&mode=insert&full_name={MARK}+Lee&phone=503-555-7711".encode()
    first = gateway.post(body, headers={"Idempotency-Key": "k"})
    assert first.lead_id
    assert sum(erasing.erase(gateway.system, first.lead_id)) == 1
    again = gateway.post(body, headers={"Idempotency-Key": "k"})
    assert (again.status, again.lead_id) == (0, first.lead_id)
    assert list(remains(gateway)) == []
    assert search_keys(gateway) == []
    assert gateway.count() == 0
