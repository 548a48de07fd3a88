"""``flask lead import``: what becomes of the lines of a file, on each engine."""

import csv
import gzip
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

SETUP = {
    "users": [{"id": 7, "label": "Ada"}],
    "custom_statuses": [{"id": 3, "label": "Hot"}],
    "pools": ["Main"],
}


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway("plugins.example", setup=SETUP))


def written(folder: Path, content: str | bytes, name: str = "leads.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def imported(gateway: Gateway, path: Path, *words: str, exit_code: int = 0) -> dict[str, Any]:
    result = run(gateway, "lead", "import", str(path), *words, "--json")
    assert result.exit_code == exit_code, result.output
    return dict(json.loads(result.stdout))


def leads(gateway: Gateway) -> list[dict[str, Any]]:
    return sorted(rows(gateway, Lead), key=lambda row: row["lead_id"])


def errors(path: Path) -> list[tuple[str, ...]]:
    with Path(f"{path}.errors.csv").open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


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


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_and_packing_are_found_out(
    gateway: Gateway, tmp_path: Path, delimiter: str
) -> None:
    text = delimiter.join(("phone", '"last, name"', "last_name")) + "\n"
    text += delimiter.join(("1", "x", "Doe")) + "\r\n"
    path = written(tmp_path, b"\xef\xbb\xbf" + gzip.compress(b"")[:0] + text.encode())
    packed = written(tmp_path, gzip.compress(path.read_bytes()), "leads.bin")
    for each in (path, packed):
        assert imported(gateway, each)["created"] == 1
    assert [row["last_name"] for row in leads(gateway)] == ["Doe", "Doe"]


def test_columns_are_named_mapped_set_and_reported_once(gateway: Gateway, tmp_path: Path) -> None:
    path = written(tmp_path, "Telefon,mode,lead_id,colour\n1,update,5,red\n2,,,\n")
    result = run(gateway, "lead", "import", str(path), "--map", "Telefon=phone",
                 "--set", "source=fair")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert [line for line in result.stderr.splitlines() if line.startswith("Not read")] == [
        "Not read: mode: no value of a lead; an import has options for what it means.",
        "Not read: lead_id: made anew (--keep-ids keeps it).",
        "Not read: colour: no field of this system.",
    ]
    assert [(row["phone"], row["source"]) for row in leads(gateway)] == [
        ("1", "fair"),
        ("2", "fair"),
    ]


@pytest.mark.parametrize(
    ("content", "words", "why"),
    [
        ("", (), "The file is empty"),
        ("a,b\n1,2\n", (), "No column of the first line (a, b) is a field"),
        ("phone,phone\n1,2\n", (), "Columns 1 and 2 are both phone"),
        ("phone\n1\n".encode("utf-16"), (), "The file is UTF-16"),
        ("phone\r1\r2\r", (), "end in CR alone"),
        ('[{"phone":1}]', (), "one JSON array"),
        ("phone\n1\n", ("--map", "phone=fone"), "--map phone=fone: no field of this system"),
        ("phone\n1\n", ("--set", "mode=update"), "--set mode=…: no value of a lead"),
        ("phone\n1\n", ("--login", "nobody"), "There is no login nobody"),
        (",".join(f"c{n}" for n in range(1_000_000)) + "\n", (), "more than 10000 columns"),
    ],
)
def test_file_that_cannot_be_imported_is_one_sentence(
    gateway: Gateway, tmp_path: Path, content: str | bytes, words: tuple[str, ...], why: str
) -> None:
    path = written(tmp_path, content)
    assert why in refused(gateway, "lead", "import", str(path), *words)
    assert gateway.count() == 0
    assert rows(gateway, ImportRun) == []


def test_each_value_is_read_in_its_own_charset(gateway: Gateway, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "last_name,company\nJosé,".encode() + "Café".encode("cp1252") + b"\nM\xfcller,\xc3\xa9\n",
    )
    assert imported(gateway, path)["created"] == 2
    assert [(row["last_name"], row["company"]) for row in leads(gateway)] == [
        ("José", "Café"),
        ("Müller", "é"),
    ]


def test_encoding_that_is_named_counts(gateway: Gateway, tmp_path: Path) -> None:
    path = written(tmp_path, "last_name\n日本\n".encode("shift_jis"))
    assert imported(gateway, path, "--encoding", "shift_jis")["created"] == 1
    assert leads(gateway)[0]["last_name"] == "日本"


def test_wrong_encoding_costs_no_line(gateway: Gateway, tmp_path: Path) -> None:
    # What is not valid in it is read as without it; a name that nobody knows is refused.
    path = written(tmp_path, b"last_name\nJos\xc3\xa9\nM\xfcller\n\xff\xfe\n")
    assert imported(gateway, path, "--encoding", "utf-8")["created"] == 3
    assert [row["last_name"] for row in leads(gateway)] == ["José", "Müller", "ÿþ"]
    told = refused(gateway, "lead", "import", str(path), "--encoding", "klingon", exit_code=2)
    assert "not a character set that we read" in told


def test_line_of_a_million_values_costs_itself_alone(gateway: Gateway, tmp_path: Path) -> None:
    path = written(tmp_path, "phone,company\n1,a\n" + "2," * 1_000_000 + "x\n3,c\n")
    assert imported(gateway, path, exit_code=1)["created"] == 2
    assert errors(path)[0][:4] == (
        "3",
        "",
        "broken_line",
        "has 1000001 values and the first line 2 columns",
    )
    many = ",".join(f'"{n:x}":1' for n in range(1_000_000))
    path = written(tmp_path, f'{{"phone":"1"}}\n{{"phone":"2",{many}}}\n{{"phone":"3"}}\n', "j")
    assert imported(gateway, path, "--format", "jsonl", exit_code=1)["created"] == 2
    assert errors(path)[0][:3] == ("2", "", "broken_line")
    assert "more than 10000 fields" in errors(path)[0][3]


def test_huge_line_costs_itself_alone(gateway: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    with path.open("wb") as file:
        file.write(b"phone,company\n1,a\n2,")
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\n3,c\n")
    done = imported(gateway, path, exit_code=1)
    assert (done["created"], done["refused"]) == (2, 1)
    assert errors(path)[0][:4] == ("3", "", "broken_line", "longer than 16777216 bytes")
    assert len(errors(path)[0][4]) == 1000


def test_jsonl_is_read_as_json_posts_are(gateway: Gateway, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '{"phone": 1321231234, "ok_to_text": true, "tags": ["a", "b"], "company": null,'
        ' "notes": [{"Status": "Call", "Notes": "x"}], "odd": 1}\n'
        '{"phone": "2"\n'
        "[1]\n"
        '{"notes": "no array"}\n'
        '{"phone": "3", "vin": "AAA1"}\n',
        "leads.jsonl",
    )
    done = imported(gateway, path, exit_code=1)
    assert (done["created"], done["refused"]) == (2, 3)
    assert [row[:3] for row in errors(path)] == [
        ("2", "", "broken_line"),
        ("3", "", "broken_line"),
        ("4", "notes", "invalid"),
    ]
    one = lead(gateway, 1001)
    assert (one["phone"], one["ok_to_text"], one["tags"]) == ("1321231234", "Yes", ["a", "b"])
    assert one["notes"][0]["text"] == "x"
    assert lead(gateway, 1002)["custom"] == {"vin": "AAA1"}


def test_broken_gzip_costs_what_follows_alone(gateway: Gateway, tmp_path: Path) -> None:
    # Not packed much, so that its beginning can be read.
    lines = "".join(f"{n},{n * 7919 % 1_000_003}\n" for n in range(3000))
    whole = gzip.compress(f"phone,company\n{lines}".encode())
    path = written(tmp_path, whole[: len(whole) // 2])
    told = refused(gateway, "lead", "import", str(path))
    assert "the gzip data is broken" in told
    assert gateway.count() == int(told.split("After line ")[1].split()[0]) - 1 > 0


def test_batch_that_is_not_stored_is_told_before_a_file_that_breaks_off(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.importing import runs

    def moved_by_another(*_: Any, **__: Any) -> None:
        raise runs.CannotImport("Another process goes on")

    monkeypatch.setattr(runs, "advance", moved_by_another)
    lines = "".join(f"{n},{n * 7919 % 1_000_003}\n" for n in range(3000))
    whole = gzip.compress(f"phone,company\n{lines}".encode())
    path = written(tmp_path, whole[: len(whole) // 2])
    told = refused(gateway, "lead", "import", str(path), "--batch", "10000")
    assert told == "Error: Another process goes on."
    assert gateway.count() == 0


def test_standard_input_is_imported(gateway: Gateway, tmp_path: Path) -> None:
    words = ("lead", "import", "-", "--errors", str(tmp_path / "e.csv"))
    for _ in range(2):
        result = run(gateway, *words, stdin=b"phone\n1\n2\n")
        assert result.exit_code == 0, result.output
    assert gateway.count() == 4
    assert not (tmp_path / "e.csv").exists()
    assert "--resume needs a file" in refused(gateway, *words, "--resume", exit_code=2)


def test_kept_ids_are_kept_and_the_counter_goes_on_after_them(
    gateway: Gateway, tmp_path: Path
) -> None:
    add(gateway, phone="0")
    path = written(
        tmp_path,
        "lead_id,phone,created_at\n"
        "5000,1,2020-01-31T12:00:00+01:00\n"
        "1001,2,\n"  # there is one
        "5000,3,\n"  # twice in the file
        ",4,\n"
        "0,5,\n"
        "9223372036854775807,6,\n"
        "4000,7,yesterday\n"
        "3000,8,\n",
    )
    done = imported(gateway, path, "--keep-ids", exit_code=1)
    assert (done["created"], done["refused"]) == (2, 6)
    assert [row[:3] for row in errors(path)] == [
        ("3", "lead_id", "lead_id_taken"),
        ("4", "lead_id", "lead_id_taken"),
        ("5", "lead_id", "required"),
        ("6", "lead_id", "invalid"),
        ("7", "lead_id", "invalid"),
        ("8", "created_at", "invalid"),
    ]
    assert lead(gateway, 5000)["created_at"] == "2020-01-31T11:00:00+00:00"
    assert add(gateway, phone="9") == 5001
    assert imported(gateway, written(tmp_path, "phone\n1\n", "more.csv"))["created"] == 1
    assert gateway.lead(5002) is not None
    assert add(gateway, phone="10") == 5003


def test_kept_id_leaves_room_for_the_leads_after_it(gateway: Gateway, tmp_path: Path) -> None:
    """The next ids are given by the gateway; they must stay numbers that JavaScript reads."""
    highest = 9 * 10**15
    assert highest + 7 * 10**12 < 2**53
    path = written(tmp_path, f"lead_id,phone\n{2**53 - 1},1\n{highest + 1},2\n{highest},3\n")
    done = imported(gateway, path, "--keep-ids", exit_code=1)
    assert (done["created"], done["refused"]) == (1, 2)
    why = (
        "lead_id: not a whole number from 1 to 9000000000000000, which leaves room for the ids of "
        "later leads; give this lead a lower id, or leave --keep-ids out"
    )
    assert [row[:4] for row in errors(path)] == [
        (line, "lead_id", "invalid", why) for line in ("2", "3")
    ]
    assert add(gateway, phone="4") == highest + 1


def test_merged_id_is_not_given_again(gateway: Gateway, tmp_path: Path) -> None:
    keep, other = add(gateway, phone="1"), add(gateway, phone="2")
    assert run(gateway, "lead", "merge", str(keep), str(other)).exit_code == 0
    path = written(tmp_path, f"lead_id,phone\n{other},3\n")
    imported(gateway, path, "--keep-ids", exit_code=1)
    assert errors(path)[0][2] == "lead_id_taken"


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


GOLDEN = Path(__file__).parent / "imports"


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
