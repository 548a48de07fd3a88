"""The suite uses the same test kit as plugin authors, so that it cannot rot."""

import os

from hypothesis import HealthCheck, settings

from gateway import auth

pytest_plugins = ["gateway.testing"]

# The hash of a password is slow on purpose, and would be a third of every test that posts.
auth._METHOD = "scrypt:128:1:1"

settings.register_profile(
    "gateway",
    deadline=None,
    # CI must give the same answer twice; at home new examples are welcome.
    derandomize=bool(os.environ.get("CI")),
    # One system serves all examples of a law: what they leave behind is part of the test.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("gateway")
