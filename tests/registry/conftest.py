"""Writes plugins."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], str]]:
    monkeypatch.syspath_prepend(str(tmp_path))
    written = []

    def write_plugin(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        written.append(name)
        return name

    yield write_plugin
    for name in written:
        sys.modules.pop(name, None)
