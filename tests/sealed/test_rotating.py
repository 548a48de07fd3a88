"""Keys change while posts keep coming; a lost one is said, and the rest goes on."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.models import Lead
from gateway.store import sealed_rows
from gateway.store.rotating import rotate
from gateway.store.sealed_rows import parts
from gateway.testing import Gateway
from tests.cli_runner import done, run, shown
from tests.sealed.secrets_of_leads import ONE, PLAIN, TWO, every, ids_of, plant, read_all, remains
from tests.test_sealing import KEYS


def test_rotate_seals_what_was_there_before_the_first_key(
    make: Callable[..., Gateway], again: Callable[..., Gateway]
) -> None:
    plain = make()
    lead_id = plant(plain)
    before = read_all(plain, lead_id)
    assert ids_of(plain) == every("plain")
    keyed = again(plain, KEYS[0])
    assert read_all(keyed, lead_id) == before
    assert f"Encrypted with key {ONE}: 1 leads, " in done(keyed, "secrets", "rotate")
    assert remains(keyed) == ["lead_note.text"]
    assert remains(keyed, "77001177") == []
    assert ids_of(keyed) == every(ONE)
    assert read_all(keyed, lead_id) == before
    again_done = done(keyed, "secrets", "rotate")
    assert again_done.strip() == f"Encrypted with key {ONE}: 0 leads, 0 history, 0 posts, 0 files."


def test_rotate_to_a_new_key_after_which_the_old_one_is_not_needed(
    make: Callable[..., Gateway], again: Callable[..., Gateway]
) -> None:
    first = make(KEYS[0])
    lead_id = plant(first)
    before = read_all(first, lead_id)
    both = again(first, KEYS[1], KEYS[0])
    assert read_all(both, lead_id) == before
    both.send(mode="update", lead_id=lead_id, govt_id=f"{PLAIN}-10")
    assert ids_of(both)["history"] == ids_of(both)["posts"] == {ONE, TWO}
    after = read_all(both, lead_id)
    done(both, "secrets", "rotate")
    last = again(first, KEYS[1])
    assert ids_of(last) == every(TWO)
    assert read_all(last, lead_id) == after


def test_rotate_that_was_interrupted_goes_on(
    make: Callable[..., Gateway], again: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_rows, "BATCH", 2)
    first = make(KEYS[0])
    for number in range(5):
        gateway_id = first.send(last_name=f"L{number}", govt_id=f"{PLAIN}-{number}").lead_id
    both = again(first, KEYS[1], KEYS[0])
    leads = parts(both.system)[0]
    assert next(rotate(both.system, leads)).written == 2
    assert ids_of(both)["leads"] == {ONE, TWO}
    assert [turn.written for turn in rotate(both.system, leads)] == [0, 2, 1]
    assert ids_of(both)["leads"] == {TWO}
    assert gateway_id


def test_posts_that_come_while_keys_rotate_are_not_overwritten(
    make: Callable[..., Gateway], again: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_rows, "BATCH", 3)
    first = make(KEYS[0])
    ids = [first.send(last_name=f"L{n}", govt_id="old", passport="old").lead_id for n in range(12)]
    both = again(first, KEYS[1], KEYS[0])

    def post(number: int) -> bool:
        answers = [
            both.send(
                mode="update",
                lead_id=ids[(number + turn) % 12],
                govt_id=f"g{number}-{turn}",
                passport=f"p{number}-{turn}",
            )
            for turn in range(12)
        ]
        return all(each.status == 0 for each in answers)

    def turn_keys() -> int:
        return sum(
            turn.written for part in parts(both.system) for turn in rotate(both.system, part)
        )

    with ThreadPoolExecutor(4) as threads:
        posts = [threads.submit(post, number) for number in range(3)]
        turns = threads.submit(turn_keys)
        assert all(each.result() for each in posts)
        assert turns.result() > 0
    turn_keys()
    assert ids_of(both) == every(TWO) | {"files": set()}
    for lead_id in ids:
        held = json.loads(done(both, "lead", "export-person", str(lead_id)))
        last = {row["field"]: row["new"] for row in held["history"]}
        assert held["lead"]["govt_id"] == last["govt_id"] != "old"
        assert held["lead"]["custom"]["passport"] == last["passport"] != "old"
        # Every change begins where the one before it ended: none was lost.
        for field in ("govt_id", "passport"):
            values = ["old"]
            for row in held["history"]:
                if row["field"] == field:
                    assert row["old"] == values[-1]
                    values.append(row["new"])


def test_lead_that_a_post_holds_is_renewed_with_what_the_post_sets(
    make: Callable[..., Gateway], again: Callable[..., Gateway], engine: str
) -> None:
    if engine == "sqlite":
        return  # one transaction at a time: no row is ever held
    first = make(KEYS[0])
    lead_id = first.send(last_name="Lee", govt_id="old").lead_id
    both = again(first, KEYS[1], KEYS[0])
    leads = parts(both.system)[0]
    table = Lead.__table__
    with ThreadPoolExecutor(1) as threads, first.system.engine.begin() as holding:
        holding.execute(select(table).where(table.c.lead_id == lead_id).with_for_update())
        turning = threads.submit(lambda: [each.written for each in rotate(both.system, leads)])
        sealed = first.system.sealer.seal_text('"new"')
        holding.execute(table.update().values(govt_id=sealed))
        holding.commit()
        assert turning.result() == [1]
    held = json.loads(done(both, "lead", "export-person", str(lead_id)))
    assert held["lead"]["govt_id"] == "new"
    assert ids_of(both)["leads"] == {TWO}


def test_erased_post_stays_empty_while_keys_rotate(
    make: Callable[..., Gateway], again: Callable[..., Gateway]
) -> None:
    first = make(KEYS[0])
    lead_id = plant(first)
    both = again(first, KEYS[1], KEYS[0])
    posts, files = parts(both.system)[2:4]
    (_, held), (_, stored) = (next(part.pages(both.system)) for part in (posts, files))
    done(both, "lead", "erase", str(lead_id), "--yes")
    gone = {row["request_id"] for row in both.journal() if row["flags"] == "erased"}
    assert gone
    posts.renew(both.system, held)
    for each in stored:
        assert files.renew(both.system, [each])[0] == 0
    rows = [row for row in both.journal() if row["request_id"] in gone]
    assert {(row["body"], row["query"], row["stored_sha256"]) for row in rows} == {
        (None, None, None)
    }


def test_lost_key_is_said_and_the_rest_goes_on(
    make: Callable[..., Gateway], again: Callable[..., Gateway]
) -> None:
    first = make(KEYS[0])
    lead_id = plant(first)
    other = first.send(last_name="Doe").lead_id
    lost = again(first, KEYS[1])
    why = f"cannot be read: sealed with key {ONE}, which is none of GATEWAY_SECRET_KEYS"
    lead = shown(lost, "lead", "show", str(lead_id), "--history")
    assert lead["last_name"] == "Lee"
    assert lead["govt_id"] == lead["custom"]["passport"] == why
    assert {row["old"] for row in lead["history"] if row["field"] == "govt_id"} == {why}
    held = json.loads(done(lost, "lead", "export-person", str(lead_id)))
    assert held["lead"]["govt_id"] == why
    assert {each["unreadable"] for each in held["posts"]} == {
        "none of GATEWAY_SECRET_KEYS opens it; its key was lost"
    }
    # Other fields can be set, a sealed one anew, and what cannot be read is carried over.
    answer = lost.send(mode="update", lead_id=lead_id, city="Rome", color="red")
    assert answer.status == 0
    assert lost.send(mode="update", lead_id=lead_id, govt_id=f"{PLAIN}-20").status == 0
    done(lost, "lead", "merge", str(other), str(lead_id))
    done(lost, "match", "rekey")
    result = run(lost, "secrets", "rotate")
    assert result.exit_code == 1
    assert f"lead {other}: passport: sealed with key {ONE}, which is none of" in result.stderr
    assert f"lead {other}: govt_id" not in result.stderr
    assert "its file" in result.stderr
    assert PLAIN not in result.output
    status = run(lost, "secrets", "status", "--json")
    assert status.exit_code == 1
    assert json.loads(status.stdout)["values"]["leads"] == {TWO: 1, ONE: 2}
    # With the key again, nothing is missing.
    whole = again(first, KEYS[1], KEYS[0])
    held = json.loads(done(whole, "lead", "export-person", str(other)))
    assert held["lead"]["govt_id"] == f"{PLAIN}-20"
    assert held["lead"]["custom"] == {"passport": f"{PLAIN}-5", "numbers": 77001177, "color": "red"}
    assert f"{PLAIN}-1" in {row["old"] for row in held["history"] if row["field"] == "govt_id"}
    done(whole, "secrets", "rotate")
    assert ids_of(whole) == every(TWO)


def test_missing_file_is_told_and_the_rest_goes_on(
    make: Callable[..., Gateway], again: Callable[..., Gateway]
) -> None:
    first = make(KEYS[0])
    plant(first)
    (row,) = [each for each in first.journal() if each["stored_sha256"]]
    Path(first.system.files.path(row["stored_sha256"])).unlink()
    result = run(again(first, KEYS[1], KEYS[0]), "secrets", "rotate")
    assert result.exit_code == 1
    assert f"post {row['request_id']}: its file {row['stored_sha256']} cannot be" in result.stderr


def test_posts_that_wait_in_the_spool_are_sealed_anew(
    make: Callable[..., Gateway], again: Callable[..., Gateway]
) -> None:
    plain = make()
    plain.system.spool.save("1", {"path": "/service"}, PLAIN.encode())
    plain.system.spool.save("2", {"path": "/service"}, PLAIN.encode(), is_secret=True)
    first = again(plain, KEYS[0])
    first.system.spool.save("3", {"path": "/service"}, PLAIN.encode(), is_proven=False)
    assert ids_of(first)["spool"] == {"plain", "node", ONE}
    lost = run(again(plain, KEYS[1]), "secrets", "rotate")
    assert lost.exit_code == 1
    assert lost.stderr.startswith(f"spool 3.post: sealed with key {ONE}, which is none of")
    both = again(plain, KEYS[1], KEYS[0])
    assert ids_of(both)["spool"] == {TWO, ONE}
    assert "1 spool." in done(both, "secrets", "rotate")
    last = again(plain, KEYS[1])
    assert ids_of(last)["spool"] == {TWO}
    read = [last.system.spool.read(path) for path in last.system.spool.paths()]
    assert read == [({"path": "/service"}, PLAIN.encode())] * 3
    assert not [
        path
        for path in last.system.spool.folder.rglob("*.post")
        if PLAIN.encode() in path.read_bytes()
    ]
