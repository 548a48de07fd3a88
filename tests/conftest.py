"""The suite uses the same test kit as plugin authors, so that it cannot rot."""

import os

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["gateway.testing"]


@pytest.fixture(scope="session", autouse=True)
def _every_password_is_cheap(cheap_passwords: None) -> None:
    """Have the kit hash passwords fast in every test."""


settings.register_profile(
    "gateway",
    deadline=None,
    # CI must give the same answer twice; at home new examples are welcome.
    derandomize=bool(os.environ.get("CI")),
    # One system serves all examples of a law: what they leave behind is part of the test.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("gateway")
