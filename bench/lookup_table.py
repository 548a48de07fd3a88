"""The results of ``bench/lookup`` as tables to read and as JSON to keep."""

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any

from bench import report
from bench.load import Load
from bench.look_up_times import Times

WANTED_LOOK_UP = 2.0
WANTED_POSTS = 0.85
WANTED_WAIT = 3.0


@dataclass(frozen=True, slots=True)
class Posts:
    """Runs of plain inserts, of posts that match nothing, and of posts that match, in turns."""

    turns: Sequence[tuple[Load, Load, Load]]

    def rate(self, which: int) -> float:
        return statistics.median(turn[which].rate for turn in self.turns)

    def ratio(self, which: int) -> float:
        """Return the median, run by run, of the rate beside that of the plain inserts."""
        return statistics.median(turn[which].rate / turn[0].rate for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Size:
    """What was measured with so many leads; ``kept`` on a connection as old as the database."""

    engine: str
    leads: int
    _: KW_ONLY
    hit: Times
    miss: Times
    kept: Times
    posts: Posts


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekey:
    """All keys made anew: how many leads, how many a second, and posts before and meanwhile."""

    leads: int
    rate: int
    quiet: Load
    busy: Load


def tables(facts: Mapping[str, Any], sizes: Sequence[Size], rekeys: Mapping[str, Rekey]) -> str:
    """Return the results in Markdown."""
    first = {each.engine: each for each in reversed(sizes)}
    lines = [
        f"{report.when_and_where(facts)}; {facts['samples']} look-ups; {facts['connections']} "
        f"connections, {facts['workers']} workers, {facts['runs']} x {facts['seconds']:g} s each, "
        f"{facts['driver']}; load at the end {os.getloadavg()[0]:.2f}.",
        "",
        "| engine | leads | hit p50 µs | p99 | database | ratio | miss p50 µs | p99 | database "
        "| ratio | hit, old connection |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each in sizes:
        cells: list[str] = [each.engine, f"{each.leads:,}"]
        for kind in ("hit", "miss"):
            times, base = getattr(each, kind), getattr(first[each.engine], kind)
            cells += [f"{times.p50:.0f}", f"{times.p99:.0f}", f"{times.database:.0f}"]
            cells.append(f"{times.database / base.database:.2f}")
        lines.append(f"| {' | '.join([*cells, f'{each.kept.p50:.0f}'])} |")
    lines += [
        "",
        "| engine | leads | insert/s | match_update, no match/s | ratio | match_update, match/s "
        "| ratio | p99 ms: insert, no match, match |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in sizes:
        posts = each.posts
        cells = [each.engine, f"{each.leads:,}", f"{posts.rate(0):.0f}"]
        for which in (1, 2):
            cells += [f"{posts.rate(which):.0f}", f"{posts.ratio(which):.2f}"]
        waits = [statistics.median(turn[which].p99 for turn in posts.turns) for which in range(3)]
        lines.append(f"| {' | '.join([*cells, ', '.join(f'{wait:.0f}' for wait in waits)])} |")
    if rekeys:
        lines += [
            "",
            "| engine | leads rekeyed | a second | insert/s: quiet, meanwhile "
            "| p99 ms: quiet, meanwhile | ratio |",
            "|---|---|---|---|---|---|",
        ]
    for engine, done in rekeys.items():
        lines.append(
            f"| {engine} | {done.leads:,} | {done.rate} "
            f"| {done.quiet.rate:.0f}, {done.busy.rate:.0f} "
            f"| {done.quiet.p99:.0f}, {done.busy.p99:.0f} | {done.busy.p99 / done.quiet.p99:.2f} |"
        )
    return "\n".join(lines)


def results(
    facts: Mapping[str, Any], sizes: Sequence[Size], rekeys: Mapping[str, Rekey]
) -> dict[str, Any]:
    """Return everything, ready for JSON."""
    return {
        **facts,
        "sizes": [asdict(each) for each in sizes],
        "rekeys": {engine: asdict(done) for engine, done in rekeys.items()},
    }
