"""An import that is killed goes on, and neither loses nor doubles a lead; posts come meanwhile."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_gateway import PATIENCE, LiveGateway, form, request
from sqlalchemy import create_engine, text

from config import ROOT, database_url
from tests.gate import PLUGIN, shut_gate

ROWS = 3000


def file_of(folder: Path, *, column: str = "") -> Path:
    path = folder / "leads.csv"
    lines = [f"Joan Example,{5_032_000_000 + n},k{n},n,{n}" for n in range(ROWS)]
    lines[17] = "broken"
    header = "full_name,phone,tags,note,external_id"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def start_import(gateway: LiveGateway, path: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "lead", "import", str(path), "--json", *words],
        cwd=ROOT,
        env=gateway.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, trouble = process.communicate(timeout=PATIENCE * 4)
    assert process.returncode == 1, trouble  # one line is broken
    return dict(json.loads(out))


@pytest.mark.parametrize("words", [(), ("--match",)], ids=["plain", "match"])
def test_killed_import_goes_on_and_doubles_nothing(
    start: Callable[..., LiveGateway], engine: str, tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = file_of(tmp_path)
    if words:
        path.write_text("\n".join(path.read_text().splitlines()[:301]) + "\n")
    rows = len(path.read_text().splitlines()) - 2
    gate = shut_gate(tmp_path, f"{5_032_000_000 + rows - 10}")
    gateway = start(engine, GATEWAY_PLUGINS=PLUGIN, PYTHONPATH=str(tmp_path))
    database = create_engine(database_url(gateway.environment["DATABASE_URL"]))

    def through() -> int:
        with database.connect() as connection:
            return (
                connection.execute(text("SELECT max(through_line) FROM import_run")).scalar() or 0
            )

    process = start_import(gateway, path, "--batch", "50", *words)
    end = time.monotonic() + PATIENCE
    while through() < 100 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert 100 <= through() < rows + 2
    assert process.returncode == -signal.SIGKILL
    gate.unlink()
    # A post meanwhile is stored as ever, also between the ids of the file.
    assert gateway.exchange(request(form(phone="999"), "Connection: close")).lead_id > 1001
    done = finished(start_import(gateway, path, "--resume", *words))
    assert (done["created"], done["refused"]) == (rows, 1)
    with database.connect() as connection:
        for statement, wanted in {
            "SELECT count(*) FROM lead": rows + 1,
            "SELECT count(DISTINCT phone) FROM lead": rows + 1,
            "SELECT count(*) FROM lead_note": rows,
            "SELECT count(*) FROM lead_tag": rows,
            "SELECT count(*) FROM lead_external_id": rows,
        }.items():
            assert connection.execute(text(statement)).scalar_one() == wanted, statement
    database.dispose()
    errors = Path(f"{path}.errors.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in errors] == ["line", "19"]


def test_posts_are_answered_while_an_import_runs(
    start: Callable[..., LiveGateway], engine: str, tmp_path: Path
) -> None:
    gateway = start(engine)
    process = start_import(gateway, file_of(tmp_path))
    ids: list[int] = []
    while process.poll() is None:
        post = form(match_update="1", full_name="Ann Lee", phone=f"503 222 {len(ids):04}")
        ids.append(gateway.exchange(request(post, "Connection: close")).lead_id)
    assert finished(process)["created"] == ROWS - 1
    assert len(set(ids)) == len(ids) > 0
    assert gateway.count() == ROWS - 1 + len(ids)
