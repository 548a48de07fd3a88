"""What the journal costs a plain insert, and what posts see of the purge of a long journal.

The gateway and the same gateway without its journal take turns on one database of each engine, so
that whatever else the machine does hits both. Then a journal of a million old rows is purged while
posts keep coming.
"""

import argparse
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from bench import journal_purge, report
from bench.journal_purge import Purge
from bench.load import Load, drive, driver
from bench.servers import ENGINES, Server, engine_names, prepare, serve, settings, workplace
from config import database_url

WARM_UP = 1.0
WANTED_RATIO = 0.85
QUICK_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Turn:
    """A run without the journal and one with it, one right after the other."""

    without: Load
    whole: Load

    @property
    def ratio(self) -> float:
        """Posts with the journal for each one without it."""
        return self.whole.rate / self.without.rate


def main() -> None:
    """Measure, print the tables, and write them down."""
    options = _options()
    facts = report.facts(
        driver=driver(),
        connections=options.connections,
        workers=options.workers,
        seconds=options.seconds,
        runs=options.runs,
        rows=options.rows,
    )
    costs: dict[str, list[Turn]] = {}
    purges: list[Purge] = []
    with workplace(options.engines) as (folder, databases):
        for engine in options.engines if options.runs else ():
            costs[engine] = _cost(engine, databases.make(engine), folder, options)
        for engine in options.engines if options.rows else ():
            purge = journal_purge.measure(
                engine,
                databases.make(engine),
                folder,
                rows=options.rows,
                seconds=options.seconds,
                workers=options.workers,
            )
            purges.append(purge)
            print(f"{engine}: {purge.rate:.0f} rows a second", flush=True)
    shown = _tables(facts, costs, purges)
    print(f"\n{shown}")
    if not options.quick:
        report.write("journal", _results(facts, costs, purges), shown)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/journal", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"one turn of two seconds, {QUICK_ROWS} rows; the results are not written",
    )
    parser.add_argument("--engines", type=engine_names, default=ENGINES, metavar="NAME[,NAME]")
    parser.add_argument("--connections", type=int, default=16, help="of the plain inserts")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=6.0, help="how long a run takes")
    parser.add_argument("--runs", type=int, default=3, help="turns; 0: only the purge")
    parser.add_argument("--rows", type=int, default=1_000_000, help="to purge; 0: only the cost")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.seconds = min(options.runs, 1), min(options.seconds, 2.0)
        options.rows = min(options.rows, QUICK_ROWS)
    return options


def _cost(engine: str, url: str, folder: Path, options: argparse.Namespace) -> list[Turn]:
    environment = settings(url, folder)
    prepare(environment)
    with ExitStack() as running:
        without, whole = (
            running.enter_context(serve(file, environment, folder, workers=options.workers))
            for file in ("bench/unjournalled_conf.py", "gunicorn.conf.py")
        )
        bench = _Bench(url, folder, options.connections)
        bench.run(without, WARM_UP, journalled=False)
        bench.run(whole, WARM_UP, journalled=True)
        turns = []
        for number in range(1, options.runs + 1):
            loads: dict[bool, Load] = {}
            # Who is first profits from the quiet before it, if anybody does: so not always one.
            for journalled in (True, False) if number % 2 else (False, True):
                server = whole if journalled else without
                loads[journalled] = bench.run(server, options.seconds, journalled=journalled)
            turns.append(Turn(without=loads[False], whole=loads[True]))
            print(
                f"{engine} {number}/{options.runs}: without {turns[-1].without.rate:.0f}/s, "
                f"with {turns[-1].whole.rate:.0f}/s, ratio {turns[-1].ratio:.3f}",
                flush=True,
            )
        return turns


@dataclass(frozen=True, slots=True)
class _Bench:
    """Runs against one engine's two servers, which share a database."""

    url: str
    folder: Path
    connections: int

    def run(self, server: Server, seconds: float, *, journalled: bool) -> Load:
        """Return a run of inserts; ends the program where leads or journal have other rows."""
        leads, posts = self._counted()
        load = drive(
            server.port, self.folder, first=leads, connections=self.connections, seconds=seconds
        )
        new_leads, new_posts = self._counted()
        made = [new_leads - leads, new_posts - posts]
        if made != [load.answers, load.answers if journalled else 0] or load.errors:
            raise SystemExit(
                f"This run does not count: {load.answers} answers, {load.errors} errors, "
                f"{made[0]} new leads, {made[1]} new rows in the journal."
            )
        return load

    def _counted(self) -> tuple[int, int]:
        engine = create_engine(database_url(self.url))
        with engine.connect() as connection:
            leads, posts = (
                connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
                for table in ("lead", "submission")
            )
        engine.dispose()
        return leads, posts


def _tables(
    facts: Mapping[str, Any], costs: Mapping[str, Sequence[Turn]], purges: Sequence[Purge]
) -> str:
    lines = [f"{report.when_and_where(facts)}; load at the end {os.getloadavg()[0]:.2f}."]
    if costs:
        lines += [
            "",
            f"{facts['connections']} connections, {facts['workers']} workers, {facts['runs']} x "
            f"{facts['seconds']:g} s each, {facts['fields']} fields, {facts['driver']}.",
            "",
            "| engine | insert/s without journal | with it | ratio | p50 ms without, with "
            f"| p99 ms without, with | at least {WANTED_RATIO} |",
            "|---|---|---|---|---|---|---|",
        ]
        lines.extend(_cost_row(engine, turns) for engine, turns in costs.items())
    if purges:
        lines += [
            "",
            "| engine | rows purged | keys | seconds | rows/s | posts/s quiet, meanwhile "
            "| p50 ms quiet, meanwhile | p99 ms quiet, meanwhile | longest ms quiet, meanwhile "
            "| posts meanwhile | refused |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        lines.extend(map(_purge_row, purges))
    return "\n".join(lines)


def _cost_row(engine: str, turns: Sequence[Turn]) -> str:
    def middle(of: Callable[[Turn], float]) -> str:
        return f"{statistics.median(map(of, turns)):.1f}"

    ratio = statistics.median(turn.ratio for turn in turns)
    cells = [
        engine,
        _spread([turn.without.rate for turn in turns], ".0f"),
        _spread([turn.whole.rate for turn in turns], ".0f"),
        _spread([turn.ratio for turn in turns], ".3f"),
        f"{middle(lambda turn: turn.without.p50)}, {middle(lambda turn: turn.whole.p50)}",
        f"{middle(lambda turn: turn.without.p99)}, {middle(lambda turn: turn.whole.p99)}",
        "yes" if ratio >= WANTED_RATIO else "no",
    ]
    return f"| {' | '.join(cells)} |"


def _spread(values: Sequence[float], shape: str) -> str:
    three = (min(values), statistics.median(values), max(values))
    return " / ".join(format(value, shape) for value in three)


def _purge_row(purge: Purge) -> str:
    quiet, busy = purge.quiet, purge.busy
    cells = [
        purge.engine,
        f"{purge.rows:,}",
        f"{purge.keys:,}",
        f"{purge.seconds:.0f}",
        f"{purge.rate:.0f}",
        f"{quiet.rate:.0f}, {busy.rate:.0f}",
        f"{quiet.p50:.1f}, {busy.p50:.1f}",
        f"{quiet.p99:.1f}, {busy.p99:.1f}",
        f"{quiet.longest:.0f}, {busy.longest:.0f}",
        str(busy.answers),
        str(busy.errors),
    ]
    return f"| {' | '.join(cells)} |"


def _results(
    facts: Mapping[str, Any], costs: Mapping[str, Sequence[Turn]], purges: Sequence[Purge]
) -> dict[str, Any]:
    return {
        **facts,
        "cost": {
            engine: [{**asdict(turn), "ratio": turn.ratio} for turn in turns]
            for engine, turns in costs.items()
        },
        "purge": [{**asdict(each), "rate": each.rate} for each in purges],
    }


if __name__ == "__main__":
    main()
