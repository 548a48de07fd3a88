"""A test kit for the gateway and for plugins: ``pytest_plugins = ["gateway.testing"]``.

Fixtures: ``make_gateway`` (a client on a fresh system), ``run_case`` (golden cases), ``hook_calls``
(which plugin was asked what), ``cheap_passwords`` (logins in no time), ``engine`` (its name),
``database`` (an empty database with all tables), ``bare_database`` (one without).
``check_plugin(module)`` names what is wrong with one.
Whatever asks for one of them runs once on each engine: SQLite always, PostgreSQL and MariaDB where
they answer. ``--database-url`` chooses others; with CI in the environment none may be missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pluggy
import pytest

from config import Settings, settings
from gateway import auth, registry
from gateway.app import create_app
from gateway.testing import setup as tables
from gateway.testing.cases import run_case as _run_case
from gateway.testing.client import Gateway, Response
from gateway.testing.databases import Databases, answers, engine_name
from gateway.testing.plugins import HookCall, check_plugin, record_calls

__all__ = ["Gateway", "HookCall", "Response", "check_plugin"]

SERVERS = pytest.StashKey[dict[str, str]]()
DEFAULT_LOGIN = {"name": "web", "password": "secret"}
CHEAP_METHOD = "scrypt:128:1:1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-url",
        action="append",
        default=[],
        metavar="URL[,URL]",
        help="run on these engines only; databases are made beside the one that is named",
    )


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("gateway_servers")
    # A test module that names the kit is read after the options: then there is none to choose by.
    config.stash[SERVERS] = given or _servers(config.getoption("--database-url", default=[]))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    # All workers must collect the same tests, so only the controller looks which engines answer.
    node.workerinput["gateway_servers"] = node.config.stash[SERVERS]


def _servers(urls: list[str]) -> dict[str, str]:
    chosen = [url.strip() for part in urls for url in part.split(",") if url.strip()]
    wanted = {engine_name(url): url for url in chosen} or {
        "sqlite": "sqlite://",
        "postgresql": os.environ.get(
            "GATEWAY_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/"
        ),
        "mariadb": os.environ.get("GATEWAY_TEST_MARIADB", "mariadb://root@127.0.0.1:3306/"),
    }
    missing = [name for name, url in wanted.items() if name != "sqlite" and not answers(url)]
    if missing and (chosen or os.environ.get("CI")):
        raise pytest.UsageError(f"no answer from {' and '.join(missing)}; tests must run on it")
    return {name: url for name, url in wanted.items() if name not in missing}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        servers: dict[str, str] = metafunc.config.stash[SERVERS]
        metafunc.parametrize("engine", servers)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    servers: dict[str, str] = config.stash[SERVERS]
    terminalreporter.write_line(f"engines: {' '.join(servers)}")


@pytest.fixture(scope="session")
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """The databases of this test process."""
    made = Databases(request.config.stash[SERVERS], tmp_path_factory.mktemp("databases"))
    yield made
    made.drop()


@pytest.fixture(scope="session")
def cheap_passwords() -> Iterator[None]:
    """Passwords are hashed by little work for the rest of the session.

    The hash is slow on purpose, and would be a third of every test that posts. A suite asks for
    this in an ``autouse`` fixture of its own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "METHOD", CHEAP_METHOD)
        yield


@pytest.fixture
def bare_database(engine: str, databases: Databases) -> str:
    """The URL of a database without tables, on each engine."""
    return databases.make(engine)


@pytest.fixture
def database(make_gateway: Callable[..., Gateway]) -> str:
    """The URL of a database with all tables and nothing in them, on each engine."""
    return make_gateway(logins=[]).system.settings.DATABASE_URL


@pytest.fixture
def make_gateway(
    engine: str, databases: Databases, tmp_path: Path
) -> Iterator[Callable[..., Gateway]]:
    """A function that gives a client on a fresh system with these plugins and settings.

    ``logins`` (by default one, ``web``) and ``setup`` are tables as in a golden case.
    """
    with ExitStack() as at_end:

        def make(
            *plugins: str,
            logins: list[dict[str, Any]] | None = None,
            setup: Mapping[str, Any] | None = None,
            **values: Any,
        ) -> Gateway:
            url = at_end.enter_context(databases.lend(engine))
            chosen = settings(
                **{
                    "DATABASE_URL": url,
                    "GATEWAY_FILES_URL": f"file://{tmp_path}/files",
                    "GATEWAY_SPOOL_DIR": f"{tmp_path}/spool",
                    "GATEWAY_PLUGINS": plugins,
                    **values,
                }
            )
            app = create_app(chosen)
            at_end.callback(app.extensions["gateway"].engine.dispose)
            databases.prepare(app, url, chosen.GATEWAY_FIRST_LEAD_ID)
            known = [DEFAULT_LOGIN] if logins is None else logins
            tables.fill(app.extensions["gateway"], known, setup or {})
            first = next((each for each in known if "password" in each), None)
            return Gateway(app, (first["name"], first["password"]) if first else None)

        yield make


@pytest.fixture
def run_case(make_gateway: Callable[..., Gateway]) -> Callable[[Path], None]:
    """A function that runs the golden case in a file."""
    return partial(_run_case, make_gateway=make_gateway)


@pytest.fixture
def hook_calls(monkeypatch: pytest.MonkeyPatch) -> list[HookCall]:
    """The list into which every call of a plugin's hook goes, in order, from the start on.

    It knows the systems that are made after it, so name it before ``make_gateway``.
    """
    calls: list[HookCall] = []
    load_modules = registry.load_modules

    def recording(chosen: Settings) -> pluggy.PluginManager:
        manager = load_modules(chosen)
        record_calls(manager, calls)
        return manager

    monkeypatch.setattr(registry, "load_modules", recording)
    return calls
