"""The results of ``bench/run`` as a table to read and as JSON to keep."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench import report


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of a case: what was seen, and its rate beside the no-ops of the same round.

    ``ratio`` is that to the no-op on the gateway's worker, ``ratio_gthread`` on Gunicorn's own;
    ``to_insert`` that to the plain insert, which the baselines have not.
    """

    engine: str
    case: str
    connections: int
    run: report.Run
    ratio: float
    ratio_gthread: float
    to_insert: float | None

    @property
    def microseconds(self) -> float:
        """Return the processor time of the workers for one post."""
        return sum(self.run.workers) / self.run.load.rate * 1e6


def line(sample: Sample) -> str:
    """Return one run as a line to watch."""
    load = sample.run.load
    return (
        f"{sample.engine}, {sample.connections} connections, {sample.case}: {load.rate:.0f}/s, "
        f"ratio {sample.ratio:.3f} ({sample.ratio_gthread:.3f}), "
        f"p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms, "
        f"{sample.microseconds:.0f} us of processor time"
    )


def table(facts: Mapping[str, Any], samples: Sequence[Sample]) -> str:
    """Return the results in Markdown: minimum / median / maximum over the runs."""
    lines = [
        f"{report.when_and_where(facts)}; {facts['connections']} connections, "
        f"{facts['workers']} workers, {facts['runs']} x {facts['seconds']:g} s each, "
        f"{facts['driver']}; load of the machine at the ends "
        f"{min(each.run.machine for each in samples):.1f} to "
        f"{max(each.run.machine for each in samples):.1f}.",
        "",
        "| engine, connections, case | posts/s | ratio to the no-op | to that on gthread "
        "| to the insert | p50 ms | p99 ms | longest ms | CPU of each worker | CPU us a post |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, int, str], list[Sample]] = {}
    for each in samples:
        groups.setdefault((each.engine, each.connections, each.case), []).append(each)
    lines.extend(_row(*key, found) for key, found in groups.items())
    return "\n".join(lines)


def results(facts: Mapping[str, Any], samples: Sequence[Sample]) -> dict[str, Any]:
    """Return everything as JSON can hold it."""
    return {**facts, "samples": [asdict(each) for each in samples]}


def _row(engine: str, connections: int, case: str, found: Sequence[Sample]) -> str:
    def spread(of: Callable[[Sample], float], form: str) -> str:
        values = [of(each) for each in found]
        three = (min(values), statistics.median(values), max(values))
        return " / ".join(format(value, form) for value in three)

    def middle(of: Callable[[Sample], float]) -> float:
        return statistics.median(map(of, found))

    shares = zip(*(each.run.workers for each in found), strict=True)
    cells = [
        f"{engine}, {connections}, {case}",
        spread(lambda each: each.run.load.rate, ".0f"),
        spread(lambda each: each.ratio, ".3f"),
        spread(lambda each: each.ratio_gthread, ".3f"),
        "" if found[0].to_insert is None else spread(lambda each: each.to_insert or 0, ".2f"),
        f"{middle(lambda each: each.run.load.p50):.1f}",
        f"{middle(lambda each: each.run.load.p99):.1f}",
        f"{max(each.run.load.longest for each in found):.0f}",
        " ".join(f"{statistics.median(share):.0%}" for share in shares),
        f"{middle(lambda each: each.microseconds):.0f}",
    ]
    return f"| {' | '.join(cells)} |"
