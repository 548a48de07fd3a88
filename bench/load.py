"""The load: posts over a fixed number of connections, each closed after its answer.

By wrk where it is installed, else by threads of our own, which take more of the processor for
themselves. Both end with nothing under way, so answers can be compared with stored rows.
"""

import math
import shutil
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from bench.body import TEMPLATE, body
from bench.noop import ANSWER

PATH = "/service"
DRAIN = 3
"""Seconds that wrk waits for the last answers."""

_SUCCESS = ANSWER.partition("+")[0].encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a client saw: answers, errors, and times in milliseconds.

    ``seconds`` reaches to the last answer, as far as the mean time of one tells.
    """

    answers: int
    errors: int
    seconds: float
    p50: float
    p99: float
    longest: float

    @classmethod
    def of(cls, took: Sequence[float], errors: int, *, seconds: float) -> "Load":
        """Return the load whose answers took these seconds; ends the program where none came."""
        if len(took) < 2:
            raise SystemExit(f"No answers; {errors} posts failed.")
        hundredths = statistics.quantiles(took, n=100)
        return cls(
            answers=len(took),
            errors=errors,
            seconds=seconds,
            p50=hundredths[49] * 1000,
            p99=hundredths[98] * 1000,
            longest=max(took) * 1000,
        )

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


def driver() -> str:
    """Return the name and version of what drives the load here."""
    if shutil.which("wrk") is None:
        return "Python threads"
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    return " ".join(said.split()[:2])


def drive(
    port: int,
    folder: Path,
    *,
    first: int,
    connections: int,
    seconds: float,
    template: str = TEMPLATE,
    drain: float = DRAIN,
) -> Load:
    """Return what ``connections`` clients saw who post for ``seconds``.

    Persons are numbered from ``first`` + 1; ``template`` is one that ``body`` takes;
    ``drain`` is how long the last answers may take.
    """
    wanted: dict[str, Any] = {"first": first, "connections": connections, "seconds": seconds}
    if shutil.which("wrk") is None:
        return _by_threads(port, template, **wanted)
    return _by_wrk(port, template, folder, drain=drain, **wanted)


def post(port: int, number: int, template: str = TEMPLATE) -> bytes:
    """Return the answer to one post, head and all."""
    content = body(number, template)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode() + content)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def is_success(answer: bytes) -> bool:
    """Whether the answer says that a lead was stored."""
    return answer.startswith(b"HTTP/1.1 200 ") and _SUCCESS in answer


def _by_wrk(
    port: int,
    template: str,
    folder: Path,
    *,
    first: int,
    connections: int,
    seconds: float,
    drain: float,
) -> Load:
    file = folder / "body"
    file.write_text(template)
    script = str(Path(__file__).with_name("post.lua"))
    duration = math.ceil(seconds + drain)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{duration}s", "--timeout", "60s", "-s", script]
    url = f"http://127.0.0.1:{port}{PATH}"
    done = subprocess.run(
        [*command, url, "--", str(file), str(first), str(seconds)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"wrk failed:\n{done.stdout}{done.stderr}")
    line = next(line for line in done.stdout.splitlines() if line.startswith("result "))
    answers, errors, p50, p99, longest, mean = map(float, line.split()[1:])
    return Load(
        answers=int(answers),
        errors=int(errors),
        seconds=seconds + mean / 1e6,
        p50=p50 / 1000,
        p99=p99 / 1000,
        longest=longest / 1000,
    )


def _by_threads(port: int, template: str, *, first: int, connections: int, seconds: float) -> Load:
    numbers = count(first + 1)
    took: list[float] = []
    errors: list[int] = []
    finish = time.perf_counter() + seconds

    def client() -> None:
        while (begun := time.perf_counter()) < finish:
            number = next(numbers)
            try:
                answer = post(port, number, template)
            except OSError:
                answer = b""
            if answer:
                took.append(time.perf_counter() - begun)
            if not is_success(answer):
                errors.append(number)

    threads = [threading.Thread(target=client) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load.of(took, len(errors), seconds=seconds + statistics.fmean(took or [0]))
