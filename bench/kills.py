"""Kills: workers and masters end by SIGKILL at random moments under load.

Ends with exit status 1 where a lead that was answered is not there, whole, or half of one that was
not answered is.
"""

import argparse
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench import report
from bench.body import LOGIN, PASSWORD
from bench.racing import Client
from bench.servers import ENGINES, engine_names, prepare, serve, settings, worker_ids, workplace
from bench.whole import Load, end_if_wrong, judge

MASTER_EVERY = 10
"""One kill in so many takes the master and all its workers."""

LONGEST_PAUSE = 0.6


def main() -> None:
    """Kill, check, print the table, and write it down."""
    options = _options()
    facts = report.facts(kills=options.kills)
    rows = []
    with workplace(options.engines) as (folder, databases):
        for engine in options.engines:
            rows.append(run(engine, databases.make(engine), folder, kills=options.kills))
            print(rows[-1], flush=True)
    shown = _table(facts, rows)
    print(f"\n{shown}")
    if not options.quick:
        report.write("kills", {**facts, "kills": rows}, shown)
    end_if_wrong(rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/kills", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="12 kills; nothing is written down")
    parser.add_argument("--engines", type=engine_names, default=ENGINES, metavar="NAME[,NAME]")
    parser.add_argument("--kills", type=int, default=200)
    options = parser.parse_args()
    if options.quick:
        options.kills = 12
    return options


def run(engine: str, url: str, folder: Path, *, kills: int) -> dict[str, Any]:
    """Return what ``kills`` on one engine came to."""
    environment = settings(url, folder) | {"GATEWAY_SPOOL_DIR": f"{folder}/spool-{engine}"}
    prepare(environment)
    totals: dict[str, Any] = {"engine": engine, "kills": 0, "masters": 0}
    login = {"ai_login_id": LOGIN, "ai_login_password": PASSWORD}
    load: Load | None = None
    try:
        while totals["kills"] < kills:
            with serve("gunicorn.conf.py", environment, folder, workers=2) as server:
                load = _lead_to(load, Client(server.port, login))
                totals["kills"] += _kill_some(server.process, kills - totals["kills"])
                totals["masters"] += 1
        with serve("gunicorn.conf.py", environment, folder, workers=2) as server:
            load = _lead_to(load, Client(server.port, login))
            time.sleep(1)
            load.stop()
    finally:
        if load is not None:
            load.stop()
    return {**totals, **judge(load, url).figures()}


def _lead_to(load: Load | None, client: Client) -> Load:
    """Return ``load``, which posts to ``client`` from now on; begun where there is none yet."""
    if load is None:
        return Load(client)
    load.client = client
    return load


def _kill_some(master: int, most: int) -> int:
    """Kill workers, at last the master with them, and return how many processes were killed."""
    killed = 0
    for _ in range(min(MASTER_EVERY, most)):
        time.sleep(random.uniform(0.05, LONGEST_PAUSE))
        if running := worker_ids(master):
            os.kill(random.choice(running), signal.SIGKILL)
            killed += 1
    for process in (master, *worker_ids(master)):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            killed += 1
    return killed


def _table(facts: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    lines = [
        report.when_and_where(facts),
        "",
        "| engine | kills | of them masters | posts answered | without an answer | lost | doubled "
        "| halves |",
        "|---|---|---|---|---|---|---|---|",
    ]
    keys = "engine kills masters answered unanswered lost doubled halves".split()
    lines.extend(f"| {' | '.join(str(row[key]) for key in keys)} |" for row in rows)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
