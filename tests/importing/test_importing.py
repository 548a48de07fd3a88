"""``flask lead import``: what becomes of the lines of a file, on each engine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_runner import refused, run, with_commands
from sqlalchemy import func, select, update
from stored_rows import add, count, keys_are_right, lead, rows

from gateway.models import ImportRun, Lead, LeadNote, LeadTag, Pool, Submission
from gateway.testing import Gateway
from tests.importing.imported_files import errors, imported, leads, written


def test_line_becomes_what_the_same_post_becomes(gateway: Gateway, tmp_path: Path) -> None:
    fields = {
        "full_name": "Ana María de la Vega",
        "phone": "+1 132 123 1234",
        "ok_to_text": "y",
        "lat": "44,5",
        "followup_date": "1/31/2030 10:00",
        "tags": "web,Spring,web",
        "note": "First",
        "notes": '[{"Status":"Call","Notes":"Second"}]',
        "ownerID": "ada",
        "pool": "MAIN",
        "custom_status": "hot",
        "external_id": "A-1",
        "birth_date": "not one",
        "vin": "1HGCM82633A004352",
    }
    text = ",".join(fields) + "\n" + ",".join(f'"{v.replace(chr(34), chr(34) * 2)}"'
                                              for v in fields.values())  # fmt: skip
    done = imported(gateway, written(tmp_path, text))
    assert (done["created"], done["refused"], done["kept"]) == (1, 0, 1)
    posted = add(gateway, **{**fields, "external_id": "A-2"})
    one, other = lead(gateway, 1001), lead(gateway, posted)
    for each in (one, other):
        for name in ("lead_id", "external_id", "external_ids", "created_at", "updated_at"):
            each.pop(name)
        each["match"].pop("request_id")
        for note in each["notes"]:
            note.pop("at")
        # Both name the same fields; a form and a row have them in their own order.
        each["match"]["changes"] = sorted(each["match"]["changes"])
    assert one == other
    assert keys_are_right(gateway)


def test_leads_carry_the_id_of_their_import(gateway: Gateway, tmp_path: Path) -> None:
    path = written(tmp_path, "phone,note,followup_date\n1,n,2030-01-01\n2,m,\n")
    run_id = imported(gateway, path)["request_id"]
    assert {row["match"]["request_id"] for row in leads(gateway)} == {run_id}
    assert {row["request_id"] for row in rows(gateway, LeadNote)} == {run_id}
    (found,) = rows(gateway, ImportRun)
    assert (found["run_id"], found["created"], found["through_line"]) == (run_id, 2, 3)
    assert found["finished_at"] is not None
    assert count(gateway, Submission) == 0


def test_bad_lines_go_into_the_errors_file_and_the_others_are_stored(
    gateway: Gateway, tmp_path: Path
) -> None:
    path = written(
        tmp_path,
        b"phone,custom_status,company\n"
        b"1,Hot,=1+1\n"
        b"2,Cold,x\n"  # 3: no such custom status
        b'3,,"two\nlines"\n'
        b"4,\n"  # 6: ragged
        b"\n"
        b'5,,"open\n'  # 8: a quote that is not closed
        b'6,,"closed"\n'
        b"7,,nul\0led,,\n"
        b"8,,too,much\n"  # 11
        b"9,," + b"x" * 300 + b"\n",  # 12: too long, kept in a note
    )
    done = imported(gateway, path, exit_code=1)
    assert (done["created"], done["refused"], done["kept"]) == (5, 4, 1)
    assert [row[:3] for row in errors(path)] == [
        ("3", "custom_status", "unknown_reference"),
        ("6", "", "broken_line"),
        ("8", "", "broken_line"),
        ("11", "", "broken_line"),
    ]
    assert errors(path)[0][4] == "2,Cold,x"
    assert errors(path)[3][3] == "has 4 values and the first line 3 columns"
    assert [row["phone"] for row in leads(gateway)] == ["1", "3", "6", "7", "9"]
    assert lead(gateway, 1001)["company"] == "=1+1"
    assert lead(gateway, 1002)["company"] == "twolines"
    assert Path(f"{path}.errors.csv").stat().st_mode & 0o077 == 0


def test_refuse_policy_refuses_the_line(gateway: Gateway, tmp_path: Path) -> None:
    path = written(tmp_path, "phone;birth_date\n1;never\n2;1980-01-31\n")
    done = imported(gateway, path, "--on-invalid", "refuse", exit_code=1)
    assert (done["created"], done["refused"]) == (1, 1)
    assert errors(path)[0][:3] == ("2", "birth_date", "invalid")


def test_used_external_id_is_refused_with_its_lead(gateway: Gateway, tmp_path: Path) -> None:
    add(gateway, external_id="A")
    path = written(tmp_path, "external_id,phone\nA,1\nB,2\nB,3\na,4\n")
    done = imported(gateway, path, exit_code=1)
    assert (done["created"], done["refused"]) == (2, 2)
    assert "lead 1001 has it" in errors(path)[0][3]
    assert errors(path)[1][:3] == ("4", "external_id", "external_id_taken")


def test_match_updates_what_is_there(gateway: Gateway, tmp_path: Path) -> None:
    add(gateway, full_name="John Doe", phone="132-123-1234")
    path = written(
        tmp_path,
        "full_name,phone,company\nJOHN DOE,(132) 123 1234,New\nJane Roe,5032223344,x\n"
        "Jane Roe,503-222-3344,y\n",
    )
    tried = imported(gateway, path, "--match", "--dry-run")
    assert (tried["created"], tried["updated"], gateway.count()) == (2, 1, 1)
    done = imported(gateway, path, "--match", "--batch", "2")
    assert (done["created"], done["updated"]) == (1, 2)
    assert [row["company"] for row in leads(gateway)] == ["New", "y"]
    assert [row["method"] for row in gateway.journal()] == ["POST", "IMPORT", "IMPORT", "IMPORT"]
    other = imported(gateway, path, "--match=match_phone")
    assert (other["created"], other["updated"]) == (0, 3)
    told = refused(gateway, "lead", "import", "--match", str(path), exit_code=2)
    assert "Missing argument" in told or "is no rule of this system" in told
    assert "leave --keep-ids out" in refused(
        gateway, "lead", "import", str(path), "--match", "--keep-ids", exit_code=2
    )


def test_dry_run_writes_nothing(gateway: Gateway, tmp_path: Path) -> None:
    add(gateway, external_id="A")
    path = written(tmp_path, "external_id\nA\nB\n")
    done = imported(gateway, path, "--dry-run", exit_code=1)
    assert (done["created"], done["refused"], gateway.count()) == (1, 1, 1)
    assert rows(gateway, ImportRun) == []


def test_login_brings_its_defaults(make_gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    gateway = with_commands(
        make_gateway(logins=[{"name": "fair", "password": "x", "defaults": {"source": "Fair"},
                              "on_invalid": "refuse"}])
    )  # fmt: skip
    path = written(tmp_path, "phone,source,birth_date\n1,,\n2,own,\n3,,never\n")
    imported(gateway, path, "--login", "fair", exit_code=1)
    assert [row["source"] for row in leads(gateway)] == ["Fair", "own"]


def test_pools_are_made_once_where_that_is_allowed(
    make_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = with_commands(make_gateway(GATEWAY_CREATE_POOLS=True))
    path = written(tmp_path, "phone,pool\n1,North\n2,NORTH\n3,South\n")
    assert imported(gateway, path)["created"] == 3
    assert sorted(row["label"] for row in rows(gateway, Pool)) == ["North", "South"]
    assert lead(gateway, 1002)["pool"] == "North"


def test_line_that_the_database_refuses_costs_itself_alone(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A row that was named when the batch was read, and is gone when it is written.
    from gateway.importing import preparing

    real = preparing.resolve

    def stale(parsed: Any, *args: Any, **options: Any) -> Any:
        found = real(parsed, *args, **options)
        return found if "ownerID" not in found.changes else _with_owner(found, 4711)

    monkeypatch.setattr(preparing, "resolve", stale)
    lines = [f"{n},{'7' if n == 13 else ''}" for n in range(40)]
    path = written(tmp_path, "phone,ownerID\n" + "\n".join(lines) + "\n")
    done = imported(gateway, path, exit_code=1)
    assert (done["created"], done["refused"]) == (39, 1)
    assert errors(path)[0][:3] == ("15", "", "internal")
    assert count(gateway, LeadTag) == 0


def _with_owner(parsed: Any, owner: int) -> Any:
    from dataclasses import replace

    return replace(parsed, changes={**parsed.changes, "ownerID": owner})


def test_import_that_stopped_goes_on_where_it_was(gateway: Gateway, tmp_path: Path) -> None:
    path = written(tmp_path, "phone,custom_status\n1,\n2,none such\n3,\n4,\n5,none such\n")
    imported(gateway, path, "--batch", "2", exit_code=1)
    # As a process leaves it that was killed after the second batch.
    with gateway.system.engine.begin() as connection:
        connection.execute(
            update(ImportRun.__table__).values(
                through_line=3, finished_at=None, created=1, refused=1
            )
        )
        connection.execute(Lead.__table__.delete().where(Lead.__table__.c.lead_id > 1001))
    told = refused(gateway, "lead", "import", str(path), "--batch", "2")
    assert "imported up to line 3; --resume goes on there" in told
    told = refused(gateway, "lead", "import", str(path), "--set", "source=x", "--resume")
    assert "begun with other options" in told
    done = imported(gateway, path, "--resume", exit_code=1)
    assert (done["created"], done["refused"]) == (3, 2)
    assert [row["phone"] for row in leads(gateway)] == ["1", "3", "4"]
    assert [row[0] for row in errors(path)] == ["3", "6"]
    again = imported(gateway, path, "--resume", exit_code=1)
    assert (again["created"], gateway.count()) == (3, 3)
    with gateway.system.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(ImportRun)) == 1


GOLDEN = Path(__file__).parents[1] / "imports"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.in.*")), ids=lambda path: path.name)
def test_golden_file(gateway: Gateway, tmp_path: Path, path: Path) -> None:
    """``NAME.in.*`` imported is ``NAME.out.jsonl`` exported, and ``NAME.errors.csv`` refused."""
    name = path.name.partition(".")[0]
    refused_lines = tmp_path / "errors.csv"
    result = run(gateway, "lead", "import", str(path), "--errors", str(refused_lines))
    assert result.exit_code == 1, result.output
    text = run(gateway, "lead", "export", "--format", "jsonl", "--with-sensitive").stdout
    found = [json.loads(line) for line in text.splitlines()]
    for lead_found in found:
        for made_anew in ("created_at", "updated_at"):
            lead_found.pop(made_anew)
        for note in lead_found.get("notes", ()):
            note.pop("at")
    wanted = (GOLDEN / f"{name}.out.jsonl").read_text(encoding="utf-8").splitlines()
    assert found == [json.loads(line) for line in wanted]
    assert refused_lines.read_bytes() == (GOLDEN / f"{name}.errors.csv").read_bytes()
