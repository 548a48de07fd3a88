"""How Python runs while an import does: for much work at once, not for quick answers."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

MOST_OBJECTS = 500_000
"""Objects more than went since Python last looked for cycles; two batches of 1,000 have 100,000."""

TURN_SECONDS = 0.0005
"""How long a thread that needs Python waits for the other one, which else computes for 5 ms."""


@contextmanager
def tuned() -> Iterator[None]:
    """Let Python look for cycles rarely, and give way to the thread that stores quickly.

    Nearly all objects go by themselves, and to walk them takes a fifth of an import. The thread
    that stores mostly waits for the database: it should not wait long for the one that reads, too.
    """
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.freeze()
    gc.set_threshold(MOST_OBJECTS)
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)
        gc.unfreeze()
