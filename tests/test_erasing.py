"""A person is erased whole: no column of any table and no file of the store has them any more."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from gateway.files import FileStore
from gateway.journal import reducing, sweeping
from gateway.models import Erasure, MatchClaim, MatchKey, SubmissionKey, db
from gateway.replaying import Corrections, replay
from gateway.store import erasing
from gateway.testing import Gateway
from tests.cli_runner import done, refused, run, shown, with_commands
from tests.no_post_in_progress import remove_files_at_once

MARK = "Zyxw"
"""Stands in everything that the erased person ever sent; nobody else has it."""


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch) -> Gateway:
    remove_files_at_once(monkeypatch)
    return with_commands(make_gateway("plugins.example"))


def person(**more: str) -> dict[str, str]:
    """Return a form that has the mark in every field that takes a text."""
    return {
        "external_id": f"{MARK}-1",
        "full_name": f"{MARK}anna {MARK}son",
        **{name: f"{MARK} {name}" for name in ("company", "address", "address_2", "city")},
        **{name: f"{MARK} {name}" for name in ("state", "country", "skype", "besttime")},
        **{name: f"{MARK} {name}" for name in ("priority", "source", "sub_id", "sub_id2")},
        "admin_notes": f"{MARK} admin",
        "govt_id": f"{MARK}-9",
        "zip": f"{MARK}1",
        "phone": "503-555-7711",
        "cell": "503-555-7712",
        "email": f"{MARK}@example.com",
        "note": f"{MARK} note",
        "notes": json.dumps([{"Status": MARK, "Notes": f"{MARK} notes"}]),
        "tags": f"{MARK},{MARK}2",
        "vin": f"{MARK}1234",
        "followup_date": "2031-02-03 04:05:06",
        "upload_file_name": f"{MARK}.txt",
        "upload_file_contents": f"{MARK} contents",
        "lat": f"{MARK} kept aside",
        f"{MARK}_unknown": f"{MARK} unknown",
        **more,
    }


def remains(gateway: Gateway) -> Iterator[str]:
    """Yield where the mark or a phone of the person still stands: in a table or in a file."""
    marks = [text.encode() for text in (MARK, MARK.lower(), "555771", "555-771", "555 771")]
    with gateway.system.engine.connect() as connection:
        for table in db.metadata.tables.values():
            for row in connection.execute(select(table)).mappings():
                for name, value in row.items():
                    if isinstance(value, datetime | int):
                        continue  # any digits may stand in a time or a duration
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    if any(mark in raw for mark in marks):
                        yield f"{table.name}.{name}"
    for path in Path(gateway.system.files.root).rglob("*"):
        if path.is_file() and any(mark in path.read_bytes() for mark in marks):
            yield f"file {path}"


def rows(gateway: Gateway, table: Any) -> list[Any]:
    with gateway.system.engine.connect() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)).mappings())


def plant(gateway: Gateway) -> int:
    """Return a lead of which there are traces of every kind; beside it somebody else's."""
    lead_id = gateway.send(**person()).lead_id
    assert lead_id
    gateway.send(mode="update", lead_id=str(lead_id), phone="503-555-7713", city=f"{MARK} Rome")
    gateway.send(mode="update", lead_id=str(lead_id), external_id=f"{MARK}-2")
    other = gateway.send(full_name=f"{MARK}bert {MARK}son", note=f"{MARK} other").lead_id
    done(gateway, "lead", "merge", str(lead_id), str(other))
    gateway.send(mode="update", lead_id=str(other), company=f"{MARK} & Co")
    gateway.send(**person(mode="upsert", external_id=""))
    gateway.send(mode="insert", external_id=f"{MARK}-1")
    gateway.send(mode="update", lead_id="77", phone="(503) 555 7713", note=f"{MARK} lost")
    gateway.send(**person(mode="insert", external_id=f"{MARK}-3", dry_run="1"))
    # Larger than a row: the body lies in the file store.
    gateway.send(mode="upsert", email=f"{MARK}@example.com", note=f"{MARK} " * 20_000)
    gateway.post(
        f"command=lead_set&mode=insert&phone=5035557712&note={MARK}&ai_login_id={MARK}".encode(),
        query=f"city={MARK}",
        headers={"Origin": f"https://{MARK}.example", "User-Agent": MARK, "X-Request-Id": MARK},
        anonymous=True,
    )
    # Only the name and the address tell who this is.
    gateway.send(
        mode="upsert",
        **{name: person()[name] for name in ("full_name", "address")}
        | {"address_2": person()["address_2"]},
    )
    return lead_id


def bystander(gateway: Gateway) -> tuple[int, str]:
    """Return a lead that shares a file and a phone with the person, and a refused namesake."""
    shared = {"upload_file_name": "a.txt", "upload_file_contents": "shared"}
    lead_id = gateway.send(full_name="Bob Roe", phone="503-555-0177", **shared).lead_id
    gateway.send(mode="upsert", full_name="Bob Roe", phone="503-555-0178")
    assert lead_id
    return lead_id, gateway.journal()[-1]["request_id"]


def test_nothing_of_the_person_remains_and_all_of_the_others(gateway: Gateway) -> None:
    bob, refused_post = bystander(gateway)
    before, posts = gateway.lead(bob), len(gateway.journal())
    lead_id = plant(gateway)
    gateway.send(
        mode="update", lead_id=str(lead_id), upload_file_name="b", upload_file_contents="shared"
    )
    planted = len(gateway.journal()) - posts
    assert list(remains(gateway))
    found = done(gateway, "lead", "erase", str(lead_id), "--yes")
    assert f"Erased lead {lead_id} and {planted} posts." in found
    assert list(remains(gateway)) == []
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
    assert rows(gateway, SubmissionKey.__table__) == rows(gateway, MatchKey.__table__) == []
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


class Killed(Exception):
    """Stands for a kill: everything after it is not done."""


@pytest.mark.parametrize("after", range(6))
def test_erasure_that_was_killed_goes_on(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    lead_id = plant(gateway)
    monkeypatch.setattr(reducing, "AT_ONCE", 5)
    turns = iter(range(after))
    real = erasing.in_transaction

    def killed(engine: Any, work: Callable[[Connection], Any]) -> Any:
        if next(turns, None) is None:
            raise Killed
        return real(engine, work)

    monkeypatch.setattr(erasing, "in_transaction", killed)
    assert isinstance(run(gateway, "lead", "erase", str(lead_id), "--yes").exception, Killed)
    monkeypatch.setattr(erasing, "in_transaction", real)
    done(gateway, "lead", "erase", str(lead_id), "--yes")
    assert list(remains(gateway)) == []


def test_files_that_could_not_be_removed_go_with_the_next_run(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_id = plant(gateway)
    with monkeypatch.context() as while_busy:
        while_busy.setattr(sweeping, "IN_PROGRESS", timedelta(hours=1))
        result = run(gateway, "lead", "erase", str(lead_id), "--yes")
    assert "put a moment ago" in result.stderr
    assert {each.partition(" ")[0] for each in remains(gateway)} == {"file"}
    done(gateway, "files", "sweep")
    assert list(remains(gateway)) == []
    assert [each["pending"] for each in rows(gateway, Erasure.__table__)] == [None, None]


def test_claims_of_the_person_go_too(gateway: Gateway) -> None:
    lead_id = gateway.send(**person(match_update="1")).lead_id
    gateway.send(mode="update", lead_id=str(lead_id), phone="503-555-7799", email="x@example.org")
    done(gateway, "lead", "erase", str(lead_id), "--yes")
    assert rows(gateway, MatchClaim.__table__) == []


def test_post_that_comes_while_the_person_is_erased_is_emptied_too(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_id = plant(gateway)
    steps = erasing.erase(gateway.system, lead_id)
    next(steps)
    gateway.send(mode="update", lead_id=str(lead_id), note=f"{MARK} meanwhile")
    assert list(steps)
    assert list(remains(gateway)) == []


def test_lead_that_is_merged_while_it_is_erased_is_not_called_erased(gateway: Gateway) -> None:
    lead_id = plant(gateway)
    keep = gateway.send(full_name="Bob Roe").lead_id
    steps = erasing.erase(gateway.system, lead_id)
    next(steps)
    done(gateway, "lead", "merge", str(keep), str(lead_id))
    with pytest.raises(erasing.CannotErase, match=f"was merged into lead {keep}"):
        list(steps)
    done(gateway, "lead", "erase", str(keep), "--yes")
    assert list(remains(gateway)) == []


def test_two_erasures_at_once_are_one(gateway: Gateway) -> None:
    lead_id = plant(gateway)
    first, second = (erasing.erase(gateway.system, lead_id) for _ in range(2))
    assert next(first)
    assert sum(second) >= 0
    assert list(first) == [0]
    assert list(remains(gateway)) == []


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
    assert rows(gateway, SubmissionKey.__table__) == []
    assert gateway.count() == 0
