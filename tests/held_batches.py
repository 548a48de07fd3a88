"""The first batch of a gateway held back until so many posts wait for it."""

import threading
import time
from typing import Any

import pytest

from gateway.store import group
from gateway.testing import Gateway


def hold_first_batch(patch: pytest.MonkeyPatch, gateway: Gateway, count: int) -> None:
    """Let the next batch wait until ``count`` posts are in the queue, a minute at most."""
    waiting, commit = gateway.system.group._queue, group.Group._commit
    is_first = threading.Event()

    def slow(self: Any, engine: Any, batch: list[Any]) -> None:
        if not is_first.is_set():
            is_first.set()
            end = time.monotonic() + 60
            while len(waiting) < count and time.monotonic() < end:
                time.sleep(0.0005)
        commit(self, engine, batch)

    patch.setattr(group.Group, "_commit", slow)
