"""What it costs to look for a lead among few and among many, and what that makes of a post.

Fills a database on each engine to one size after the other; at each it times the look-up by itself,
then posts through the server: plain inserts, and ``match_update`` that finds nothing or a lead, in
turns. At the last size it makes all match keys anew while posts keep coming.
"""

import argparse
import random
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select

import config
from bench import filling, lookup_table, report
from bench.body import MATCH, MATCH_WITH_NEWS, PERSON
from bench.load import Load, drive, driver, is_success, post
from bench.look_up_times import WARM_UP, time_look_ups
from bench.lookup_table import Posts, Rekey, Size
from bench.servers import ENGINES, Server, engine_names, prepare, serve, settings, workplace
from gateway.app import create_app
from gateway.contract import System
from gateway.database import reading
from gateway.models import Lead, MatchKey

CHECKED = 20
"""Persons for whom the keys of a post are compared with those that the filling makes."""

FIRST_POSTED = 8_000_000
"""Persons from this number on are posted, those below are filled in."""

MOST = 7_000_000
DEFAULT_SIZES = (1_000, 100_000, 1_000_000)
SHORT = 1.0


@dataclass
class Bench:
    """One engine's database and server; ``fresh`` is the last person posted so far."""

    engine: str
    environment: Mapping[str, str]
    folder: Path
    system: System
    server: Server
    options: argparse.Namespace
    kept: Connection
    fresh: int = FIRST_POSTED

    def posts(self, size: int) -> Posts:
        """Return the rates of the three kinds of post, which take turns."""
        turns = []
        for turn in range(self.options.runs):
            first = self.fresh
            plain = self._fresh(PERSON)
            missing = self._fresh(MATCH)
            # Leads from all over the base; where it is too small, those that were made just now.
            spread = turn * (size // self.options.runs)
            is_large = size // self.options.runs > 2 * plain.answers
            finding = self._run(MATCH_WITH_NEWS, first=spread if is_large else first, new=False)
            turns.append((plain, missing, finding))
            print(
                f"{self.engine} {size}: insert {plain.rate:.0f}/s, "
                f"miss {missing.rate:.0f}/s, hit {finding.rate:.0f}/s",
                flush=True,
            )
        return Posts(turns)

    def _fresh(self, body: str, seconds: float | None = None) -> Load:
        load = self._run(body, first=self.fresh, new=True, seconds=seconds)
        self.fresh += load.answers
        return load

    def _run(self, body: str, *, first: int, new: bool, seconds: float | None = None) -> Load:
        """Return a run; ends the program where it did not make as many leads as it must."""
        before = self._count()
        load = drive(
            self.server.port,
            self.folder,
            first=first,
            connections=self.options.connections,
            seconds=seconds or self.options.seconds,
            template=body,
        )
        made = self._count() - before
        if made != (load.answers if new else 0) or load.errors:
            raise SystemExit(
                f"This run does not count: {load.answers} answers, {made} new leads, "
                f"{load.errors} errors."
            )
        return load

    def _count(self) -> int:
        with reading(self.system.engine) as connection:
            return int(
                connection.execute(select(func.count()).select_from(Lead.__table__)).scalar_one()
            )

    def rekey(self) -> Rekey:
        """Return how fast all keys are made anew, and what posts see of it."""
        quiet = self._fresh(PERSON)
        command = [sys.executable, "-m", "flask", "match", "rekey"]
        with subprocess.Popen(
            command, cwd=config.ROOT, env=dict(self.environment), stdout=subprocess.PIPE, text=True
        ) as process:
            busy = self._fresh(PERSON)
            if process.poll() is not None:
                print(f"{self.engine}: the rekey ended before the posts did", flush=True)
            said, _ = process.communicate()
        found = re.search(r"Rekeyed (\d+) leads .*: (\d+) a second", said)
        if process.returncode or not found:
            raise SystemExit(f"flask match rekey failed: {said}")
        return Rekey(leads=int(found[1]), rate=int(found[2]), quiet=quiet, busy=busy)


def main() -> None:
    """Fill, measure, print the tables, and write them down."""
    options = _options()
    facts = report.facts(
        driver=driver(),
        sizes=options.sizes,
        connections=options.connections,
        workers=options.workers,
        seconds=options.seconds,
        runs=options.runs,
        samples=options.samples,
    )
    sizes: list[Size] = []
    rekeys: dict[str, Rekey] = {}
    with workplace(options.engines) as (folder, databases), ExitStack() as running:
        benches = [
            _bench(engine, databases.make(engine), folder, options, running)
            for engine in options.engines
        ]
        mould = _mould(benches)
        filled = 0
        for size in options.sizes:
            print(f"filling to {size}", flush=True)
            filling.fill([each.system for each in benches], mould, range(filled + 1, size + 1))
            filled = size
            for bench in benches:
                filling.analyse(bench.system)
                sizes.append(_measure(bench, mould, size))
        if options.rekey:
            for bench in benches:
                rekeys[bench.engine] = bench.rekey()
    shown = lookup_table.tables(facts, sizes, rekeys)
    print(f"\n{shown}")
    if options.write:
        report.write("lookup", lookup_table.results(facts, sizes, rekeys), shown)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/lookup", description=__doc__)
    parser.add_argument(
        "--sizes", type=_sizes, default=DEFAULT_SIZES, metavar="N[,N]", help="leads, ascending"
    )
    parser.add_argument("--engines", type=engine_names, default=ENGINES[:2], metavar="NAME[,NAME]")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a run takes")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=2000, help="look-ups that are timed")
    parser.add_argument("--no-rekey", dest="rekey", action="store_false")
    parser.add_argument("--no-write", dest="write", action="store_false")
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(each) for each in text.split(","))
    if list(sizes) != sorted(set(sizes)) or not 100 <= sizes[0] <= sizes[-1] <= MOST:
        raise argparse.ArgumentTypeError(f"ascending numbers from 100 to {MOST}")
    return sizes


def _bench(
    engine: str, url: str, folder: Path, options: argparse.Namespace, running: ExitStack
) -> Bench:
    environment = settings(url, folder)
    prepare(environment)
    app = create_app(
        config.settings(DATABASE_URL=url, GATEWAY_FILES_URL=environment["GATEWAY_FILES_URL"])
    )
    system = app.extensions["gateway"]
    running.callback(system.engine.dispose)
    server = running.enter_context(
        serve("gunicorn.conf.py", environment, folder, workers=options.workers)
    )
    kept = running.enter_context(reading(system.engine))
    return Bench(engine, environment, folder, system, server, options, kept)


def _mould(benches: Sequence[Bench]) -> filling.Mould:
    """Return the rows to copy; ends the program where copies had other keys than posted leads."""
    for bench in benches:
        for number in (*range(FIRST_POSTED - CHECKED, FIRST_POSTED), filling.SAMPLE):
            if not is_success(post(bench.server.port, number, PERSON)):
                raise SystemExit(f"{bench.engine}: the post of person {number} was not taken.")
    with reading(benches[0].system.engine) as connection:
        mould = filling.mould(connection)
    for bench in benches:
        _check_keys(bench, mould)
    return mould


def _check_keys(bench: Bench, mould: filling.Mould) -> None:
    lead, key = Lead.__table__, MatchKey.__table__
    for number in range(FIRST_POSTED - CHECKED, FIRST_POSTED):
        cast = mould.person(number)
        with reading(bench.system.engine) as connection:
            stored = connection.execute(
                select(key.c.digest, key.c.rule, key.c.version)
                .join(lead, lead.c.lead_id == key.c.lead_id)
                .where(lead.c.full_name == cast["full_name"])
            ).all()
        made = filling.keys(bench.system, cast)
        if {tuple(row) for row in stored} != {
            (row["digest"], row["rule"], row["version"]) for row in made
        }:
            raise SystemExit(f"{bench.engine}: filled leads have other keys than posted ones.")


def _measure(bench: Bench, mould: filling.Mould, size: int) -> Size:
    count = bench.options.samples + WARM_UP
    chosen = [random.randint(1, size) for _ in range(count)]
    present = [mould.person(number) for number in chosen]
    absent = [mould.person(MOST + number) for number in random.sample(range(100_000), count)]
    with reading(bench.system.engine) as connection:
        hit = time_look_ups(connection, bench.system, present, found=True)
        miss = time_look_ups(connection, bench.system, absent, found=False)
    kept = time_look_ups(bench.kept, bench.system, present, found=True)
    # A transaction that only reads must not stay open while others write.
    bench.kept.rollback()
    print(
        f"{bench.engine} {size}: hit {hit.p50:.0f} us, miss {miss.p50:.0f} us, "
        f"on an old connection {kept.p50:.0f} us",
        flush=True,
    )
    return Size(bench.engine, size, hit=hit, miss=miss, kept=kept, posts=bench.posts(size))


if __name__ == "__main__":
    main()
