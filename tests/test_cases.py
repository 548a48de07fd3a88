"""The contract as files: every case in cases/ on every engine (cases/README.md)."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.testing import check_plugin

CASES = Path(__file__).parent / "cases"
PATHS = sorted(CASES.rglob("*.toml"))
OF_PLUGINS = sorted((CASES.parents[1] / "plugins" / "cases").rglob("*.toml"))
"""Run by the test of their plugin; what a case must say of itself holds for them as well."""
SOURCE = r"page|family|ours \(.+\)|recorded \(.+\)"


def name(path: Path) -> str:
    return (
        path.relative_to(CASES.parents[1]).with_suffix("").as_posix().removeprefix("tests/cases/")
    )


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_case(path: Path, run_case: Callable[[Path], None]) -> None:
    run_case(path)


@pytest.mark.parametrize("path", [*PATHS, *OF_PLUGINS], ids=name)
def test_case_says_what_it_shows_and_where_that_comes_from(path: Path) -> None:
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    assert case["title"]
    assert re.fullmatch(SOURCE, case["source"])


def test_no_two_cases_have_the_same_title() -> None:
    titles = Counter(
        tomllib.loads(path.read_text(encoding="utf-8"))["title"] for path in (*PATHS, *OF_PLUGINS)
    )
    assert [title for title, times in titles.items() if times > 1] == []


SAMPLE = CASES / "answer" / "pairs_by_default.toml"
"""A case whose step says most kinds of things; the tests below put a line more into it."""


def sample_with(line: str) -> str:
    return SAMPLE.read_text(encoding="utf-8").replace("[[step]]\n", f"[[step]]\n{line}\n")


@pytest.mark.parametrize(
    ("line", "difference"),
    [
        ("http_status = 201", "http_status"),
        ("leads = 2", "number of leads"),
        ("absent = 1001", "it exists"),
        ("stored = { lead = 1001, last_name = 'Leo' }", "last_name"),
        ("stored = { lead = 1001, last_name = '~^L$' }", "last_name"),
        ("stored = { lead = 1001, tags = ['a'] }", "tags"),
        ("stored = { lead = 1001, no_such_field = 'a' }", "no_such_field"),
        ("stored = { lead = 1002, last_name = 'Lee' }", "lead 1002"),
        ("journal = { outcome = 'refused' }", "outcome"),
    ],
)
def test_runner_fails_where_something_is_not_so(
    tmp_path: Path, run_case: Callable[[Path], None], line: str, difference: str
) -> None:
    path = tmp_path / "case.toml"
    path.write_text(sample_with(line), encoding="utf-8")
    with pytest.raises(AssertionError, match=difference):
        run_case(path)


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("lead_id = 1001 }", "lead_id = 1002 }", "response.lead_id"),
        ("lead_id = 1001 }", "lead_id = '1001' }", "response.lead_id"),
        (", lead_id = 1001 }", " }", "names of the answer"),
        ("status=0&", "status=1&", "body"),
        ("nosniff", "sniff", "header"),
        ("nosniff", "", "header"),
    ],
)
def test_runner_fails_where_the_answer_is_another(
    tmp_path: Path, run_case: Callable[[Path], None], old: str, new: str, difference: str
) -> None:
    case = SAMPLE.read_text(encoding="utf-8")
    assert old in case
    path = tmp_path / "case.toml"
    path.write_text(case.replace(old, new), encoding="utf-8")
    with pytest.raises(AssertionError, match=difference):
        run_case(path)


def test_runner_refuses_a_key_that_it_does_not_know(
    tmp_path: Path, run_case: Callable[[Path], None]
) -> None:
    path = tmp_path / "case.toml"
    path.write_text(sample_with("lead = 1"), encoding="utf-8")
    with pytest.raises(ValueError, match="unknown keys: lead"):
        run_case(path)


def test_example_plugin_keeps_to_the_rules() -> None:
    check_plugin("plugins.example")


def test_check_plugin_names_everything_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "careless_plugin.py").write_text(
        "from marshmallow import fields\n"
        "from gateway import CustomField, hookimpl\n"
        "@hookimpl\n"
        "def gateway_custom_fields(settings):\n"
        "    return [CustomField('age', fields.Integer(), example='old')]\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AssertionError, match=r"(?s)age: has no help.*age: does not accept its own"):
        check_plugin("careless_plugin")
