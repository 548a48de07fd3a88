"""Workers and masters that are killed under load: what was answered is there, whole."""

from pathlib import Path

from bench.kills import run
from gateway.testing.databases import Databases


def test_killed_workers_lose_and_halve_no_lead(
    databases: Databases, engine: str, tmp_path: Path
) -> None:
    found = run(engine, databases.make(engine), tmp_path, kills=12)
    assert found["kills"] >= 12
    assert found["answered"] > 0
    wrong = {name: found[name] for name in ("lost", "doubled", "halves", "refused")}
    assert wrong == dict.fromkeys(wrong, 0)
