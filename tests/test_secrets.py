"""Bodies and sensitive values are sealed at rest, and all that reads them still works."""

import csv
import json
import sys
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from marshmallow import fields
from sqlalchemy import func, select, text

from gateway import CustomField, hookimpl
from gateway.app import create_app
from gateway.models import Lead, LeadChange, Submission, db
from gateway.sealing import MARK, TEXT_MARK, Sealer
from gateway.store import sealed_rows
from gateway.store.rotating import rotate
from gateway.store.sealed_rows import parts
from gateway.store.vault import Locked
from gateway.testing import Gateway
from tests.cli_runner import done, refused, run, shown, with_commands
from tests.no_post_in_progress import remove_files_at_once
from tests.test_sealing import KEYS

PLAIN = "Qzv"
"""Stands in what is sensitive; four characters of it may be shown."""

ONE, TWO = (Sealer([key]).writes for key in KEYS[:2])


@pytest.fixture
def secret_fields(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a plugin with a sensitive text, a sensitive list and a text for everybody."""
    module = types.ModuleType("secret_fields")

    @hookimpl
    def gateway_custom_fields(settings: Any) -> list[CustomField]:
        return [
            CustomField("passport", fields.String(), help="Passport", example="1", sensitive=True),
            CustomField("numbers", fields.Integer(), help="A number", example="1", sensitive=True),
            CustomField("color", fields.String(), help="Color", example="red"),
        ]

    module.gateway_custom_fields = gateway_custom_fields  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "secret_fields", module)
    return "secret_fields"


@pytest.fixture
def make(
    make_gateway: Callable[..., Gateway], secret_fields: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Gateway]:
    remove_files_at_once(monkeypatch)

    def made(*keys: str) -> Gateway:
        return with_commands(make_gateway(secret_fields, GATEWAY_SECRET_KEYS=keys))

    return made


@pytest.fixture
def again(request: pytest.FixtureRequest) -> Callable[..., Gateway]:
    """A function that starts the system of a gateway again, with other keys."""

    def started(gateway: Gateway, *keys: str, plugins: tuple[str, ...] | None = None) -> Gateway:
        settings = replace(gateway.system.settings, GATEWAY_SECRET_KEYS=keys)
        if plugins is not None:
            settings = replace(settings, GATEWAY_PLUGINS=plugins)
        app = create_app(settings)
        request.addfinalizer(app.extensions["gateway"].engine.dispose)
        return with_commands(Gateway(app, gateway.login))

    return started


def cells(gateway: Gateway) -> Iterator[tuple[str, bytes]]:
    """Yield every value of every table as it lies there, with its table and column."""
    with gateway.system.engine.connect() as connection:
        for table in db.metadata.tables.values():
            name = connection.dialect.identifier_preparer.format_table(table)
            for row in connection.execute(text(f"SELECT * FROM {name}")).mappings():
                for column, value in row.items():
                    raw = bytes(value) if isinstance(value, bytes | memoryview) else None
                    yield f"{table.name}.{column}", raw or str(value).encode()


def remains(gateway: Gateway, mark: str = PLAIN) -> list[str]:
    """Return where the mark still stands in plain text: in a table or in a file."""
    found = [where for where, value in cells(gateway) if mark.encode() in value]
    found += [
        f"file {path}"
        for path in Path(gateway.system.files.root).rglob("*")
        if path.is_file() and mark.encode() in path.read_bytes()
    ]
    return sorted(set(found))


def plant(gateway: Gateway) -> int:
    """Return a lead with sensitive values that were set, changed, merged, refused and large."""
    lead_id = gateway.send(
        last_name="Lee",
        govt_id=f"{PLAIN}-1",
        passport=f"{PLAIN}-2",
        numbers="77001177",
        color=f"{TEXT_MARK}1.red",
        note="n",
    ).lead_id
    assert lead_id
    gateway.send(mode="update", lead_id=lead_id, govt_id=f"{PLAIN}-3", passport=f"{PLAIN}-4")
    gateway.post(
        f"command=lead_set&mode=update&lead_id={lead_id}".encode(), query=f"passport={PLAIN}-5"
    )
    other = gateway.send(last_name="Roe", govt_id=f"{PLAIN}-6", passport=f"{PLAIN}-7").lead_id
    done(gateway, "lead", "merge", str(lead_id), str(other))
    gateway.send(mode="update", lead_id="77", govt_id=f"{PLAIN}-8")
    gateway.send(mode="update", lead_id=lead_id, note=f"{PLAIN} " * 20_000, tags="x")
    gateway.send(mode="insert", last_name="Poe", govt_id=f"{PLAIN}-9", dry_run="1")
    return lead_id


def read_all(gateway: Gateway, lead_id: int) -> dict[str, Any]:
    """Return everything that can be read of the lead and of all posts, unmasked."""
    export: dict[str, Any] = json.loads(done(gateway, "lead", "export-person", str(lead_id)))
    bodies = [
        shown(gateway, "journal", "show", row["request_id"], "--body") for row in gateway.journal()
    ]
    return {
        "export": export,
        "bodies": [(row["body"], row["query"], row["unreadable"]) for row in bodies],
    }


def ids_of(gateway: Gateway) -> dict[str, set[str]]:
    found = shown(gateway, "secrets", "status")
    assert found["unreadable"] == 0
    return {name: set(each) for name, each in found["values"].items()}


def every(key_id: str) -> dict[str, set[str]]:
    kinds = {name: {key_id} for name in ("leads", "history", "posts", "files")}
    return kinds | {"spool": set()}


def test_no_sensitive_value_lies_anywhere_in_plain_text(
    make: Callable[..., Gateway], engine: str
) -> None:
    gateway = make(KEYS[0])
    lead_id = plant(gateway)
    # The note of the large body is a note, and no sensitive value.
    assert remains(gateway) == ["lead_note.text"]
    assert remains(gateway, "77001177") == []
    if engine == "sqlite":
        for path in Path(str(gateway.system.engine.url.database)).parent.glob(
            f"{Path(str(gateway.system.engine.url.database)).name}*"
        ):
            assert f"{PLAIN}-".encode() not in path.read_bytes()
    assert ids_of(gateway) == every(ONE)
    lead = shown(gateway, "lead", "show", str(lead_id), "--history")
    assert lead["govt_id"] == "*zv-3"
    assert lead["custom"] == {
        "passport": "*zv-5",
        "numbers": "****1177",
        "color": f"{TEXT_MARK}1.red",
    }
    history = [(row["old"], row["new"]) for row in lead["history"] if row["field"] == "govt_id"]
    assert history == [("*zv-1", "*zv-3"), ("*zv-6", "*zv-3")]


def test_all_is_read_as_it_is_without_keys(make: Callable[..., Gateway]) -> None:
    sealed, plain = make(KEYS[0]), make()
    ours, theirs = (read_all(each, plant(each)) for each in (sealed, plain))
    assert [row[0] for row in ours["bodies"]] == [row[0] for row in theirs["bodies"]]
    assert {row[2] for row in ours["bodies"]} == {None}
    for each in (ours, theirs):
        assert each["export"]["lead"]["govt_id"] == f"{PLAIN}-3"
        assert each["export"]["lead"]["custom"]["numbers"] == 77001177
        assert [
            (row["field"], row["old"], row["new"])
            for row in each["export"]["history"]
            if row["field"] in ("govt_id", "passport")
        ] == [
            ("govt_id", f"{PLAIN}-1", f"{PLAIN}-3"),
            ("passport", f"{PLAIN}-2", f"{PLAIN}-4"),
            ("passport", f"{PLAIN}-4", f"{PLAIN}-5"),
            ("govt_id", f"{PLAIN}-6", f"{PLAIN}-3"),
            ("passport", f"{PLAIN}-7", f"{PLAIN}-5"),
        ]


def test_imported_values_are_sealed_and_exported_again(
    make: Callable[..., Gateway], again: Callable[..., Gateway], tmp_path: Path
) -> None:
    first = make(KEYS[0])
    path, out = tmp_path / "leads.csv", tmp_path / "out.csv"
    escaped = f"{TEXT_MARK}1.red"
    path.write_text(
        "last_name,phone,govt_id,passport,numbers,color\n"
        f"Lee,1,{PLAIN}-1,{PLAIN}-2,77001177,{escaped}\n"
        "Roe,503-222-3344,,,,\n"
        f"Doe,3,{PLAIN}-3,{escaped},,\n"
    )
    done(first, "lead", "import", str(path))
    path.write_text(f"last_name,phone,govt_id,passport\nRoe,503-222-3344,{PLAIN}-4,{PLAIN}-5\n")
    done(first, "lead", "import", str(path), "--match=match_phone")
    assert remains(first) == []
    assert remains(first, "77001177") == []
    assert ids_of(first)["leads"] == {ONE}
    masked = done(first, "lead", "export")
    assert PLAIN not in masked
    assert "77001177" not in masked
    done(first, "lead", "export", str(out), "--with-sensitive")
    with out.open(newline="") as file:
        told = [
            tuple(row[name] for name in ("govt_id", "passport", "numbers", "color"))
            for row in csv.DictReader(file)
        ]
    assert told == [
        (f"{PLAIN}-1", f"{PLAIN}-2", "77001177", escaped),
        (f"{PLAIN}-4", f"{PLAIN}-5", "", ""),
        (f"{PLAIN}-3", escaped, "", ""),
    ]
    # Into a system with another key, and without any.
    for other in (make(KEYS[1]), make()):
        done(other, "lead", "import", str(out), "--keep-ids")
        assert done(other, "lead", "export", "--with-sensitive") == out.read_text()


def test_export_leaves_out_what_no_key_opens_and_says_so(
    make: Callable[..., Gateway], again: Callable[..., Gateway]
) -> None:
    first = make(KEYS[0])
    for number in range(2):
        first.send(last_name="Lee", govt_id=f"{PLAIN}-{number}", color="red")
    first.send(last_name="Roe", passport=f"{PLAIN}-3")
    why = f"sealed with key {ONE}, which is none of GATEWAY_SECRET_KEYS"
    for words in ((), ("--with-sensitive",)):
        result = run(again(first, KEYS[1]), "lead", "export", "--format", "jsonl", *words)
        assert result.exit_code == 1
        assert result.stderr.splitlines() == [
            f"Left out: govt_id of 2 leads cannot be read: {why}.",
            f"Left out: passport of 1 leads cannot be read: {why}.",
        ]
        told = [json.loads(line) for line in result.stdout.splitlines()]
        assert [each["last_name"] for each in told] == ["Lee", "Lee", "Roe"]
        assert told[0]["color"] == "red"
        assert not any({"govt_id", "passport"} & each.keys() for each in told)


@pytest.mark.parametrize("keys", [(), KEYS[:1]], ids=["without keys", "with a key"])
def test_same_values_again_change_nothing(make: Callable[..., Gateway], keys: Any) -> None:
    gateway = make(*keys)
    values = {
        "govt_id": f"{TEXT_MARK}1.AAAA",
        "passport": f"{TEXT_MARK}0.x",
        "color": f"{TEXT_MARK}1.AAAA",
        "numbers": "7",
    }
    lead_id = gateway.send(last_name="Lee", **values).lead_id
    before = gateway.lead(lead_id or 0)
    assert gateway.send(mode="update", lead_id=lead_id, **values).status == 0
    assert gateway.lead(lead_id or 0) == before
    assert gateway.journal()[-1]["decision"]["changes"] == []
    with gateway.system.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(LeadChange)) == 0
    held = json.loads(done(gateway, "lead", "export-person", str(lead_id)))["lead"]
    assert held["govt_id"] == values["govt_id"]
    assert held["custom"]["color"] == values["color"]
    assert held["custom"]["passport"] == values["passport"]


def test_longest_government_id_fits_sealed(make: Callable[..., Gateway]) -> None:
    gateway = make(KEYS[0])
    for longest in ("\U0001f600" * 50, '"' * 50, "\\" * 50):
        lead_id = gateway.send(last_name="Lee", govt_id=longest).lead_id
        held = json.loads(done(gateway, "lead", "export-person", str(lead_id)))
        assert held["lead"]["govt_id"] == longest


def test_body_that_begins_like_a_sealed_one_is_kept_as_it_is(make: Callable[..., Gateway]) -> None:
    for gateway in (make(), make(KEYS[0])):
        for rest in (b"", b"\x00", b"\x01" + b"x" * 60):
            gateway.post(MARK + rest)
        bodies = [
            shown(gateway, "journal", "show", row["request_id"], "--body")["body"]
            for row in gateway.journal()
        ]
        expected = [MARK + rest for rest in (b"", b"\x00", b"\x01" + b"x" * 60)]
        assert bodies == [raw.decode("utf-8", "backslashreplace") for raw in expected]


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


def test_without_any_key_what_was_sealed_is_not_shown_as_it_lies(
    make: Callable[..., Gateway], again: Callable[..., Gateway]
) -> None:
    first = make(KEYS[0])
    lead_id = first.send(last_name="Lee", govt_id=f"{PLAIN}-1").lead_id
    none = again(first)
    assert f"sealed with key {ONE}" in shown(none, "lead", "show", str(lead_id))["govt_id"]
    message = refused(none, "secrets", "rotate")
    assert message.startswith("Error: GATEWAY_SECRET_KEYS has no key")


def test_field_that_becomes_sensitive_or_stops_being_so_is_read_either_way(
    make: Callable[..., Gateway], again: Callable[..., Gateway]
) -> None:
    first = make(KEYS[0])
    lead_id = first.send(last_name="Lee", passport=f"{PLAIN}-1", color=f"{PLAIN}-2").lead_id
    without = again(first, KEYS[0], plugins=())
    held = json.loads(done(without, "lead", "export-person", str(lead_id)))
    assert held["lead"]["custom"] == {"passport": f"{PLAIN}-1", "color": f"{PLAIN}-2"}
    module = sys.modules["secret_fields"]
    turned = [
        CustomField("passport", fields.String(), help="Passport", example="1"),
        CustomField("color", fields.String(), help="Color", example="red", sensitive=True),
    ]
    module.gateway_custom_fields = hookimpl(lambda settings: turned)  # type: ignore[attr-defined]
    other = again(first, KEYS[0])
    held = json.loads(done(other, "lead", "export-person", str(lead_id)))
    assert held["lead"]["custom"] == {"passport": f"{PLAIN}-1", "color": f"{PLAIN}-2"}
    assert remains(other) == ["lead.custom"]
    done(other, "secrets", "rotate")
    assert remains(other) == []
    held = json.loads(done(other, "lead", "export-person", str(lead_id)))
    assert held["lead"]["custom"] == {"passport": f"{PLAIN}-1", "color": f"{PLAIN}-2"}


def test_missing_file_is_told_and_the_rest_goes_on(
    make: Callable[..., Gateway], again: Callable[..., Gateway]
) -> None:
    first = make(KEYS[0])
    plant(first)
    (row,) = [each for each in first.journal() if each["stored_sha256"]]
    first.system.files.filesystem.rm_file(first.system.files._path(row["stored_sha256"]))
    result = run(again(first, KEYS[1], KEYS[0]), "secrets", "rotate")
    assert result.exit_code == 1
    assert f"post {row['request_id']}: its file {row['stored_sha256']} cannot be" in result.stderr


def test_value_whose_key_was_lost_can_be_copied_for_those_who_listen() -> None:
    copied = deepcopy({"govt_id": Locked("sealed.1.x", "why")})["govt_id"]
    assert (copied, copied.why) == ("sealed.1.x", "why")


def test_generate_prints_a_new_key(make: Callable[..., Gateway]) -> None:
    gateway = make()
    first, second = (done(gateway, "secrets", "generate") for _ in range(2))
    assert first != second
    assert Sealer([first]).is_active


def test_no_key_is_ever_shown(make: Callable[..., Gateway]) -> None:
    gateway = make(*KEYS[:2])
    plant(gateway)
    for words in (("config", "show"), ("secrets", "status"), ("secrets", "rotate")):
        assert not any(key.rstrip("=") in run(gateway, *words).output for key in KEYS)
    with gateway.system.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Submission))


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
