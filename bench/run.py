"""Every kind of post beside a no-op and a parse-only POST on the same server, on each engine.

Each round runs the no-op, the no-op by Gunicorn's own worker, parse-only and all cases one after
another, so that whatever else the machine does hits them alike; a ratio is that of one round. A run
counts only if the database has exactly the new leads, files and rows of the journal that its
answers promise.
"""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

import config
from bench import filling, report, run_table
from bench.body import PERSON, TEMPLATE
from bench.cases import FIRST_NEW, PLUGIN, Case, cases
from bench.load import DRAIN, Load, drive, driver, is_success, post
from bench.run_table import Sample
from bench.servers import ENGINES, Server, engine_names, prepare, serve, settings, workplace
from gateway.app import create_app
from gateway.contract import System
from gateway.database import reading
from gateway.models import Lead, LeadExternalId, LeadFile, Submission

NOOP, GTHREAD, PARSE = "no-op", "no-op, gthread", "parse only"
CONFIGURATIONS = {
    NOOP: "bench/noop_conf.py",
    GTHREAD: "bench/noop_gthread_conf.py",
    PARSE: "bench/parse_only_conf.py",
    "": "gunicorn.conf.py",
}
SIZES = (1_000, 100_000, 1_000_000)
EXTERNAL_IDS = 200_000
WARM_UP = 1.0
SPREAD = 20_000
"""Leads from which on those that are found lie all over the base."""


@dataclass
class Bench:
    """One engine: its database, its servers, and the next new person."""

    engine: str
    folder: Path
    system: System
    servers: dict[str, Server]
    seconds: float
    fresh: int = FIRST_NEW
    samples: list[Sample] = field(default_factory=list)

    def round(self, chosen: Sequence[Case], connections: int, size: int) -> None:
        """Run the three baselines and the cases, the plain insert first; keep the samples."""
        noop, gthread, parse = (
            self._measure(name, TEMPLATE, 0, connections) for name in (NOOP, GTHREAD, PARSE)
        )
        known = self.fresh
        found = [(NOOP, noop), (GTHREAD, gthread), (PARSE, parse)]
        for case in chosen:
            first = self._first(case, known, size)
            before = self._rows()
            run = self._measure("", case.body, first, connections, drain=case.drain)
            self._check(case, run.load, before)
            if case.makes:
                self.fresh += run.load.answers
            found.append((case.name, run))
        insert_rate = found[len(found) - len(chosen)][1].load.rate
        for name, run in found:
            is_baseline = name in CONFIGURATIONS
            sample = Sample(
                self.engine,
                name,
                connections,
                run,
                ratio=run.load.rate / noop.load.rate,
                ratio_gthread=run.load.rate / gthread.load.rate,
                to_insert=None if is_baseline else run.load.rate / insert_rate,
            )
            self.samples.append(sample)
            print(run_table.line(sample), flush=True)

    def warm(self) -> None:
        for name in CONFIGURATIONS:
            run = self._measure(name, TEMPLATE, self.fresh, 16, seconds=WARM_UP)
            self.fresh += run.load.answers

    def _first(self, case: Case, known: int, size: int) -> int:
        if case.makes:
            return self.fresh
        if "external_id" in case.name or size >= SPREAD:
            # Another stretch of them each time.
            return (len(self.samples) * 7919) % max(size - SPREAD, 1)
        return known

    def _measure(
        self,
        name: str,
        body: str,
        first: int,
        connections: int,
        *,
        seconds: float | None = None,
        drain: float = DRAIN,
    ) -> report.Run:
        server = self.servers[name]
        before = server.processor_seconds()
        load: Load = drive(
            server.port,
            self.folder,
            first=first,
            connections=connections,
            seconds=seconds or self.seconds,
            template=body,
            drain=drain,
        )
        after = server.processor_seconds()
        share = [(late - early) / load.seconds for early, late in zip(before, after, strict=True)]
        return report.Run(load, tuple(share), report.load_average())

    def _rows(self) -> tuple[int, int, int]:
        with reading(self.system.engine) as connection:
            return (
                _count(connection, Lead),
                _count(connection, Submission),
                _count(connection, LeadFile),
            )

    def _check(self, case: Case, load: Load, before: tuple[int, int, int]) -> None:
        """End the program where the answers and the rows differ."""
        made = tuple(now - then for now, then in zip(self._rows(), before, strict=True))
        leads = load.answers if case.makes else 0
        wanted = (leads, load.answers, leads if "file" in case.name else 0)
        if made != wanted or load.errors:
            raise SystemExit(
                f"{self.engine}, {case.name}: this run does not count. {load.answers} answers, "
                f"{load.errors} errors; leads, journal and files are {made} and not {wanted} more."
            )


def _count(connection: Connection, model: type) -> int:
    table = model.__table__  # type: ignore[attr-defined]
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def main() -> None:
    """Measure, print the table, and write it down."""
    options = _options()
    facts = report.facts(
        driver=driver(),
        connections=" and ".join(map(str, options.connections)),
        workers=options.workers,
        seconds=options.seconds,
        runs=options.runs,
    )
    samples: list[Sample] = []
    with workplace(options.engines) as (folder, databases):
        for engine in options.engines:
            with ExitStack() as running:
                bench = _bench(engine, databases.make(engine), folder, options, running)
                _run(bench, options)
                samples += bench.samples
            shown = run_table.table(facts, samples)
            # After each engine: what comes then may take an hour, and fail.
            if options.write:
                report.write("run", run_table.results(facts, samples), shown)
    print(f"\n{shown}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one short round, 16 connections, 1 k leads; not written",
    )
    parser.add_argument("--engines", type=engine_names, default=ENGINES, metavar="NAME[,NAME]")
    parser.add_argument("--sizes", type=_numbers, default=SIZES, metavar="N[,N]")
    parser.add_argument("--connections", type=_numbers, default=(16, 64), metavar="N[,N]")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a run takes")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-write", dest="write", action="store_false")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.seconds, options.write = 1, 1.0, False
        options.sizes, options.connections = SIZES[:1], (16,)
    return options


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(each) for each in text.split(","))
    if list(numbers) != sorted(set(numbers)) or numbers[0] < 1:
        raise argparse.ArgumentTypeError("ascending numbers")
    return numbers


def _bench(
    engine: str, url: str, folder: Path, options: argparse.Namespace, running: ExitStack
) -> Bench:
    (folder / "bench_plugin.py").write_text(PLUGIN)
    environment = settings(url, folder) | {
        "GATEWAY_PLUGINS": "bench_plugin",
        "PYTHONPATH": str(folder),
    }
    prepare(environment)
    app = create_app(
        config.settings(DATABASE_URL=url, GATEWAY_FILES_URL=environment["GATEWAY_FILES_URL"])
    )
    system: System = app.extensions["gateway"]
    running.callback(system.engine.dispose)
    servers = {
        name: running.enter_context(serve(file, environment, folder, workers=options.workers))
        for name, file in CONFIGURATIONS.items()
    }
    return Bench(engine, folder, system, servers, options.seconds)


def _run(bench: Bench, options: argparse.Namespace) -> None:
    if not is_success(post(bench.servers[""].port, filling.SAMPLE, PERSON)):
        raise SystemExit(f"{bench.engine}: the sample was not taken.")
    with reading(bench.system.engine) as connection:
        mould = filling.mould(connection)
    every, filled = cases(options.sizes), 0
    for size in options.sizes:
        filling.fill([bench.system], mould, range(filled + 1, size + 1))
        if not filled:
            _add_external_ids(bench.system)
        filling.analyse(bench.system)
        filled = size
        bench.warm()
        chosen = [case for case in every if (case.size or options.sizes[0]) == size]
        for connections in options.connections:
            for _ in range(options.runs):
                bench.round(chosen, connections, size)


def _add_external_ids(system: System) -> None:
    """Give the leads that are there external ids, many each, for updates that go by them."""
    table = LeadExternalId.__table__
    with system.engine.begin() as connection:
        leads = connection.execute(select(Lead.__table__.c.lead_id)).scalars().all()
        rows = [
            {"external_id": f"E{number:07}", "lead_id": leads[number % len(leads)]}
            for number in range(EXTERNAL_IDS)
        ]
        connection.execute(insert(table), rows)


if __name__ == "__main__":
    main()
