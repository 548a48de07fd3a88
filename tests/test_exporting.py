"""``flask lead export``: what an import reads again, and what no spreadsheet runs."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_runner import done, refused, run, with_commands
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from stored_rows import add, keys_are_right, lead

from gateway import exporting
from gateway.formats.cells import defused, plain_cell
from gateway.models import Lead
from gateway.testing import Gateway

SETUP = {
    "users": [{"id": 7, "label": "Ada"}],
    "custom_statuses": [{"id": 3, "label": "Hot"}],
    "pools": ["Main"],
}


@pytest.fixture
def make(make_gateway: Callable[..., Gateway]) -> Callable[..., Gateway]:
    return lambda: with_commands(make_gateway("plugins.example", setup=SETUP))


def fill(gateway: Gateway) -> list[int]:
    return [
        add(
            gateway,
            full_name='Ana María, "the" O\'Neil',
            phone="+1 132 123 1234",
            company="=cmd|' /C calc'!A0",
            address="'=already",
            lat="-44.5",
            lng="123.25",
            ok_to_text="No",
            followup_date="2030-01-31 10:00:00",
            gmt_offset="-1000",
            birth_date="02-29",
            admin_notes="one\ntwo\t@three",
            govt_id="123-45-6789",
            tags="a,B c",
            note="First",
            notes='[{"Status":"Call","Notes":"-1\\nline"}]',
            ownerID="7",
            pool="main",
            custom_status="Hot",
            status="5",
            external_id="A-1",
            vin="AAA1",
        ),
        add(gateway, last_name="日本", email="ann@example.com"),
        add(gateway, phone="@2", company="0012"),
    ]


def alike(shown: dict[str, Any]) -> dict[str, Any]:
    """Return a lead without what an import makes anew."""
    return {name: value for name, value in shown.items() if name not in ("match", "files")}


@pytest.mark.parametrize("name", ["leads.csv", "leads.jsonl", "leads.csv.gz", "leads.jsonl.gz"])
def test_export_imported_with_its_ids_gives_equal_leads(
    make: Callable[[], Gateway], tmp_path: Path, name: str
) -> None:
    first, second = make(), make()
    ids = fill(first)
    answer = first.send(mode="update", lead_id=ids[0], external_id="A-2", note="later")
    assert answer.status == 0
    path = tmp_path / name
    assert done(first, "lead", "export", str(path), "--with-sensitive") == ""
    assert path.stat().st_mode & 0o077 == 0
    done(second, "lead", "import", str(path), "--keep-ids")
    for lead_id in ids:
        assert alike(lead(second, lead_id)) == alike(lead(first, lead_id))
    assert lead(second, ids[0])["external_ids"] == ["A-1", "A-2"]
    assert keys_are_right(second)
    assert add(second, phone="5") == ids[-1] + 1
    # The way back once more gives the same file.
    again = tmp_path / f"again-{name}"
    done(second, "lead", "export", str(again), "--with-sensitive", "--ids", f"{ids[0]}-{ids[-1]}")
    assert content(again) == content(path)


def content(path: Path) -> bytes:
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def test_cells_are_defused_and_sensitive_values_masked(make: Callable[[], Gateway]) -> None:
    gateway = make()
    fill(gateway)
    (row, *_) = csv.DictReader(io.StringIO(done(gateway, "lead", "export")))
    assert row["company"] == "'=cmd|' /C calc'!A0"
    assert row["address"] == "''=already"
    assert row["phone"] == "'+1 132 123 1234"
    assert row["lat"] == "'-44.5"
    assert row["govt_id"] == "*******6789"
    assert row["tags"] == "a,B c"
    assert not any(value[:1] in set("=+-@\t\r\n") for value in row.values() if value)
    found = [json.loads(line) for line in
             done(gateway, "lead", "export", "--format", "jsonl").splitlines()]  # fmt: skip
    assert found[0]["company"] == "=cmd|' /C calc'!A0"
    assert found[0]["govt_id"] == "*******6789"
    assert found[1].keys() == {
        "lead_id", "last_name", "email", "created_at", "updated_at"
    }  # fmt: skip


def test_leads_are_chosen_by_time_and_id(
    make: Callable[[], Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 2)
    gateway = make()
    ids = [add(gateway, phone=str(n)) for n in range(7)]
    table = Lead.__table__
    with gateway.system.engine.begin() as connection:
        for day, lead_id in enumerate(ids, 1):
            at = f"2026-01-0{day} 00:00:00"
            from datetime import UTC, datetime

            moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
            connection.execute(
                update(table).where(table.c.lead_id == lead_id).values(created_at=moment)
            )

    def exported(*words: str) -> list[int]:
        text = done(gateway, "lead", "export", "--format", "jsonl", *words)
        return [json.loads(line)["lead_id"] for line in text.splitlines()]

    assert exported() == ids
    assert exported("--since", "2026-01-03") == ids[2:]
    assert exported("--since", "2026-01-02", "--until", "2026-01-05T00:00:00Z") == ids[1:4]
    assert exported("--ids", f"{ids[5]}, {ids[0]}-{ids[2]},{ids[1]}-{ids[3]}") == [
        *ids[:4], ids[5]
    ]  # fmt: skip
    assert exported("--ids", "1") == []
    assert "not ids such as" in refused(gateway, "lead", "export", "--ids", "5-2", exit_code=2)
    for since in ("soon", "0001-01-01T00:00+05:00"):
        assert "ISO form" in refused(gateway, "lead", "export", "--since", since, exit_code=2)


def test_export_sees_one_state_of_the_database(
    make: Callable[[], Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 1)
    gateway = make()
    ids = [add(gateway, phone=str(n)) for n in range(3)]
    parts = exporting.Exporter(gateway.system, exporting.Choice()).as_jsonl()
    first = json.loads(next(parts))
    add(gateway, phone="late")
    assert gateway.send(mode="update", lead_id=ids[2], phone="changed").status == 0
    rest = [json.loads(part) for part in parts]
    assert [each["phone"] for each in (first, *rest)] == ["0", "1", "2"]


def test_file_that_cannot_be_written_is_one_sentence(
    make: Callable[[], Gateway], tmp_path: Path
) -> None:
    gateway = make()
    told = refused(gateway, "lead", "export", str(tmp_path / "none" / "x.csv"))
    assert told.endswith("No such file or directory.")
    assert run(gateway, "lead", "export", str(tmp_path)).exit_code == 2


@given(st.text())
def test_defused_cell_is_no_formula_and_comes_back(text: str) -> None:
    assert defused(text)[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"}
    assert plain_cell(defused(text)) == text


@given(st.text("'=+-@\t\ra"))
def test_apostrophes_before_a_formula_come_back(text: str) -> None:
    assert plain_cell(defused(text)) == text
