"""A gateway with its commands, a plugin and rows that leads name."""

from collections.abc import Callable

import pytest
from cli_runner import with_commands

from gateway.testing import Gateway

SETUP = {
    "users": [{"id": 7, "label": "Ada"}],
    "custom_statuses": [{"id": 3, "label": "Hot"}],
    "pools": ["Main"],
}


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway("plugins.example", setup=SETUP))
