"""``flask lead import`` touches no file but its own, and takes none that it cannot read twice."""

import csv
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from gateway.importing import CannotImport, runs
from gateway.models import Lead
from gateway.testing import Gateway
from tests.cli_runner import refused, run, with_commands
from tests.stored_rows import count, rows

CONTENT = "last_name,status\nLee,1\nKay,x\n"


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway())


def test_errors_never_go_over_the_imported_file(gateway: Gateway, tmp_path: Path) -> None:
    path, other = tmp_path / "leads.csv", tmp_path / "link.csv"
    path.write_text(CONTENT)
    other.symlink_to(path)
    for errors in (path, other):
        for words in ((), ("--dry-run",)):
            why = refused(
                gateway, "lead", "import", str(path), "--errors", str(errors), *words, exit_code=2
            )
            assert "would be overwritten: name a file of its own" in why
    assert path.read_text() == CONTENT
    assert count(gateway, Lead) == 0


def test_errors_take_no_device_away(gateway: Gateway, tmp_path: Path) -> None:
    path, device = tmp_path / "leads.csv", tmp_path / "null"
    path.write_text(CONTENT)
    os.mkfifo(device)
    words = ("lead", "import", str(path), "--errors", str(device))
    assert "would be overwritten" in refused(gateway, *words, exit_code=2)
    assert device.is_fifo()


def test_pipe_that_is_named_as_a_file_is_refused(gateway: Gateway, tmp_path: Path) -> None:
    """It was read for its digest first, and what that took was never imported."""
    out, into = os.pipe()
    with open(out, "rb"), open(into, "wb") as file:
        file.write(CONTENT.encode())
        file.close()
        words = ("lead", "import", f"/dev/fd/{out}", "--errors", str(tmp_path / "errors.csv"))
        why = refused(gateway, *words, exit_code=2)
    assert "can be read only once, as a pipe: write - and <" in why
    assert count(gateway, Lead) == 0


@pytest.mark.parametrize("cell", ["5", "true", "null", '{"a": 1}', '"x"', "1e3"])
def test_external_ids_that_are_json_but_no_list_are_one_id(
    gateway: Gateway, tmp_path: Path, cell: str
) -> None:
    path = tmp_path / "leads.csv"
    quoted = cell.replace('"', '""')
    path.write_text(f'last_name,external_ids\nLee,"{quoted}"\nKay,\n')
    result = run(gateway, "lead", "import", str(path))
    assert result.exit_code == 0, result.output
    assert count(gateway, Lead) == 2
    lead_id = gateway.send(mode="update", external_id=cell, city="Oslo").lead_id
    assert [row["last_name"] for row in rows(gateway, Lead) if row["lead_id"] == lead_id] == ["Lee"]


CR = (
    "line {line} has a carriage return (CR) outside of quotes, which is neither a value nor the "
    "end of a line; put the value in quotes, or end lines with LF or CRLF"
)


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (b"last_name,city\nLee,Os\rlo\nKay,Rome\n", 2),
        (b'last_name,city\n"Lee","Oslo"\r,\nKay,Rome\n', 2),
        (b'last_name,city\r\n"Lee\r\nor Li",Os\rlo\r\nKay,Rome\r\n', 3),
    ],
    ids=["in a value", "behind a quote", "in the second line of a row"],
)
def test_lone_carriage_return_is_told_with_its_line(
    gateway: Gateway, tmp_path: Path, content: bytes, number: int
) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(content)
    result = run(gateway, "lead", "import", str(path))
    assert result.exit_code == 1, result.output
    assert "Kay" in [row["last_name"] for row in rows(gateway, Lead)]
    with Path(f"{path}.errors.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["line"], first["code"]) == ("2", "broken_line")
    assert first["message"] == CR.format(line=number)


def test_quoted_carriage_return_is_part_of_the_value(gateway: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(b'last_name,admin_notes\nLee,"a\rb"\n')
    assert run(gateway, "lead", "import", str(path)).exit_code == 0
    assert count(gateway, Lead) == 1


def test_lone_carriage_return_in_the_first_line_is_told(gateway: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(b"last\rname,city\nLee,Oslo\n")
    why = refused(gateway, "lead", "import", str(path))
    assert why == f"Error: The first line, which names the columns, is broken: {CR.format(line=1)}."


def test_first_line_that_is_quoted_steers_no_terminal(gateway: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(b"a\x1b[2Jb,c\x00\n1,2\n")
    why = refused(gateway, "lead", "import", str(path))
    assert "(a\\u001b[2Jb, c\\u0000) is a field of this system" in why


def test_file_that_two_import_at_one_instant_is_begun_once(gateway: Gateway) -> None:
    together = Barrier(4)

    def begin(number: int) -> bool:
        together.wait()
        try:
            runs.begin(
                gateway.system.engine,
                file_sha256="a" * 64,
                options_sha256="b" * 64,
                file_name="leads.csv",
                caller="import",
                resume=False,
                again=False,
            )
        except CannotImport:
            return False
        return True

    with ThreadPoolExecutor(4) as several:
        assert sorted(several.map(begin, range(4))) == [False, False, False, True]
