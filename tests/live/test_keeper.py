"""What the keeper of a worker does with search keys, also while workers are killed."""

import os
import signal
import time
from collections.abc import Callable
from uuid import uuid4

from live_gateway import PATIENCE, LiveGateway, form, request
from sqlalchemy import insert

from gateway.journal import key_rows
from gateway.models import PendingKeys, SubmissionKey
from tests.stored_rows import count, search_keys

_pending, _sorted = PendingKeys.__table__, SubmissionKey.__table__


def plant(gateway: LiveGateway) -> set[str]:
    """Let a run of posts wait; return their ids."""
    rows = [
        {"request_id": str(uuid4()), "digests": os.urandom(5 * 16)} for _ in range(key_rows.RUN)
    ]
    with gateway.inside.system.engine.begin() as connection:
        for start in range(0, len(rows), 1000):
            connection.execute(insert(_pending), rows[start : start + 1000])
    return {str(row["request_id"]) for row in rows}


def test_keys_are_sorted_in_while_posts_come_and_workers_are_killed(
    start: Callable[..., LiveGateway], engine: str
) -> None:
    gateway = start(engine)
    planted = plant(gateway)
    sent = set()
    killed = 0
    end = time.monotonic() + PATIENCE
    # Whoever is killed leaves less than a run, so the rest waits for more.
    while (left := count(gateway.inside, _pending)) >= key_rows.RUN or not killed:
        assert time.monotonic() < end, left
        answer = gateway.exchange(request(form(phone="503-555-0100", last_name="Lee")))
        sent.add(answer.headers["X-Request-Id"])
        if count(gateway.inside, _sorted) and not killed:
            gateway.wait_for_workers()
            for worker in gateway.workers:
                os.kill(worker, signal.SIGKILL)
            killed += 1
            gateway.wait_for_workers()
    keys = search_keys(gateway.inside)
    assert len(keys) == len(set(keys))
    assert {request_id for request_id, _ in keys} == planted | sent
    assert len([each for each, _ in keys if each in planted]) == 5 * len(planted)
