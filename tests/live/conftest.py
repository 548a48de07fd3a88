"""Fixtures of the tests that talk to a real gunicorn over a real socket."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from live_gateway import LiveGateway, prepared, running

from gateway.testing.databases import Databases


def _php_has_curl() -> bool:
    if shutil.which("php") is None:
        return False
    modules = subprocess.run(["php", "-m"], capture_output=True, text=True, check=True).stdout
    return "curl" in modules.split()


# At home a machine without PHP tests the rest; in CI its tests run, and fail.
collect_ignore = [] if os.environ.get("CI") or _php_has_curl() else ["test_php.py"]


@pytest.fixture(scope="session")
def live(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway on SQLite that the tests of one process share."""
    with (
        prepared(databases, "sqlite") as inside,
        running(inside, tmp_path_factory.mktemp("live")) as gateway,
    ):
        yield gateway


@pytest.fixture
def start(databases: Databases, tmp_path: Path) -> Iterator[Callable[..., LiveGateway]]:
    """A function that starts a gateway of the test's own, by default on SQLite."""
    with ExitStack() as at_end:

        def start(engine: str = "sqlite", **settings: str) -> LiveGateway:
            inside = at_end.enter_context(prepared(databases, engine))
            return at_end.enter_context(running(inside, tmp_path, **settings))

        yield start
