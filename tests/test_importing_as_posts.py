"""An import keeps what holds for posts: plugins, pools, logins, the right to be forgotten."""

import csv
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from marshmallow import fields

from gateway import CustomField, LeadEvent, Refused, hookimpl
from gateway.models import ImportRun, Lead, Pool
from gateway.testing import Gateway
from tests.cli_runner import done, refused, run, with_commands
from tests.erasing.persons import MARK, bystander, person, remains
from tests.no_post_in_progress import remove_files_at_once
from tests.stored_rows import lead, rows

Start = Callable[..., Gateway]


@pytest.fixture
def start(make_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch) -> Start:
    """A function that gives a system of one plugin, a dict of its hooks by short name."""

    def make(hooks: Mapping[str, Callable[..., Any]], **options: Any) -> Gateway:
        plugin = ModuleType("house_rules")
        for name, function in hooks.items():
            vars(plugin)[f"gateway_{name}"] = hookimpl(function)
        monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
        return with_commands(make_gateway(plugin.__name__, **options))

    return make


def written(folder: Path, content: str) -> Path:
    path = folder / "leads.csv"
    path.write_text(content)
    return path


def imported(gateway: Gateway, path: Path, *words: str) -> tuple[int, int, int]:
    """Return how many leads were made, updated and refused."""
    result = run(gateway, "lead", "import", str(path), *words, "--json")
    assert isinstance(result.exception, SystemExit | None), result.output
    told = json.loads(result.stdout)
    return told["created"], told["updated"], told["refused"]


def errors(path: Path) -> list[tuple[str, ...]]:
    with Path(f"{path}.errors.csv").open(encoding="utf-8", newline="") as file:
        return [tuple(row[:4]) for row in csv.reader(file)][1:]


def serves(changes: Any) -> None:
    if changes["city"] == "Rome":
        raise Refused("city: not served", field="city", code="invalid")
    if changes["city"] == "Oslo":
        raise ZeroDivisionError
    changes["city"] = changes["city"].upper()


FILE = "city,phone,pool\nBern,1,North\nRome,2,East\nParis,3,\nOslo,4,West\nBern,5,NORTH\n"


@pytest.mark.parametrize("words", [(), ("--match=match_phone",)], ids=["plain", "match"])
def test_before_store_is_asked_for_each_line_and_refuses_it_alone(
    start: Start, tmp_path: Path, words: tuple[str, ...]
) -> None:
    gateway = start({"before_store": serves}, GATEWAY_CREATE_POOLS=True)
    path = written(tmp_path, FILE)
    assert imported(gateway, path, *words) == (3, 0, 2)
    assert errors(path) == [
        ("3", "city", "invalid", "city: not served"),
        ("5", "", "internal", "A plugin or the database failed on this line; the log says how"),
    ]
    shown = [lead(gateway, row["lead_id"]) for row in _leads(gateway)]
    assert [(each["city"], each["pool"]) for each in shown] == [
        ("BERN", "North"),
        ("PARIS", None),
        ("BERN", "North"),
    ]
    # A pool is made with its lead: who is refused makes none.
    assert [row["label"] for row in rows(gateway, Pool)] == ["North"]


def test_field_that_refuses_a_lead_refuses_its_line_alone(start: Start, tmp_path: Path) -> None:
    class Town(fields.String):
        def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
            if value == "Rome":
                raise Refused("town: not served", field="town", code="invalid")
            return value

    gateway = start({"custom_fields": lambda: [CustomField("town", Town())]})
    # So many that they are read together.
    path = written(tmp_path, "town\n" + "Bern\n" * 12 + "Rome\n" + "Bern\n" * 12)
    assert imported(gateway, path) == (24, 0, 1)
    assert errors(path) == [("14", "town", "invalid", "town: not served")]


def test_dry_run_makes_no_pool(start: Start, tmp_path: Path) -> None:
    gateway = start({"before_store": serves}, GATEWAY_CREATE_POOLS=True)
    assert imported(gateway, written(tmp_path, FILE), "--dry-run") == (3, 0, 2)
    assert rows(gateway, Pool) == []


@pytest.mark.parametrize("words", [(), ("--match=match_phone",)], ids=["plain", "match"])
def test_after_commit_is_told_once_of_each_lead_that_is_stored(
    start: Start, tmp_path: Path, words: tuple[str, ...]
) -> None:
    events: list[LeadEvent] = []
    seen: list[bool] = []

    def after_commit(event: LeadEvent) -> None:
        events.append(event)
        # Committed: it is there for every other connection.
        seen.append(gateway.lead(event.lead_id) is not None)
        raise ZeroDivisionError

    gateway = start({"before_store": serves, "after_commit": after_commit})
    path = written(tmp_path, FILE.replace("North", "").replace("NORTH", "").replace("East", ""))
    assert imported(gateway, path, "--batch", "2", *words) == (3, 0, 2)
    assert [event.lead_id for event in events] == [row["lead_id"] for row in _leads(gateway)]
    assert [(event.action, event.changes["city"]) for event in events] == [
        ("created", "BERN"), ("created", "PARIS"), ("created", "BERN")
    ]  # fmt: skip
    assert seen == [True] * 3
    assert imported(gateway, path, "--resume", *words)[2] == 2
    assert len(events) == 3


def _leads(gateway: Gateway) -> list[Any]:
    return sorted(rows(gateway, Lead), key=lambda row: row["lead_id"])


def test_kept_id_of_an_erased_lead_is_not_given_again(
    make_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = with_commands(make_gateway())
    path = tmp_path / "leads.csv"
    assert imported(gateway, written(tmp_path, "phone\n1\n2\n")) == (2, 0, 0)
    first, second = (row["lead_id"] for row in _leads(gateway))
    done(gateway, "lead", "export", str(path))
    for lead_id in (first, second):
        done(gateway, "lead", "erase", str(lead_id), "--yes")
    assert imported(gateway, path, "--keep-ids") == (0, 0, 2)
    assert {row[2] for row in errors(path)} == {"lead_id_taken"}
    assert gateway.count() == 0


def test_login_that_has_ended_imports_nothing(
    make_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    names = ("fair", "old")
    gateway = with_commands(make_gateway(logins=[{"name": n, "password": "x"} for n in names]))
    path = written(tmp_path, "phone\n1\n")
    done(gateway, "login", "disable", "fair")
    done(gateway, "login", "retire", "old")
    for name, how in (("fair", "disabled"), ("old", "retired")):
        told = refused(gateway, "lead", "import", str(path), "--login", name)
        assert told == f"Error: Login {name} is {how}."
    assert (gateway.count(), rows(gateway, ImportRun)) == (0, [])
    done(gateway, "login", "enable", "fair")
    assert imported(gateway, path, "--login", "fair") == (1, 0, 0)


@pytest.mark.parametrize("words", [(), ("--match",)], ids=["plain", "match"])
def test_imported_lead_is_erased_whole(
    make_gateway: Callable[..., Gateway],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    remove_files_at_once(monkeypatch)
    gateway = with_commands(make_gateway("plugins.example"))
    bob, _ = bystander(gateway)
    before = lead(gateway, bob)
    form = {
        name: value for name, value in person().items() if not name.startswith(("upload", MARK))
    }
    path = tmp_path / "leads.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(form))
        writer.writeheader()
        writer.writerow(form)
        if words:
            # Found by name and phone, and changed.
            writer.writerow({**form, "company": f"{MARK} & Co", "external_id": ""})
    assert imported(gateway, path, *words) == (1, 1 if words else 0, 0)
    lead_id = _leads(gateway)[-1]["lead_id"]
    assert lead(gateway, lead_id)["admin_notes"] == f"{MARK} admin"
    posts = done(gateway, "lead", "export-person", str(lead_id))
    assert len(json.loads(posts)["posts"]) == len(words) * 2
    assert list(remains(gateway))
    done(gateway, "lead", "erase", str(lead_id), "--yes")
    assert list(remains(gateway)) == []
    assert lead(gateway, bob) == before
    # The file that was imported is its owner's to delete, and so is that of the errors.
    assert MARK in path.read_text()
    # Nor does the run bring the person back.
    assert imported(gateway, path, "--resume", *words)[0] == 1
    assert list(remains(gateway)) == []
