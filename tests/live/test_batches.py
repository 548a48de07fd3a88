"""A worker that is killed while it leads a batch: each post is there whole, or not at all."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from live_gateway import Answer, LiveGateway, form, request
from sqlalchemy import create_engine, select

from config import database_url
from gateway.models import Lead, LeadNote, LeadTag, Submission

POSTS = 400


@pytest.mark.parametrize("rules", [{}, {"match_update": "1", "match_phone": "1"}])
def test_killed_worker_leaves_whole_posts_only(
    start: Callable[..., LiveGateway], engine: str, rules: dict[str, str]
) -> None:
    gateway = start(engine)
    with ThreadPoolExecutor(16) as threads:
        answers = [threads.submit(send, gateway, number, rules) for number in range(POSTS)]
        # In the middle of it, a tenth after the other: between two posts a worker may have none.
        for tenth in range(1, 10):
            while sum(each.done() for each in answers) < POSTS * tenth // 10:
                time.sleep(0.005)
            if any(each.done() and each.result() is None for each in answers):
                break
            for worker in gateway.workers:
                os.kill(worker, signal.SIGKILL)
        told = {
            number: answer.lead_id
            for number, each in enumerate(answers)
            if (answer := each.result()) is not None
        }
    assert len(told) < POSTS, "no worker died with a post"
    names, notes, tags, accepted = stored(gateway)
    assert all(names[lead_id] == f"Ann {number}" for number, lead_id in told.items())
    assert len(set(names.values())) == len(names), "a post was stored twice"
    assert sorted(notes) == sorted(names) == sorted(accepted)
    assert sorted(tags) == sorted([*names, *names])


def send(gateway: LiveGateway, number: int, rules: dict[str, str]) -> Answer | None:
    """Return the answer, ``None`` where the connection ended without one."""
    person = {"full_name": f"Ann {number}", "phone": f"503-555-{number:04}", **rules}
    try:
        return gateway.exchange(request(form(**person, note="n", tags="a,b"), "Connection: close"))
    except (OSError, ValueError, AssertionError):
        return None
    except Exception as error:
        # http.client's own names for an answer that broke off.
        if type(error).__module__ == "http.client":
            return None
        raise


def stored(
    gateway: LiveGateway,
) -> tuple[dict[int, str], list[int], list[int], list[int]]:
    """Return the names of all leads by id, and of which leads notes, tags and the journal are."""
    engine = create_engine(database_url(gateway.environment["DATABASE_URL"]))
    lead, note, tag, row = (model.__table__ for model in (Lead, LeadNote, LeadTag, Submission))
    with engine.connect() as connection:
        found = connection.execute(select(lead.c.lead_id, lead.c.full_name)).all()
        ids = [
            list(connection.execute(select(table.c.lead_id)).scalars())
            for table in (note, tag, row)
        ]
    engine.dispose()
    return {each.lead_id: each.full_name for each in found}, ids[0], ids[1], ids[2]
