"""Gateways whose database a test can take away."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import make_url

import config
from bench.proxy import Proxy
from gateway.app import create_app
from gateway.testing import Gateway
from tests.outage.outages import Outage, through


@pytest.fixture
def make_outage(
    make_gateway: Callable[..., Gateway], engine: str
) -> Iterator[Callable[..., Outage]]:
    """A function that gives a gateway behind a proxy, or on a SQLite file."""
    proxies = []

    def make(**settings: Any) -> Outage:
        first = make_gateway(**settings)
        if engine == "sqlite":
            return Outage(first, None)
        url = make_url(first.system.settings.DATABASE_URL)
        proxy = Proxy((url.host or "127.0.0.1", url.port or 0))
        proxies.append(proxy)
        # The same system again, on the way through the proxy: its tables are there.
        ours = first.system.settings
        names = {name: getattr(ours, name) for name in type(ours).__dataclass_fields__}
        app = create_app(
            config.settings(**names | {"DATABASE_URL": through(proxy, ours.DATABASE_URL)})
        )
        gateway = Gateway(app, first.login)
        proxies.append(gateway.system.engine)
        return Outage(gateway, proxy)

    yield make
    for each in proxies:
        if isinstance(each, Proxy):
            each.__exit__()
        else:
            each.dispose()


@pytest.fixture
def out(make_outage: Callable[..., Outage]) -> Outage:
    return make_outage()
