"""How many 20-field inserts a second the gateway stores, beside a no-op on the same server.

Each engine gets a fresh database; the no-op and the insert take turns, so that whatever else the
machine does hits both. A run counts only if the database has exactly one new row an answer.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import report
from bench.load import Load, drive, driver
from bench.servers import (
    ENGINES,
    Server,
    count_leads,
    engine_names,
    prepare,
    serve,
    settings,
    workplace,
)

WARM_UP = 1.0


def main() -> None:
    """Measure, print the table, and write it down."""
    options = _options()
    if options.quick:
        options.runs, options.seconds = 1, min(options.seconds, 2.0)
    facts = report.facts(
        driver=driver(),
        connections=options.connections,
        workers=options.workers,
        seconds=options.seconds,
        runs=options.runs,
    )
    measured = []
    with workplace(options.engines) as (folder, databases):
        for engine in options.engines:
            url = databases.make(engine)
            pairs = _measure(engine, url, folder, options)
            measured.append(report.engine(engine, url, pairs))
    print(f"\n{report.table(facts, measured)}")
    if not options.quick:
        report.write("insert", {**facts, "engines": measured}, report.table(facts, measured))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/insert", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one run of two seconds; the results are not written"
    )
    parser.add_argument("--engines", type=engine_names, default=ENGINES, metavar="NAME[,NAME]")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long a run takes")
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


def _measure(
    engine: str, url: str, folder: Path, options: argparse.Namespace
) -> Sequence[report.Pair]:
    environment = settings(url, folder)
    prepare(environment)
    with ExitStack() as running:
        noop, gateway = (
            running.enter_context(serve(file, environment, folder, workers=options.workers))
            for file in ("bench/noop_conf.py", "gunicorn.conf.py")
        )
        bench = _Bench(folder, environment, options.connections)
        bench.noop(noop, WARM_UP)
        bench.insert(gateway, WARM_UP)
        pairs = []
        for run in range(1, options.runs + 1):
            pair = report.Pair(
                bench.noop(noop, options.seconds), bench.insert(gateway, options.seconds)
            )
            pairs.append(pair)
            print(
                f"{engine} {run}/{options.runs}: no-op {pair.noop.load.rate:.0f}/s, "
                f"insert {pair.insert.load.rate:.0f}/s, ratio {pair.ratio:.3f}, "
                f"p50 {pair.insert.load.p50:.1f} ms, p99 {pair.insert.load.p99:.1f} ms",
                flush=True,
            )
        return pairs


@dataclass(frozen=True, slots=True)
class _Bench:
    """Runs against one engine's pair of servers."""

    folder: Path
    environment: Mapping[str, str]
    connections: int

    def noop(self, server: Server, seconds: float) -> report.Run:
        return self._run(server, first=0, seconds=seconds)

    def insert(self, server: Server, seconds: float) -> report.Run:
        """Return a run of inserts; ends the program where answers and new rows differ."""
        before = count_leads(self.environment)
        run = self._run(server, first=before, seconds=seconds)
        rows = count_leads(self.environment) - before
        if rows != run.load.answers or run.load.errors:
            raise SystemExit(
                f"This run does not count: {run.load.answers} answers, {rows} new rows, "
                f"{run.load.errors} errors."
            )
        return run

    def _run(self, server: Server, *, first: int, seconds: float) -> report.Run:
        before = server.processor_seconds()
        load: Load = drive(
            server.port, self.folder, first=first, connections=self.connections, seconds=seconds
        )
        after = server.processor_seconds()
        share = [(late - early) / load.seconds for early, late in zip(before, after, strict=True)]
        return report.Run(load, tuple(share), os.getloadavg()[0])


if __name__ == "__main__":
    main()
