"""Outages under load: the server refuses, falls silent, and breaks connections in their COMMIT.

Real gunicorn processes behind a proxy. Ends with exit status 1 where a post was lost or doubled.
SQLite has no server; there another program locks the file.
"""

import argparse
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from bench import report
from bench.body import LOGIN, PASSWORD
from bench.proxy import Proxy
from bench.racing import Client
from bench.servers import ENGINES, engine_names, prepare, serve, settings, workplace
from bench.whole import Load, end_if_wrong, judge
from config import database_url

CUTS = 4
"""Connections that break in their COMMIT as each outage begins."""

_STUCK = 60
"""Seconds without any post leaving the spool after which a run fails."""


def main() -> None:
    """Take it away, count, print the table, and write it down."""
    options = _options()
    facts = report.facts(outages=options.outages, seconds=options.seconds)
    rows = []
    with workplace(options.engines) as (folder, databases):
        for engine in options.engines:
            rows.append(_run(engine, databases.make(engine), folder, options))
            print(rows[-1], flush=True)
    shown = _table(facts, rows)
    print(f"\n{shown}")
    if not options.quick:
        report.write("outage", {**facts, "outages": rows}, shown)
    end_if_wrong(rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/outage", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two outages; nothing is written down")
    parser.add_argument("--engines", type=engine_names, default=ENGINES, metavar="NAME[,NAME]")
    parser.add_argument("--outages", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each lasts")
    options = parser.parse_args()
    if options.quick:
        options.outages, options.seconds = 2, 2.0
    return options


def _run(engine: str, url: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with ExitStack() as at_end:
        led, proxy = url, None
        if engine != "sqlite":
            parsed = make_url(database_url(url))
            proxy = at_end.enter_context(Proxy((parsed.host or "127.0.0.1", parsed.port or 0)))
            led = parsed.set(host="127.0.0.1", port=proxy.port).render_as_string(
                hide_password=False
            )
        environment = settings(led, folder) | {"GATEWAY_SPOOL_DIR": f"{folder}/spool-{engine}"}
        prepare(environment)
        server = at_end.enter_context(serve("gunicorn.conf.py", environment, folder, workers=2))
        load = Load(Client(server.port, {"ai_login_id": LOGIN, "ai_login_password": PASSWORD}))
        at_end.callback(load.stop)
        for number in range(options.outages):
            time.sleep(options.seconds)
            back = _take_away(url, proxy, is_silent=number % 2 == 1)
            time.sleep(options.seconds)
            back()
        time.sleep(options.seconds)
        load.stop()
        _await_drained(folder / f"spool-{engine}")
        verdict = judge(load, url)
    return {
        "engine": engine,
        "outages": options.outages,
        "cuts": proxy.cuts if proxy else 0,
        **verdict.figures(),
    }


def _take_away(url: str, proxy: Proxy | None, *, is_silent: bool) -> Callable[[], None]:
    """Take the database away, and return what brings it back."""
    if proxy is None:
        # Another program that locks the file, and may or may not let go before posts give up.
        database = str(make_url(url).database)
        holder = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN IMMEDIATE")
        return holder.close
    proxy.cut_commits(CUTS)
    time.sleep(0.2)
    if is_silent:
        proxy.stall()
        return proxy.flow
    proxy.refuse()
    return proxy.accept


def _await_drained(spool: Path) -> None:
    """Wait until nothing is spooled; ends the program where nothing leaves for a minute."""
    left, end = -1, 0.0
    while now_left := len(list(spool.rglob("*.post"))):
        if now_left != left:
            left, end = now_left, time.monotonic() + _STUCK
        if time.monotonic() > end:
            raise SystemExit(f"{left} posts stay in the spool.")
        time.sleep(0.5)


def _table(facts: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    lines = [
        f"{report.when_and_where(facts)}; outages of {facts['seconds']:g} s, in turn refusing and "
        "silent.",
        "",
        "| engine | outages | COMMITs cut | posts answered | saved and drained | lost | doubled "
        "| halves | longest answer s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        keys = "engine outages cuts answered saved lost doubled halves".split()
        cells = [str(row[key]) for key in keys]
        lines.append(f"| {' | '.join([*cells, format(row['longest'], '.2f')])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
