"""``flask match rekey`` and ``status``: keys made anew, and which are stale."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_runner import done, refused, run, shown, with_commands
from sqlalchemy import delete, func, insert, select, update
from stored_rows import add, change, count

from gateway.database import reading
from gateway.models import Lead, MatchKey, MatchRekey
from gateway.testing import Gateway
from tests.gate import PLUGIN, shut_gate

ROOT = Path(__file__).parents[1]
NAMES = ("match_name_and_address", "match_name_and_phone", "match_email", "match_phone")


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(
        make_gateway("plugins.example", setup={"users": [{"id": 7, "label": "z"}]})
    )


def test_rekey_says_what_it_did(gateway: Gateway) -> None:
    add(gateway, full_name="Ann Lee", email="a@a.org", phone="555-010-0001")
    change(gateway, delete(MatchKey))
    said = done(gateway, "match", "rekey")
    assert said.startswith(f"Rekeyed 1 leads by {', '.join(gateway.system.match_rules)}: ")
    assert count(gateway, MatchKey) == 3
    assert done(gateway, "match", "rekey", "--rule", "match_email").startswith(
        "Rekeyed 1 leads by match_email: "
    )


def test_rekey_goes_on_or_begins_anew(gateway: Gateway) -> None:
    for number in range(3):
        add(gateway, phone=f"555-010-000{number}")
    done(gateway, "match", "rekey", "--batch", "1")
    change(gateway, update(MatchRekey).values(through_id=1002, finished_at=None))
    result = run(gateway, "match", "rekey")
    assert result.stderr == "Going on after lead 1002.\n"
    assert result.stdout.startswith("Rekeyed 1 leads ")
    change(gateway, update(MatchRekey).values(through_id=1002, finished_at=None))
    assert done(gateway, "match", "rekey", "--restart").startswith("Rekeyed 3 leads ")


def test_rule_that_fails_is_one_sentence(make_gateway: Callable[..., Gateway]) -> None:
    gateway = with_commands(make_gateway())
    add(gateway, city="Reno")

    def keys(lead: Any) -> list[Any]:
        return [5]

    rule = gateway.system.match_rules["match_email"]
    object.__setattr__(rule, "keys", keys)
    said = refused(gateway, "match", "rekey")
    assert said == (
        "Error: lead 1001: rule match_email gave int as a key, not text. "
        "Mend the rule and run this again: it goes on from here."
    )


def test_status_shows_stale_unknown_and_missing_keys(gateway: Gateway) -> None:
    add(gateway, full_name="Ann Lee", email="a@a.org", phone="555-010-0001", cell="555-010-0002")
    add(gateway, city="Reno")
    change(
        gateway,
        update(MatchKey).values(version=0).where(MatchKey.rule == "match_email"),
        insert(MatchKey).values(digest=b"x" * 16, lead_id=1001, rule="match_gone", version=3),
    )
    found = shown(gateway, "match", "status")
    by_rule = {row.pop("rule"): row for row in found["rules"]}
    assert found["leads"] == 2
    assert by_rule["match_phone"] == {
        "version": 1,
        "keys": 2,
        "keys_by_version": {"1": 2},
        "stale": 0,
        "with_keys": 1,
        "without_keys": 1,
        "rekey": None,
    }
    assert (by_rule["match_email"]["stale"], by_rule["match_email"]["keys"]) == (1, 1)
    assert by_rule["match_name_and_address"]["without_keys"] == 2
    assert found["unknown"] == [{"rule": "match_gone", "keys": 1, "keys_by_version": {"3": 1}}]
    result = run(gateway, "match", "status")
    assert "match_gone" in result.stdout
    assert result.stderr.startswith("Stale keys of match_email: ")
    done(gateway, "match", "rekey")
    result = run(gateway, "match", "status")
    assert ("match_gone" in result.stdout, result.stderr) == (False, "")
    assert "2 leads" in result.stdout
    assert all(
        row["rekey"]["leads_left"] == 0 for row in shown(gateway, "match", "status")["rules"]
    )


def test_rekey_that_is_killed_goes_on(
    make_gateway: Callable[..., Gateway], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program itself, killed as soon as it has noted a batch."""
    gate = shut_gate(tmp_path, "2990")
    monkeypatch.syspath_prepend(str(tmp_path))
    gateway = with_commands(make_gateway("plugins.example", PLUGIN))
    add(gateway, full_name="Ann Lee")
    with gateway.system.engine.begin() as connection:
        row = connection.execute(select(Lead.__table__)).mappings().one()
        leads = [
            {**row, "lead_id": 1001 + number, "phone": f"555-{number:07}"}
            for number in range(1, 3000)
        ]
        connection.execute(insert(Lead), leads)
    program = subprocess.Popen(
        [sys.executable, "-m", "flask", "match", "rekey", "--batch", "10"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": gateway.system.settings.DATABASE_URL,
            "GATEWAY_PLUGINS": ",".join(gateway.system.plugins),
            "PYTHONPATH": str(tmp_path),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    through = select(func.min(MatchRekey.through_id))
    noted = None
    while not noted and program.poll() is None:
        with reading(gateway.system.engine) as connection:
            noted = connection.execute(through).scalar()
    program.send_signal(signal.SIGKILL)
    program.communicate()
    assert program.returncode == -signal.SIGKILL
    gate.unlink()
    result = run(gateway, "match", "rekey")
    assert result.stderr.startswith("Going on after lead ")
    assert count(gateway, MatchKey) == 2 * 2999
