"""``bin/serve`` as a new user runs it: in a fresh checkout, once, pasted, and again."""

import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from live_gateway import PATIENCE, clean_environment

from config import ROOT

INSTALLING = 300
ANSWER = "status=0&status_message=Lead+Creation+Successful&lead_id={}"


@dataclass
class Served:
    """A running ``bin/serve``, and what it has printed."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def text(self) -> str:
        return self.output.read_text()

    def call(self) -> str:
        """Return the line to paste, as soon as it stands there."""
        end = time.monotonic() + INSTALLING
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(r"^curl .+$", self.text, re.MULTILINE)
            if found and "\n" in self.text[found.end() :]:
                return found[0]
            time.sleep(0.1)
        raise AssertionError(f"no line to paste in:\n{self.text}")

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what git has or would add, in a folder whose name has spaces in it."""
    folder = tmp_path / "a fresh checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture
def port() -> int:
    """A port that is free, and below those that the kernel gives to whoever asks for any."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = secrets.choice(range(first // 2, first))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def serving(checkout: Path, port: int | str, **settings: str) -> Iterator[Served]:
    output = checkout.parent / f"output-{uuid4().hex}"
    with open(output, "wb") as file:
        process = subprocess.Popen(
            [checkout / "bin" / "serve"],
            cwd="/",
            env=clean_environment(PORT=str(port), **settings),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            # Tests that run in the background ignore Ctrl-C, and so would all that they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        yield Served(process, output)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def paste(line: str) -> str:
    """Return what a line prints when it is pasted into a shell."""
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    return done.stdout


def test_fresh_checkout_takes_the_first_lead_and_starts_again(checkout: Path, port: int) -> None:
    with serving(checkout, port) as first:
        call = first.call()
        assert paste(call) == ANSWER.format(1001)
        with serving(checkout, port) as second:
            assert second.process.wait(PATIENCE) == 1
            assert f"PORT={port + 1} bin/serve" in second.text
        assert paste(call) == ANSWER.format(1002)
        assert first.stop(signal.SIGTERM) == 0

    with serving(checkout, port) as again:
        assert "ai_login_id=NAME -d ai_login_password=SECRET" in again.call()
        assert ".venv/bin/flask login add NAME" in again.text
        assert "installing" not in again.text
        assert paste(call) == ANSWER.format(1003)
        # Nobody is told the secret a second time, by the log neither.
        (secret,) = re.findall(r"ai_login_password=(\S+)", call)
        assert secret not in again.text
        assert again.stop(signal.SIGINT) == 0

    with serving(checkout, port, WEB_CONCURRENCY="none") as broken:
        assert broken.process.wait(PATIENCE) == 1
        assert "curl" not in broken.text


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_port_that_is_none_is_refused_at_once(checkout: Path, port: str) -> None:
    with serving(checkout, port) as served:
        assert served.process.wait(PATIENCE) == 1
        assert "PORT must be a number from 1 to 65535" in served.text
    assert not (checkout / ".venv").exists()
