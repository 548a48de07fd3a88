"""A gateway as it runs in production: gunicorn, two workers, a port and a database of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import config
from bench import servers
from config import ROOT
from gateway.app import create_app
from gateway.testing import Gateway, setup
from gateway.testing.databases import Databases

LOGIN, SECRET = "LOGIN", "SECRET"
FORM = "application/x-www-form-urlencoded"
PATIENCE = 240


def clean_environment(**values: str) -> dict[str, str]:
    """Return this process's environment without the settings in it, and with ``values``."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GATEWAY_", "GUNICORN_", "FLASK_"))
        and name not in ("DATABASE_URL", "HOST", "PORT", "WEB_CONCURRENCY", "WEB_AFFINITY")
    }
    return ours | {"FLASK_SKIP_DOTENV": "1"} | values


@dataclass(frozen=True)
class Answer:
    """What a post was answered: ``pairs`` as text."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def pairs(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), strict_parsing=True))

    @property
    def lead_id(self) -> int:
        """The lead of a success; fails the test where it is none."""
        pairs = self.pairs
        assert pairs["status"] == "0", self.body
        return int(pairs["lead_id"])


@dataclass
class LiveGateway:
    """One running gunicorn; ``inside`` is this process's own look at what it stores."""

    environment: dict[str, str]
    folder: Path
    process: subprocess.Popen[bytes]
    inside: Gateway

    @cached_property
    def port(self) -> int:
        return int(self.wait_for_log(r"Listening at: http://127\.0\.0\.1:(\d+)")[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/service"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        """Return the match of ``pattern`` in the log, from the moment when it stands there."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            if found := re.search(pattern, self.log):
                return found
            time.sleep(0.05)
        raise AssertionError(f"no {pattern!r} in the log:\n{self.log}")

    @property
    def workers(self) -> list[int]:
        return servers.worker_ids(self.process.pid)

    def wait_for_workers(self) -> None:
        """Wait until every worker is there and hears signals."""
        wanted = int(self.environment.get("WEB_CONCURRENCY", 2))
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            workers = self.workers
            if len(workers) >= wanted and all(map(_hears_signals, workers)):
                return
            assert time.monotonic() < end, self.log
            time.sleep(0.02)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def exchange(self, request: bytes) -> Answer:
        """Send exactly these bytes, all of them, and then read the answer."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_answer(connection)

    def lead(self, lead_id: int) -> dict[str, Any]:
        """Return the lead as ``flask lead show --json`` prints it."""
        found = self.inside.lead(lead_id)
        assert found is not None
        return found

    def count(self) -> int:
        """Return how many leads there are."""
        return self.inside.count()

    def file(self, lead_id: int) -> tuple[str, bytes]:
        """Return the name and the bytes of the one file of a lead."""
        (file,) = self.lead(lead_id)["files"]
        (path,) = (self.folder / "files").rglob(file["sha256"])
        content = path.read_bytes()
        assert file["size"] == len(content)
        return file["name"], content


def _hears_signals(worker: int) -> bool:
    """Whether a process of gunicorn has a worker's handlers; under the master's, TERM is lost.

    Only a worker catches ABRT.
    """
    try:
        status = Path(f"/proc/{worker}/status").read_text()
    except OSError:
        return False
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGABRT - 1) & 1)


@contextmanager
def prepared(databases: Databases, engine: str) -> Iterator[Gateway]:
    """Give a system that knows LOGIN, on a database that nobody else has until the block ends.

    It is made in this process: the commands that make one would take longer than most tests.
    test_serve.py runs them.
    """
    with databases.lend(engine) as url:
        app = create_app(config.settings(DATABASE_URL=url))
        inside = Gateway(app, (LOGIN, SECRET))
        try:
            databases.prepare(app, url, inside.system.settings.GATEWAY_FIRST_LEAD_ID)
            setup.fill(inside.system, [{"name": LOGIN, "password": SECRET}], {})
            yield inside
        finally:
            inside.system.engine.dispose()


@contextmanager
def running(
    inside: Gateway,
    folder: Path,
    *,
    database_url: str | None = None,
    configuration: Path = ROOT / "gunicorn.conf.py",
    **settings: str,
) -> Iterator[LiveGateway]:
    """Give a gateway on the database of ``inside``, which it reaches by ``database_url``."""
    environment = clean_environment(
        DATABASE_URL=database_url or inside.system.settings.DATABASE_URL,
        GATEWAY_SPOOL_DIR=f"{folder}/spool",
        # The kernel chooses a port that is free.
        PORT="0",
        **{"GATEWAY_FILES_URL": f"file://{folder}/files", **settings},
    )
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", str(configuration)],
            # From another folder: the configuration finds the app by itself.
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        gateway = LiveGateway(environment, folder, process, inside)
        yield gateway
        # Else the master waits for a worker that has not heard of the end.
        gateway.wait_for_workers()
        log = gateway.log
        assert "Traceback" not in log, log[max(0, log.find("Traceback") - 500) :][:5_000]
    finally:
        process.terminate()
        process.wait(PATIENCE)
        shutil.rmtree(folder / "files", ignore_errors=True)


def form(**fields: object) -> bytes:
    """Return a urlencoded ``lead_set`` of LOGIN."""
    known = {
        "command": "lead_set",
        "mode": "insert",
        "ai_login_id": LOGIN,
        "ai_login_password": SECRET,
    }
    return urlencode(known | fields, doseq=True).encode()


def request(body: bytes, *headers: str, target: str = "/service", version: str = "1.1") -> bytes:
    """Return the bytes of a POST; its content type and length are added."""
    lines = (
        f"POST {target} HTTP/{version}",
        "Host: gateway.test",
        f"Content-Type: {FORM}",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def read_answer(connection: socket.socket) -> Answer:
    response = HTTPResponse(connection, method="POST")
    response.begin()
    return Answer(response.status, dict(response.getheaders()), response.read())
