"""Races of many posts at one instant, judged against every order one after another.

Real gunicorn processes and a fresh database on each engine. Ends with exit status 1 where a single
round came out as no order of its posts explains, or anything else about it was wrong.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import config
from bench import report
from bench.body import LOGIN, PASSWORD
from bench.judging import run
from bench.racing import Client
from bench.servers import ENGINES, engine_names, prepare, serve, settings, workplace
from bench.variants import VARIANTS, Variant
from gateway.app import create_app
from gateway.contract import System

SHOWN_FAULTS = 5
"""Faults of a variant that are printed whole."""

MOST_ROUNDS = 9999
"""Rounds that can have persons of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What all rounds of one variant on one engine came to; ``leads`` counts rounds by leads."""

    engine: str
    variant: str
    rounds: int
    posts: int
    leads: Mapping[int, int]
    seconds: float
    faults: tuple[str, ...]


def main() -> None:
    """Race, print the table, and write it down."""
    options = _options()
    facts = report.facts(rounds=options.rounds, posts=options.posts, workers=options.workers)
    rows: list[Row] = []
    broken_logs: list[str] = []
    with workplace(options.engines) as (folder, databases):
        for engine in options.engines:
            broken_logs += _race(rows, engine, databases.make(engine), folder, options)
    shown = table(facts, rows)
    print(f"\n{shown}")
    if not (options.quick or options.variant):
        report.write("races", {**facts, "races": [asdict(row) for row in rows]}, shown)
    if broken_logs or any(row.faults for row in rows):
        raise SystemExit("\n".join(["There were faults.", *broken_logs]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/races", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="three rounds; the results are not written"
    )
    parser.add_argument("--engines", type=engine_names, default=ENGINES, metavar="NAME[,NAME]")
    parser.add_argument(
        "--variant",
        choices=[each.name for each in VARIANTS],
        action="append",
        help="only this race (may be repeated); the results are not written",
    )
    parser.add_argument("--rounds", type=int, default=50, help=f"at most {MOST_ROUNDS}")
    parser.add_argument("--posts", type=int, default=64, help="how many at one instant")
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    if options.quick:
        options.rounds = min(options.rounds, 3)
    if not 0 < options.rounds <= MOST_ROUNDS:
        parser.error(f"--rounds must be from 1 to {MOST_ROUNDS}")
    return options


def _race(
    rows: list[Row], engine: str, url: str, folder: Path, options: argparse.Namespace
) -> Iterator[str]:
    """Append a row for each variant, then yield what the server's log has to say against it."""
    environment = settings(url, folder)
    prepare(environment)
    app = create_app(
        config.settings(DATABASE_URL=url, GATEWAY_FILES_URL=environment["GATEWAY_FILES_URL"])
    )
    system = app.extensions["gateway"]
    with serve("gunicorn.conf.py", environment, folder, workers=options.workers) as server:
        client = Client(server.port, {"ai_login_id": LOGIN, "ai_login_password": PASSWORD})
        for place, variant in enumerate(VARIANTS):
            if options.variant and variant.name not in options.variant:
                continue
            first = place * (MOST_ROUNDS + 1)
            row = _rounds(engine, variant, client, system, first=first, options=options)
            rows.append(row)
            print(_line(row), *row.faults[:SHOWN_FAULTS], sep="\n  ", flush=True)
    system.engine.dispose()
    log = (folder / f"{server.port}.log").read_text()
    if "Traceback" in log:
        start = log.index("Traceback")
        yield f"On {engine} the log has a traceback:\n{log[start : start + 5000]}"


def _rounds(
    engine: str,
    variant: Variant,
    client: Client,
    system: System,
    *,
    first: int,
    options: argparse.Namespace,
) -> Row:
    leads: Counter[int] = Counter()
    faults: list[str] = []
    seconds = 0.0
    for number in range(first, first + options.rounds):
        begun = time.perf_counter()
        result = run(variant, client, system, number=number, posts=options.posts)
        seconds += time.perf_counter() - begun
        leads[result.leads] += 1
        faults.extend(f"round {number - first + 1}: {fault}" for fault in result.faults)
    return Row(
        engine=engine,
        variant=variant.name,
        rounds=options.rounds,
        posts=options.rounds * options.posts,
        leads=dict(sorted(leads.items())),
        seconds=round(seconds, 1),
        faults=tuple(faults),
    )


def _line(row: Row) -> str:
    return f"{row.engine}, {row.variant}: leads {_leads(row)}; {len(row.faults)} faults"


def table(facts: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return the results in Markdown: a line for each variant, its engines side by side."""
    engines = list(dict.fromkeys(row.engine for row in rows))
    lines = [
        f"{report.when_and_where(facts)}; {facts['rounds']} rounds of {facts['posts']} posts, "
        f"{facts['workers']} workers; load at the end {os.getloadavg()[0]:.2f}.",
        "",
        f"| race | {' | '.join(f'{each}: leads made' for each in engines)} | posts | faults |",
        f"|---|{'---|' * len(engines)}---|---|",
    ]
    for variant in VARIANTS:
        its = [row for row in rows if row.variant == variant.name]
        if not its:
            continue
        cells = [_leads(row) for row in its]
        posts = sum(row.posts for row in its)
        faults = sum(len(row.faults) for row in its)
        what = f"**{variant.name}**: {variant.help}"
        lines.append(f"| {' | '.join([what, *cells, str(posts), str(faults)])} |")
    return "\n".join(lines)


def _leads(row: Row) -> str:
    """Return how many rounds made how many leads."""
    return ", ".join(f"{made} in {rounds}" for made, rounds in row.leads.items())


if __name__ == "__main__":
    main()
