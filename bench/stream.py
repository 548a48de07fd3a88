"""A steady stream of posts for as long as something else takes, and what each of them saw.

Unlike the load of ``load.py`` it leaves the machine room: callers do not stop because a table is
being tidied, and they do not all come at once either.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.load import Load, is_success, post

CALLERS = 4
PAUSE = 0.03
"""Seconds that a caller waits between an answer and its next post."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Posts to ``port``; each is a person of its own, the next of ``numbers``."""

    port: int
    template: str
    numbers: Iterator[int]

    def during(self, work: Callable[[], None]) -> Load:
        """Return what the callers saw while ``work()`` ran; every answer is waited for."""
        took: list[float] = []
        errors: list[int] = []
        ended = threading.Event()
        begun = time.perf_counter()

        def call() -> None:
            while not ended.is_set():
                number, start = next(self.numbers), time.perf_counter()
                try:
                    answer = post(self.port, number, self.template)
                except OSError:
                    answer = b""
                if is_success(answer):
                    took.append(time.perf_counter() - start)
                else:
                    errors.append(number)
                ended.wait(PAUSE)

        threads = [threading.Thread(target=call) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            work()
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        return Load.of(took, len(errors), seconds=time.perf_counter() - begun)
