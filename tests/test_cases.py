"""The contract as files: every case in cases/ on every engine (cases/README.md)."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases"
PATHS = sorted(CASES.rglob("*.toml"))
SOURCE = r"page|family|ours \(.+\)|recorded \(.+\)"


def name(path: Path) -> str:
    return path.relative_to(CASES).with_suffix("").as_posix()


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_case(path: Path, run_case: Callable[[Path], None]) -> None:
    run_case(path)


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_case_says_what_it_shows_and_where_that_comes_from(path: Path) -> None:
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    assert case["title"]
    assert re.fullmatch(SOURCE, case["source"])


def test_no_two_cases_have_the_same_title() -> None:
    titles = Counter(tomllib.loads(path.read_text(encoding="utf-8"))["title"] for path in PATHS)
    assert [title for title, times in titles.items() if times > 1] == []
