"""The kit in the hands of an author whose plugin lies outside this repository."""

import subprocess
from pathlib import Path

import pytest

from config import ROOT
from tests.elsewhere import run_python

PLUGIN = (ROOT / "plugins" / "example.py").read_text(encoding="utf-8")

TEST = """
from gateway.auth import hash_password
from gateway.testing import CHEAP_METHOD, check_plugin

def test_plugin(engine, make_gateway, hook_calls):
    check_plugin("cars")
    gateway = make_gateway("cars", GATEWAY_REGION="DE")
    answer = gateway.send(full_name="Ann Lee", vin="1HGCM82633A004352")
    assert (answer.status, answer.lead_id) == (0, 1001)
    assert gateway.lead(1001)["custom"] == {"vin": "1HGCM82633A004352"}

def test_login(cheap_passwords, make_gateway):
    assert hash_password("x").startswith(CHEAP_METHOD + "$")
    assert make_gateway().send(full_name="Ann Lee").status == 0

def test_case(run_case, request):
    run_case(request.path.parent / "case.toml")
"""

CASE = """
title = "a VIN finds its lead"
source = "ours"
plugins = ["cars"]

[[step]]
request = "command=lead_set&mode=insert&vin=1HGCM82633A004352"
response = { status = 0, status_message = "Lead Creation Successful", lead_id = 1001 }
"""

KIT = 'pytest_plugins = ["gateway.testing"]\n'


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_python(folder, "pytest", "-p", "no:cacheprovider", *words)


@pytest.mark.parametrize("where", ["conftest.py", "test_cars.py"])
def test_author_elsewhere_tests_a_plugin_on_sqlite_alone(tmp_path: Path, where: str) -> None:
    (tmp_path / "cars.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "case.toml").write_text(CASE, encoding="utf-8")
    (tmp_path / "conftest.py").write_text("", encoding="utf-8")
    (tmp_path / "test_cars.py").write_text(TEST, encoding="utf-8")
    with (tmp_path / where).open("a", encoding="utf-8") as file:
        file.write(KIT)
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert "engines: sqlite\n" in done.stdout


def test_broken_plugin_fails_with_its_troubles(tmp_path: Path) -> None:
    careless = PLUGIN.replace('help="Model year of the car to trade in, from 1900.",', "")
    (tmp_path / "cars.py").write_text(careless, encoding="utf-8")
    (tmp_path / "test_cars.py").write_text(KIT + TEST, encoding="utf-8")
    done = run_pytest(tmp_path, "-k", "test_plugin")
    assert done.returncode == 1
    assert "plugin cars: trade_in_year: has no help text" in done.stdout
