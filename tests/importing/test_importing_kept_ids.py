"""``flask lead import --keep-ids``: which ids are kept, and which are refused."""

from pathlib import Path

from cli_runner import run
from stored_rows import add, lead

from gateway.testing import Gateway
from tests.importing.imported_files import errors, imported, written


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
