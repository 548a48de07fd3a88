"""A gateway with its commands."""

from collections.abc import Callable

import pytest
from cli_runner import with_commands

from gateway.testing import Gateway


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway())
