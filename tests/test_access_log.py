"""The line of the access log that gunicorn.conf.py makes of a request."""

import logging
import runpy
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
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
    for each in (Logger, CONF["WithoutQuery"]):
        monkeypatch.setattr(each, "now", lambda self: "[now]")
    logger = CONF["WithoutQuery"](configuration)
    yield logger
    for each in (logger.error_log, logger.access_log):
        for handler in each.handlers:
            handler.close()
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
    page = f"https://example.com/form?{query}"
    environ["HTTP_REFERER"] = page
    asked = SimpleNamespace(headers=[("REFERER", page)])
    atoms = logger.atoms(response, asked, environ, timedelta(0, 3))
    assert atoms["U"] == "/service"
    names = ("f", "{referer}i", "{http_referer}e")
    assert [atoms[name] for name in names] == ["https://example.com/form"] * 3
    assert atoms["r"] == "POST /service HTTP/1.1"
    assert "a-secret" not in str(atoms)
    assert {"h", "T", "p", "{raw_uri}e", "{server}o"} <= atoms.keys()


def write_into(logger: Logger, folder: Path) -> Path:
    """Have the logger write into files alone: pytest listens to it as well."""
    logger.cfg.set("accesslog", str(folder / "access.log"))
    logger.cfg.set("errorlog", str(folder / "error.log"))
    for each in (logger.error_log, logger.access_log):
        each.handlers.clear()
    logger.setup(logger.cfg)
    return folder / "access.log"


def upper(record: logging.LogRecord) -> bool:
    record.msg = record.getMessage().upper()
    record.args = ()
    return True


def in_brackets(handler: logging.Handler) -> None:
    handler.setFormatter(logging.Formatter("[%(message)s]"))


def another(log: logging.Logger) -> None:
    log.addHandler(logging.NullHandler())


@pytest.mark.parametrize(
    "changed",
    [
        lambda log: None,
        lambda log: log.addFilter(upper),
        lambda log: log.handlers[0].addFilter(upper),
        lambda log: log.handlers[0].setLevel(logging.WARNING),
        lambda log: log.setLevel(logging.WARNING),
        lambda log: in_brackets(log.handlers[0]),
        another,
    ],
)
@pytest.mark.parametrize("shape", ["", "%(m)s %({server}o)s"])
def test_line_is_written_as_gunicorn_would(
    logger: Logger, tmp_path: Path, changed: Callable[[logging.Logger], None], shape: str
) -> None:
    """Whatever an operator has made of the log, and also after it was opened anew."""
    if shape:
        logger.cfg.set("access_log_format", shape)
    file = write_into(logger, tmp_path)
    assert CONF["_only_handler"](logger.access_log) is not None
    changed(logger.access_log)
    asked = (
        SimpleNamespace(status="200 OK", headers=HEADERS, sent=63),
        SimpleNamespace(headers=[("ACCEPT", "*/*")]),
        ENVIRON,
        timedelta(0, 3, 1234),
    )
    told = []
    for write in (logger.access, partial(Logger.access, logger)):
        file.rename(tmp_path / "access.log.1")
        logger.reopen_files()
        write(*asked)
        told.append(file.read_text())
    assert told[0] == told[1]


def test_line_that_cannot_be_made_breaks_no_answer(logger: Logger, tmp_path: Path) -> None:
    logger.cfg.set("access_log_format", "%(m)d")
    write_into(logger, tmp_path)
    response = SimpleNamespace(status="200 OK", headers=HEADERS, sent=63)
    logger.access(response, SimpleNamespace(headers=[]), ENVIRON, timedelta(0, 3))
    assert "cannot be written" in (tmp_path / "error.log").read_text()


def test_moment_is_that_of_gunicorn() -> None:
    """To the second: the clock behind gunicorn's moves by ticks, and is some ms late."""
    logger = CONF["WithoutQuery"](Config())
    before, ours, after = Logger.now(logger), logger.now(), Logger.now(logger)
    moments = [datetime.strptime(each, "[%d/%b/%Y:%H:%M:%S %z]") for each in (before, ours, after)]
    assert moments[0] <= moments[1] <= moments[2] + timedelta(seconds=1)
    assert moments[0].tzinfo == moments[1].tzinfo
    assert ours == moments[1].strftime("[%d/%b/%Y:%H:%M:%S %z]")
    logger.error_log.filters.clear()
