"""The servers that are measured: real processes of gunicorn, and the gateway's own database."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.body import LOGIN, PASSWORD
from bench.load import is_success, post
from config import ROOT
from gateway.testing.databases import Databases

ENGINES = ("sqlite", "postgresql", "mariadb")

_START = 240
"""Seconds after which a server that does not answer never will, on the slowest machine."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A running gunicorn: its port, and its process."""

    port: int
    process: int

    def processor_seconds(self) -> list[float]:
        """Return the processor time that each worker has taken so far."""
        return [_processor_seconds(worker) for worker in sorted(worker_ids(self.process))]


def worker_ids(master: int) -> list[int]:
    """Return the process ids of the workers that a gunicorn has now."""
    return list(map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split()))


def _processor_seconds(process: int) -> float:
    # The name of the program stands in brackets and may hold spaces.
    rest = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    user, system = rest[11:13]
    return (int(user) + int(system)) / _TICKS


@contextmanager
def workplace(engines: Sequence[str]) -> Iterator[tuple[Path, Databases]]:
    """Give a folder, and the databases of this run; both are gone at the end, also on TERM.

    The folder lies where the gateway keeps its own database by default: what an fsync costs there
    counts.
    """
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    parent = ROOT / "instance"
    parent.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as folder,
        _databases(engines, Path(folder)) as made,
    ):
        yield Path(folder), made


def engine_names(text: str) -> tuple[str, ...]:
    """Return the engines that an option names, for argparse."""
    names = tuple(text.split(","))
    if not set(names) <= set(ENGINES):
        raise argparse.ArgumentTypeError(f"choose from {', '.join(ENGINES)}")
    return names


@contextmanager
def _databases(engines: Sequence[str], folder: Path) -> Iterator[Databases]:
    servers = {
        "postgresql": os.environ.get(
            "GATEWAY_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/"
        ),
        "mariadb": os.environ.get("GATEWAY_TEST_MARIADB", "mariadb://root@127.0.0.1:3306/"),
    }
    made = Databases({name: url for name, url in servers.items() if name in engines}, folder)
    try:
        yield made
    finally:
        made.drop()


def settings(url: str, folder: Path) -> dict[str, str]:
    """Return the environment of a gateway with every default but where its data lies."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GATEWAY_", "GUNICORN_", "FLASK_"))
    }
    return kept | {
        "DATABASE_URL": url,
        "GATEWAY_FILES_URL": f"file://{folder}/files",
        "GATEWAY_SPOOL_DIR": f"{folder}/spool",
    }


def prepare(environment: Mapping[str, str]) -> None:
    """Make the tables and the login, with the commands that a user would type."""
    flask(environment, "db", "upgrade")
    flask(environment, "login", "add", LOGIN, "--password-stdin", given=PASSWORD)


def count_leads(environment: Mapping[str, str]) -> int:
    """Return how many leads are stored."""
    return int(flask(environment, "lead", "count"))


def flask(environment: Mapping[str, str], *command: str, given: str = "") -> str:
    """Return what a flask command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", *command],
        cwd=ROOT,
        env=dict(environment, FLASK_SKIP_DOTENV="1"),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"flask {' '.join(command)} failed:\n{done.stderr}")
    return done.stdout.strip()


@contextmanager
def serve(
    settings_file: str, environment: Mapping[str, str], folder: Path, *, workers: int
) -> Iterator[Server]:
    """Give a server that answers, run with the gunicorn settings in ``settings_file``."""
    port = _free_port()
    given = {"HOST": "127.0.0.1", "PORT": str(port), "WEB_CONCURRENCY": str(workers)}
    log = folder / f"{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", settings_file],
            cwd=ROOT,
            env={**environment, **given},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _await_answer(process, port, log)
            yield Server(port, process.pid)
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _await_answer(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START
    answer = b""
    while not is_success(answer):
        if process.poll() is not None or time.monotonic() > end or answer:
            raise SystemExit(
                f"The server does not answer with a success: {answer.decode('latin-1')}\n"
                + "\n".join(log.read_text().splitlines()[-40:])
            )
        try:
            answer = post(port, 0)
        except ConnectionError:
            time.sleep(0.05)
