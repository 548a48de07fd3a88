"""Replays at one instant, and one that is killed: the post is done once, and not lost."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.replaying import Corrections, Replayed, replay
from gateway.testing import Gateway
from tests.replay.replays import refuse, replayed, row_of, why

ROOT = Path(__file__).parents[2]


def test_one_of_many_who_replay_at_once_makes_the_lead(gateway: Gateway) -> None:
    old = refuse(gateway)
    mend = Corrections(values={"mode": ("insert",)})
    start = threading.Barrier(8)
    results: list[Replayed] = []

    def work() -> None:
        start.wait()
        results.append(replay(gateway.system, old, corrections=mend))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert gateway.count() == 1
    assert len(results) == 8
    assert [each.outcome for each in results].count("accepted") == 1
    accepted = next(each for each in results if each.outcome == "accepted")
    row = row_of(gateway, old)
    assert (row["outcome"], row["superseded_by"]) == ("superseded", accepted.replay)


KILLED = """
import os, signal, sys
from config import settings
from gateway.app import create_app
from gateway.replaying import Corrections, replay
from gateway import journal

def die(*given, **named):
    os.kill(os.getpid(), signal.SIGKILL)

url, files, request_id, moment = sys.argv[1:]
app = create_app(settings(DATABASE_URL=url, GATEWAY_FILES_URL=files))
if moment == "before":
    # When all rows of the lead are written.
    journal.record = die
replay(app.extensions["gateway"], request_id, corrections=Corrections(values={"mode": ("insert",)}))
die()
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_kill_in_the_middle_neither_loses_nor_doubles(gateway: Gateway, moment: str) -> None:
    old = refuse(gateway)
    given = gateway.system.settings
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, given.DATABASE_URL, given.GATEWAY_FILES_URL, old, moment],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert gateway.count() == (moment == "after")
    if moment == "after":
        assert why(gateway, old).endswith("stands in its place")
    else:
        (result,) = replayed(gateway, old, "--set", "mode=insert")
        assert result["outcome"] == "accepted"
    assert gateway.count() == 1
