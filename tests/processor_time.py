"""How much of the processor something takes: on a busy machine it comes late, but is no more."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

NO_TIME = 2.0
"""Seconds that nothing takes whose work grows with its input; where it grows with the square of a
megabyte, or worse, hours are not enough."""


@contextmanager
def no_time() -> Iterator[None]:
    """Fail where this thread does more work in the block than a slow machine does in no time."""
    begun = time.thread_time()
    yield
    taken = time.thread_time() - begun
    assert taken < NO_TIME, taken
