"""Posts whose every part can be checked afterwards, over many connections, and that check.

Each lead has two notes, two tags, a file, match keys and a row in the journal; where one part of it
is missing, or one is there without the others, half a post was stored.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from http.client import HTTPException
from itertools import count
from typing import Any

from sqlalchemy import Connection, create_engine, text

from bench.racing import Answer, Client
from config import database_url

SAVED = "Saved as "

_PARTS = {
    "lead_external_id": 1,
    "lead_note": 2,
    "lead_tag": 2,
    "lead_file": 1,
    "match_key": 1,
}
"""How many rows of each table a lead has at least."""


@dataclass
class Load:
    """Clients that post whole leads until they are stopped; what each was answered, by its id.

    A post without an answer (its worker was killed) is in ``unanswered``.
    """

    client: Client
    clients: int = 8
    answers: dict[str, Answer] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = count()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(self.clients)
        self._running: list[Future[None]] = [
            self._pool.submit(self._post) for _ in range(self.clients)
        ]

    def stop(self) -> None:
        """Wait for the last answers."""
        self._stop.set()
        for each in self._running:
            each.result()
        self._pool.shutdown()

    def saved(self) -> int:
        """Return how many were told that their post is saved."""
        return sum(each.message.startswith(SAVED) for each in list(self.answers.values()))

    def _post(self) -> None:
        while not self._stop.is_set():
            number = next(self._numbers)
            name = f"p{number}"
            begun = time.monotonic()
            try:
                self.answers[name] = self.client.send(_fields(name, number))
            except (OSError, HTTPException):
                self.unanswered.append(name)
                time.sleep(0.02)
            self.seconds[name] = time.monotonic() - begun


def _fields(name: str, number: int) -> dict[str, str]:
    return {
        "mode": "insert",
        "external_id": name,
        "full_name": f"Ann Number{number}",
        "phone": f"201 {number // 10_000 % 800 + 200:03} {number % 10_000:04}",
        "note": "first",
        "notes": '[{"status":"Note","notes":"second"}]',
        "tags": "a,b",
        "upload_file_name": "a.txt",
        "upload_file_contents": name,
    }


@dataclass(frozen=True)
class Verdict:
    """What was found: posts answered with a success, saved or without an answer, and what is wrong
    with them."""

    answered: int
    saved: int
    unanswered: int
    lost: int
    doubled: int
    halves: int
    refused: Counter[str]
    longest: float

    def figures(self) -> dict[str, Any]:
        """Return it as a row of a table: how many were refused, not for what."""
        return {**asdict(self), "refused": sum(self.refused.values())}


def judge(load: Load, url: str) -> Verdict:
    """Compare what was answered with what is stored; nothing may wait in a spool any more."""
    engine = create_engine(database_url(url))
    with engine.connect() as connection:
        # Those of ours: a server that starts is asked with a post of another kind.
        ours = text("SELECT external_id FROM lead WHERE external_id LIKE 'p%'")
        leads = Counter(connection.scalars(ours))
        accepted = set(
            connection.scalars(text("SELECT request_id FROM submission WHERE outcome='accepted'"))
        )
        halves = len(set(_halves(connection)))
    engine.dispose()
    answered = {name: each for name, each in load.answers.items() if each.is_success}
    saved = {name: each for name, each in load.answers.items() if each.message.startswith(SAVED)}
    kept = answered | saved
    return Verdict(
        answered=len(answered),
        saved=len(saved),
        unanswered=len(load.unanswered),
        lost=sum(leads[n] == 0 or each.request_id not in accepted for n, each in kept.items()),
        doubled=sum(number > 1 for number in leads.values()),
        halves=halves,
        refused=Counter(e.message for n, e in load.answers.items() if n not in kept),
        longest=max(load.seconds[name] for name in load.answers),
    )


def end_if_wrong(rows: Iterable[Mapping[str, Any]]) -> None:
    """End the program where the figures of a run have posts that came to grief."""
    if any(row[name] for row in rows for name in ("lost", "doubled", "halves", "refused")):
        raise SystemExit("Posts were lost, doubled, halved or refused.")


def _halves(connection: Connection) -> Iterator[int]:
    """Yield each lead that lacks a part, and each whose parts are there without it."""
    ids = set(connection.scalars(text("SELECT lead_id FROM lead WHERE external_id LIKE 'p%'")))
    for table, least in _PARTS.items():
        rows = connection.execute(text(f"SELECT lead_id, count(*) FROM {table} GROUP BY lead_id"))
        counted = {row[0]: row[1] for row in rows}
        yield from (lead_id for lead_id in ids if counted.get(lead_id, 0) < least)
    accepted = text("SELECT lead_id FROM submission WHERE outcome = 'accepted'")
    journalled = Counter(connection.scalars(accepted))
    yield from (lead_id for lead_id in ids if journalled[lead_id] != 1)
    everyone = set(connection.scalars(text("SELECT lead_id FROM lead")))
    yield from (lead_id for lead_id in journalled if lead_id not in everyone)
