"""SQLite's log is written back by one worker, and by another once that is dead."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

from live_gateway import PATIENCE, LiveGateway, form, request


def has_lock(gateway: LiveGateway) -> int:
    """Return which worker writes the log back (proc(5), locks)."""
    file = Path(f"{gateway.inside.system.engine.url.database}.log.lock").stat().st_ino
    end = time.monotonic() + PATIENCE
    pattern = rf"^\d+: FLOCK +ADVISORY +WRITE (\d+) \S+:{file} "
    while not (found := re.findall(pattern, Path("/proc/locks").read_text(), re.M)):
        assert time.monotonic() < end
        time.sleep(0.02)
    (worker,) = map(int, found)
    return worker


def post_until_in_file(gateway: LiveGateway, name: str) -> None:
    gateway.exchange(request(form(last_name=name)))
    file = Path(str(gateway.inside.system.engine.url.database))
    end = time.monotonic() + PATIENCE
    while name.encode() not in file.read_bytes():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_another_worker_writes_the_log_back_when_the_one_that_did_is_killed(
    start: Callable[..., LiveGateway],
) -> None:
    gateway = start(WEB_CONCURRENCY="2")
    gateway.wait_for_workers()
    first = has_lock(gateway)
    assert first in gateway.workers
    post_until_in_file(gateway, "Before")
    os.kill(first, signal.SIGKILL)
    post_until_in_file(gateway, "Afterwards")
    assert has_lock(gateway) != first
    assert gateway.count() == 2
