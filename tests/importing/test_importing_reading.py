"""``flask lead import`` reads files as they come: packing, columns, charsets, broken lines."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from cli_runner import refused, run
from stored_rows import lead, rows

from gateway.models import ImportRun
from gateway.testing import Gateway
from tests.importing.imported_files import errors, imported, leads, written


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
