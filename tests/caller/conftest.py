"""A gateway with logins of every state, and a row to make others of."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete

from gateway.models import Submission
from gateway.testing import Gateway
from tests.cli_runner import with_commands

_submission = Submission.__table__
LOGINS = [
    {"name": "web", "password": "secret"},
    {"name": "form", "site_token": "token-of-the-form"},
    {"name": "old", "password": "secret", "disabled": True},
    {"name": "gone", "password": "secret", "retired": True},
]


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway("plugins.example", logins=LOGINS))


@pytest.fixture
def model(gateway: Gateway) -> dict[str, Any]:
    """Return a row that all others are made of; the journal is left empty."""
    gateway.send(last_name="Lee")
    row = gateway.journal()[-1]
    with gateway.system.engine.begin() as connection:
        connection.execute(delete(_submission))
    return row
