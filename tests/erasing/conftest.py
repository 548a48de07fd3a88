"""A gateway with its commands."""

from collections.abc import Callable

import pytest

from gateway.testing import Gateway
from tests.cli_runner import with_commands
from tests.no_post_in_progress import remove_files_at_once


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch) -> Gateway:
    remove_files_at_once(monkeypatch)
    return with_commands(make_gateway("plugins.example"))
