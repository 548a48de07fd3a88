"""What plugins/README.md says of testing and shipping is what files say that tests run."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import gateway.testing
from config import ROOT
from tests.live.live_gateway import clean_environment

README = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")


def samples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```$", README, re.MULTILINE | re.DOTALL)


def test_sample_of_the_kit_is_a_test_of_ours() -> None:
    code = (ROOT / "tests" / "kit" / "test_sample.py").read_text(encoding="utf-8")
    assert samples("py") == [code.split('"""\n\n', 1)[1]]


@pytest.mark.parametrize(
    "word", ["make_gateway", "run_case", "hook_calls", "cheap_passwords", "check_plugin"]
)
def test_every_word_of_the_kit_is_explained(word: str) -> None:
    assert f"| `{word}" in README
    assert hasattr(gateway.testing, word)


def test_module_of_the_package_is_loaded_from_where_it_is_installed(tmp_path: Path) -> None:
    sample = (ROOT / "tests" / "shipped" / "pyproject.toml").read_text(encoding="utf-8")
    assert sample in samples("toml")
    package = tomllib.loads(sample)
    marshmallow = Requirement(package["project"]["dependencies"][0])
    assert marshmallow.specifier.contains(version("marshmallow"))
    (module,) = package["tool"]["setuptools"]["py-modules"]
    plugin = (ROOT / "plugins" / "example.py").read_text(encoding="utf-8")
    (tmp_path / f"{module}.py").write_text(plugin, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "flask", "plugin", "check", module],
        cwd=ROOT,
        env=clean_environment(PYTHONPATH=str(tmp_path), GATEWAY_PLUGINS=module),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, f"plugin {module} keeps every rule\n"), done.stderr
