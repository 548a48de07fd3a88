"""Bodies and sensitive values are sealed at rest, and all that reads them still works."""

import csv
import json
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from marshmallow import fields
from sqlalchemy import func, select

from gateway import CustomField, hookimpl
from gateway.models import LeadChange, Submission
from gateway.sealing import MARK, TEXT_MARK, Sealer
from gateway.store.vault import Locked
from gateway.testing import Gateway
from tests.cli_runner import done, refused, run, shown
from tests.sealed.secrets_of_leads import ONE, PLAIN, every, ids_of, plant, read_all, remains
from tests.test_sealing import KEYS


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
    assert lead["govt_id"] == "****zv-3"
    assert lead["custom"] == {
        "passport": "****zv-5",
        "numbers": "****1177",
        "color": f"{TEXT_MARK}1.red",
    }
    history = [(row["old"], row["new"]) for row in lead["history"] if row["field"] == "govt_id"]
    assert history == [("****zv-1", "****zv-3"), ("****zv-6", "****zv-3")]


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
