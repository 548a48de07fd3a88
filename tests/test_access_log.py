"""The line of the access log that gunicorn.conf.py makes of a request."""

import runpy
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger, SafeAtoms

CONF = runpy.run_path(str(Path(__file__).parents[1] / "gunicorn.conf.py"))
ENVIRON = {
    "REMOTE_ADDR": "192.0.2.1",
    "REQUEST_METHOD": "POST",
    "RAW_URI": "/ser%20vice",
    "PATH_INFO": "/ser vice",
    "QUERY_STRING": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "HTTP_USER_AGENT": 'a "browser"',
}
HEADERS = [("Date", "today"), ("x-request-id", "1"), ("X-Request-Id", "2"), ("Server", "gunicorn")]


@pytest.fixture
def logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Logger]:
    configuration = Config()
    configuration.set("access_log_format", CONF["access_log_format"])
    monkeypatch.setattr(Logger, "now", lambda self: "[now]")
    logger = CONF["WithoutQuery"](configuration)
    yield logger
    for each in (logger.error_log, logger.access_log):
        each.handlers.clear()
        each.filters.clear()


def line(logger: Logger, atoms: dict[str, Any]) -> str:
    return str(CONF["access_log_format"] % logger.atoms_wrapper_class(atoms))


@pytest.mark.parametrize(
    "environ", [ENVIRON, {"RAW_URI": "/ser%20vice", **dict.fromkeys("xy", "")}]
)
@pytest.mark.parametrize("status", ["200 OK", "404", None])
@pytest.mark.parametrize("headers", [HEADERS, []])
def test_line_is_made_of_the_atoms_that_it_names(
    logger: Logger, environ: dict[str, str], status: str | None, headers: list[tuple[str, str]]
) -> None:
    response = SimpleNamespace(status=status, headers=headers, sent=63)
    whole = {"REQUEST_METHOD": "", "SERVER_PROTOCOL": "", **environ}
    asked = response, SimpleNamespace(headers=[("ACCEPT", "*/*")]), whole, timedelta(0, 3, 1234)
    ours, all_of_them = logger.atoms(*asked), Logger.atoms(logger, *asked)
    assert line(logger, ours) == line(logger, all_of_them | {"U": "/ser%20vice"})


@pytest.mark.parametrize(
    "name", ["h", "a", "x", "{x-request-id}o", "{X-Request-Id}o", "{server}o", "{X}i", "H"]
)
def test_atoms_are_those_that_gunicorn_gives(name: str) -> None:
    atoms = {"h": "192.0.2.1", "a": 'a "browser"', "{x-request-id}o": "1", "B": 3}
    assert CONF["Atoms"](atoms)[name] == SafeAtoms(atoms)[name]


def test_format_of_an_operator_has_every_atom_but_a_query(logger: Logger) -> None:
    logger.cfg.set("access_log_format", "%({raw_uri}e)s %(U)s %(r)s %(q)s %(T)s")
    response = SimpleNamespace(status="200 OK", headers=HEADERS, sent=63)
    query = "a=1&ai_login_password=a-secret"
    environ = {**ENVIRON, "RAW_URI": f"/service?{query}", "QUERY_STRING": query}
    atoms = logger.atoms(response, SimpleNamespace(headers=[]), environ, timedelta(0, 3))
    assert atoms["U"] == "/service"
    assert atoms["r"] == "POST /service HTTP/1.1"
    assert "a-secret" not in str(atoms)
    assert {"h", "T", "p", "{raw_uri}e", "{server}o"} <= atoms.keys()
