"""A system of plugins that a test writes down as functions."""

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest

from gateway import hookimpl
from gateway.testing import Gateway
from tests.hooks.asked import Start


@pytest.fixture
def start(make_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch) -> Start:
    """A function that gives a system of plugins, each a dict of its hooks by short name."""

    def make(*plugins: Mapping[str, Callable[..., Any]], **options: Any) -> Gateway:
        names = []
        for number, functions in enumerate(plugins, start=1):
            plugin = ModuleType(f"plug_{number}")
            for name, function in functions.items():
                vars(plugin)[f"gateway_{name}"] = hookimpl(function)
            monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
            names.append(plugin.__name__)
        return make_gateway(*names, **options)

    return make
