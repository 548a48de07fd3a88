"""A long journal is purged by the command while posts keep coming: how fast, and what they see."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sqlalchemy import func, select

import config
from bench import journal_rows
from bench.body import PERSON
from bench.load import Load, is_success, post
from bench.servers import flask, prepare, serve, settings
from bench.stream import Stream
from gateway.app import create_app
from gateway.contract import System
from gateway.database import reading
from gateway.journal import key_rows
from gateway.models import Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """Rows that went, in how many seconds, and the posts before it and meanwhile."""

    engine: str
    rows: int
    keys: int
    seconds: float
    quiet: Load
    busy: Load

    @property
    def rate(self) -> float:
        """Rows a second, the start of the command and its counting among it."""
        return self.rows / self.seconds


def measure(
    engine: str, url: str, folder: Path, *, rows: int, seconds: float, workers: int
) -> Purge:
    """Return what the purge of ``rows`` came to; ends the program where anything was left over,
    refused or lost."""
    environment = settings(url, folder)
    prepare(environment)
    app = create_app(
        config.settings(DATABASE_URL=url, GATEWAY_FILES_URL=environment["GATEWAY_FILES_URL"])
    )
    system = app.extensions["gateway"]
    with ExitStack() as running:
        running.callback(system.engine.dispose)
        server = running.enter_context(
            serve("gunicorn.conf.py", environment, folder, workers=workers)
        )
        numbers = count(1)
        if not is_success(post(server.port, next(numbers), PERSON)):
            raise SystemExit(f"{engine}: the first post was not taken.")
        begun = time.perf_counter()
        keys = journal_rows.fill(system, rows)
        print(f"{engine}: {rows} rows in {time.perf_counter() - begun:.0f} s", flush=True)
        stream = Stream(server.port, PERSON, numbers)
        warm = stream.during(lambda: time.sleep(min(seconds, 2)))
        quiet = stream.during(lambda: time.sleep(seconds))
        before = _counted(system)
        took: list[float] = []
        busy = stream.during(lambda: took.append(_purge(environment, rows)))
        left = [had - gone for had, gone in zip(before, (rows, rows * keys), strict=True)]
        wanted = [left[0] + busy.answers, left[1] + busy.answers * keys]
        found, refused = _counted(system), warm.errors + quiet.errors + busy.errors
        if refused or found != wanted:
            raise SystemExit(
                f"{engine}: {refused} posts refused; journal and keys have {found} rows, "
                f"they should have {wanted}."
            )
        return Purge(
            engine=engine, rows=rows, keys=rows * keys, seconds=took[0], quiet=quiet, busy=busy
        )


def _purge(environment: Mapping[str, str], rows: int) -> float:
    """Return in how many seconds the command deleted ``rows``."""
    begun = time.perf_counter()
    said = flask(environment, "journal", "purge")
    took = time.perf_counter() - begun
    if not said.startswith(f"Deleted {rows} posts:"):
        raise SystemExit(f"flask journal purge says {said!r}; there were {rows} to delete.")
    return took


def _counted(system: System) -> list[int]:
    """Return how many rows the journal has, and how many keys."""
    with reading(system.engine) as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (Submission.__table__, key_rows.KEYS)
        ]
