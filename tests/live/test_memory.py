"""What a worker keeps of the memory that it has used."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from live_gateway import LiveGateway, form, request

THREADS = 8
OF_ONE_CHECK = 16 << 20
"""Bytes that the hash of a password takes: 128 * r * N of ``auth.METHOD`` (RFC 7914)."""


def resident(process: int) -> int:
    """Return the bytes of a process that lie in memory (proc(5))."""
    found = re.search(r"^VmRSS:\s*(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.M)
    assert found is not None
    return int(found[1]) << 10


def test_checks_of_passwords_leave_nothing_behind(start: Callable[..., LiveGateway]) -> None:
    gateway = start(WEB_CONCURRENCY="1", GUNICORN_CMD_ARGS=f"--threads {THREADS}")
    gateway.wait_for_workers()
    (worker,) = gateway.workers

    def guess(number: int) -> bytes:
        return gateway.exchange(request(form(ai_login_id=f"nobody {number}", last_name="Lee"))).body

    with ThreadPoolExecutor(THREADS) as clients:
        # Each thread of the worker is there, and has loaded what it needs.
        list(
            clients.map(lambda _: gateway.exchange(request(form(last_name="Lee"))), range(THREADS))
        )
        before = resident(worker)
        answers = set(clients.map(guess, range(8 * THREADS)))
    assert len(answers) == 1
    assert b"Authentication+failed" in answers.pop()
    assert resident(worker) - before < OF_ONE_CHECK
