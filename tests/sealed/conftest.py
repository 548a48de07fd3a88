"""Systems with keys, and the same system started again with others."""

import sys
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from marshmallow import fields

from gateway import CustomField, hookimpl
from gateway.app import create_app
from gateway.testing import Gateway
from tests.cli_runner import with_commands
from tests.no_post_in_progress import remove_files_at_once


@pytest.fixture
def secret_fields(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a plugin with a sensitive text, a sensitive list and a text for everybody."""
    module = types.ModuleType("secret_fields")

    @hookimpl
    def gateway_custom_fields(settings: Any) -> list[CustomField]:
        return [
            CustomField("passport", fields.String(), help="Passport", example="1", sensitive=True),
            CustomField("numbers", fields.Integer(), help="A number", example="1", sensitive=True),
            CustomField("color", fields.String(), help="Color", example="red"),
        ]

    module.gateway_custom_fields = gateway_custom_fields  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "secret_fields", module)
    return "secret_fields"


@pytest.fixture
def make(
    make_gateway: Callable[..., Gateway], secret_fields: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Gateway]:
    remove_files_at_once(monkeypatch)

    def made(*keys: str) -> Gateway:
        return with_commands(make_gateway(secret_fields, GATEWAY_SECRET_KEYS=keys))

    return made


@pytest.fixture
def again(request: pytest.FixtureRequest) -> Callable[..., Gateway]:
    """A function that starts the system of a gateway again, with other keys."""

    def started(gateway: Gateway, *keys: str, plugins: tuple[str, ...] | None = None) -> Gateway:
        settings = replace(gateway.system.settings, GATEWAY_SECRET_KEYS=keys)
        if plugins is not None:
            settings = replace(settings, GATEWAY_PLUGINS=plugins)
        app = create_app(settings)
        request.addfinalizer(app.extensions["gateway"].engine.dispose)
        return with_commands(Gateway(app, gateway.login))

    return started
