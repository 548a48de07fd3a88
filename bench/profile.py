"""Where the time of one 20-field insert goes: microseconds for each step, on each engine.

The posts go through the whole application, in this process and one after another, without a
server. A step's time is its own: what is inside another step counts there, so that the steps add
up to the whole. Shown is the mean over the middle half of the posts, by their whole time.
"""

import argparse
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine, event

import config
from bench.body import body
from bench.in_process import send
from bench.servers import ENGINES, engine_names, prepare, settings, workplace
from gateway import auth, respond, transport
from gateway.app import create_app
from gateway.commands import lead_set
from gateway.store import fast
from gateway.transport import call, reading

STEPS = (
    (reading, "read", "read the body"),
    (call, "build", "bytes to Call"),
    (auth, "identify", "login"),
    (lead_set, "parse", "schema"),
    (lead_set, "resolve", "references"),
    (lead_set, "store", "store: what to write"),
    (fast, "write", "store: rows into the database"),
    (respond, "render", "answer"),
    (transport, "dispatch", "dispatch and log"),
)
"""Where each step is called, and what it is called here."""

REST = "Flask, routing, headers"
WARM_UP = 50


class Stopwatch:
    """Adds up, for one post at a time, what each step took of its own."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.taken: dict[str, int] = defaultdict(int)
        self._open: list[str] = []
        self._since = 0

    def start(self, step: str) -> None:
        """Let ``step`` take the time from now on."""
        self._lap()
        self._open.append(step)

    def stop(self) -> None:
        """Give the time back to the step around this one."""
        self._lap()
        self._open.pop()

    def _lap(self) -> None:
        now = self._clock()
        if self._open:
            self.taken[self._open[-1]] += now - self._since
        self._since = now

    def timed(self, function: Callable[..., Any], step: str) -> Callable[..., Any]:
        """Return ``function``, its time counted for ``step``."""

        def run(*args: Any, **named: Any) -> Any:
            self.start(step)
            try:
                return function(*args, **named)
            finally:
                self.stop()

        return run

    @contextmanager
    def steps(self) -> Iterator[None]:
        """Count each of STEPS until the block ends."""
        with ExitStack() as replaced:
            for module, name, step in STEPS:
                plain = getattr(module, name)
                replaced.callback(setattr, module, name, plain)
                setattr(module, name, self.timed(plain, step))
            yield

    def watch(self, engine: Engine) -> None:
        """Count each statement, commit, ping and rollback of ``engine``."""

        @event.listens_for(engine, "before_cursor_execute")
        def _before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            self.start(f"database: {_in_short(statement)}")

        @event.listens_for(engine, "after_cursor_execute")
        def _after(*_: Any) -> None:
            self.stop()

        for name in ("do_commit", "do_rollback", "do_ping"):
            timed = self.timed(getattr(engine.dialect, name), f"database: {name[3:]}")
            setattr(engine.dialect, name, timed)


def _in_short(statement: str) -> str:
    words = statement.replace("\n", " ").split()
    if words[0] == "SELECT" and "FROM" in words:
        words = ["SELECT", words[words.index("FROM") + 1]]
    return " ".join(words[:3]).partition("(")[0].strip()


def main() -> None:
    """Measure each engine and print the table."""
    options = _options()
    with workplace(options.engines) as (folder, databases):
        profiles = {
            engine: _profile(databases.make(engine), folder, options) for engine in options.engines
        }
    print(_table(profiles, options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/profile", description=__doc__)
    parser.add_argument("--engines", type=engine_names, default=ENGINES, metavar="NAME[,NAME]")
    parser.add_argument("--posts", type=int, default=1000, help="how many, on each engine")
    parser.add_argument(
        "--processor",
        action="store_true",
        help="count only what this process computes, for a machine that is busy with other things",
    )
    return parser.parse_args()


def _profile(url: str, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Return the microseconds of each step on the engine of ``url``, in their order."""
    posts: int = options.posts
    environment = settings(url, folder)
    prepare(environment)
    app = create_app(
        config.settings(DATABASE_URL=url, GATEWAY_FILES_URL=environment["GATEWAY_FILES_URL"])
    )
    engine = app.extensions["gateway"].engine
    # The first posts fill what is filled once: the login's slow hash, compiled statements.
    for number in range(WARM_UP):
        send(app, body(number))
    watch = Stopwatch(time.thread_time_ns if options.processor else time.perf_counter_ns)
    watch.watch(engine)
    with watch.steps():
        taken = [_taken(watch, app, number) for number in range(WARM_UP, WARM_UP + posts)]
    engine.dispose()
    taken.sort(key=lambda steps: sum(steps.values()))
    middle = taken[posts // 4 : posts - posts // 4]
    names = dict.fromkeys(name for steps in middle for name in steps)
    return {name: statistics.fmean(steps.get(name, 0) for steps in middle) / 1000 for name in names}


def _taken(watch: Stopwatch, app: Flask, number: int) -> dict[str, int]:
    watch.taken.clear()
    send(watch.timed(app, REST), body(number))
    return dict(watch.taken)


def _table(profiles: Mapping[str, Mapping[str, float]], options: argparse.Namespace) -> str:
    names = dict.fromkeys(name for steps in profiles.values() for name in steps)
    lines = [
        f"Microseconds of {'processor time of ' if options.processor else ''}each step, "
        f"{options.posts} posts on each engine, "
        f"load {os.getloadavg()[0]:.2f} at the end.",
        "",
        f"| step | {' | '.join(profiles)} |",
        f"|---|{'---|' * len(profiles)}",
    ]
    for name in names:
        cells = (f"{steps[name]:.0f}" if name in steps else "" for steps in profiles.values())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    totals = (f"{sum(steps.values()):.0f}" for steps in profiles.values())
    lines.append(f"| **all** | {' | '.join(totals)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
