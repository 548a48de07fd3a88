"""``flask plugin check`` and ``flask plugin new``, as an author uses them."""

from pathlib import Path

import pytest

from config import ROOT, settings
from gateway.app import create_app
from gateway.cli import new_plugin
from gateway.testing import Gateway
from tests.cli_runner import done, refused, run, with_commands
from tests.elsewhere import run_python

CARELESS = """
from marshmallow import fields
from gateway import CustomField, hookimpl

@hookimpl
def gateway_custom_fields(settings):
    return [CustomField("a", fields.Integer(), example="old"), CustomField("b", fields.String())]
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """A gateway without a database: these commands ask for none."""
    app = create_app(settings(DATABASE_URL=f"sqlite:///{tmp_path}/none.db"))
    return with_commands(Gateway(app, None))


def test_check_says_that_a_plugin_keeps_every_rule(gateway: Gateway) -> None:
    said = done(gateway, "plugin", "check", "plugins.example")
    assert said == "plugin plugins.example keeps every rule\n"
    text = done(gateway, "plugin", "check", "plugins.example", "--json")
    assert '"troubles": []' in text


def test_check_names_every_trouble_on_a_line_of_its_own(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plug_careless.py").write_text(CARELESS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    result = run(gateway, "plugin", "check", "plug_careless")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.split("; ")[0] for line in lines] == [
        "plugin plug_careless: a: has no help text",
        "plugin plug_careless: a: does not accept its own example: a: not a valid integer",
        "plugin plug_careless: b: has no help text",
        "plugin plug_careless: b: has no example",
    ]
    asked = run(gateway, "plugin", "check", "plug_careless", "--json")
    assert asked.exit_code == 1
    assert asked.stdout.count('"mend"') == 4


def test_new_plugin_passes_its_own_test_at_once(gateway: Gateway, tmp_path: Path) -> None:
    said = done(gateway, "plugin", "new", "roofing_east", "--folder", str(tmp_path))
    assert f"{tmp_path}/test_roofing_east.py" in said
    assert "GATEWAY_PLUGINS=roofing_east bin/serve" in said
    (line,) = [line for line in said.splitlines() if " -m pytest " in line]
    tested = run_python(ROOT, *line.split()[2:], "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "2 passed" in tested.stdout


@pytest.mark.parametrize("name", ["x", "roofing_of_thirty_letters_long"])
def test_new_plugin_is_in_form(tmp_path: Path, name: str) -> None:
    new_plugin.write(name, tmp_path)
    files = map(str, tmp_path.glob("*.py"))
    in_this_form = ("--config", "pyproject.toml", str(tmp_path))
    for words in (
        ("ruff", "check", *in_this_form),
        ("ruff", "format", "--check", *in_this_form),
        ("mypy", *files),
    ):
        result = run_python(ROOT, *words)
        assert result.returncode == 0, result.stdout + result.stderr


def test_new_plugin_among_ours_is_loaded_as_one_of_them() -> None:
    assert new_plugin.module_name("roof", ROOT / "plugins") == "plugins.roof"
    assert new_plugin.module_name("roof", ROOT) == "roof"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Roof", "is no name for a plugin"),
        ("a.b", "is no name for a plugin"),
        ("../up", "is no name for a plugin"),
        ("1st", "is no name for a plugin"),
        ("class", "is no name for a plugin"),
        ("x" * 31, "is no name for a plugin"),
        ("ai_roof", "reserved"),
        ("test_roof", "reserved"),
        ("conftest", "reserved"),
        ("json", "a module that Python knows already"),
        ("marshmallow", "a module that Python knows already"),
        ("gateway", "a module that Python knows already"),
    ],
)
def test_new_plugin_with_a_bad_name_is_refused(
    gateway: Gateway, tmp_path: Path, name: str, says: str
) -> None:
    assert says in refused(gateway, "plugin", "new", name, "--folder", str(tmp_path))
    assert list(tmp_path.rglob("*.py")) == []


@pytest.mark.parametrize("there", ["roof.py", "test_roof.py"])
def test_new_plugin_never_writes_over_a_file(gateway: Gateway, tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine", encoding="utf-8")
    assert "there already" in refused(gateway, "plugin", "new", "roof", "--folder", str(tmp_path))
    assert [path.name for path in tmp_path.glob("*.py")] == [there]
    assert (tmp_path / there).read_text(encoding="utf-8") == "mine"
