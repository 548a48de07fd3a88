"""What was measured, as a table to read and as JSON to keep."""

import json
import os
import platform
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

from bench.body import FIELDS
from bench.load import Load
from config import ROOT, database_url

_DRIVERS = {"sqlite": "", "postgresql": "psycopg", "mariadb": "PyMySQL"}
_SERVING = ("Flask", "gunicorn", "SQLAlchemy", "marshmallow")
_README = Path(__file__).with_name("README.md")
_RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what the client saw, the share of a processor that each worker took (1.0: all of
    one), and the machine's load average at its end."""

    load: Load
    workers: tuple[float, ...]
    machine: float


@dataclass(frozen=True, slots=True)
class Pair:
    """A no-op run and the insert run that came right after it."""

    noop: Run
    insert: Run

    @property
    def ratio(self) -> float:
        """Inserts for each no-op."""
        return self.insert.load.rate / self.noop.load.rate


def facts(**options: Any) -> dict[str, Any]:
    """Return what the figures depend on; ``options`` are those of the run."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **options,
        "fields": len(FIELDS),
        "processors": f"{os.cpu_count()} x {_processor()}",
        "load_before": round(os.getloadavg()[0], 2),
        "filesystem": _filesystem(ROOT),
        "versions": {"Python": platform.python_version()}
        | {name: version(name) for name in _SERVING},
    }


def engine(name: str, url: str, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the results on one engine."""
    client = _DRIVERS[name]
    return {
        "engine": name,
        "version": _engine_version(url),
        "client": f"{client} {version(client)}" if client else "",
        "runs": [{**asdict(pair), "ratio": pair.ratio} for pair in pairs],
        "rates": {
            "noop": _spread(pairs, lambda pair: pair.noop.load.rate),
            "insert": _spread(pairs, lambda pair: pair.insert.load.rate),
            "ratio": _spread(pairs, lambda pair: pair.ratio),
        },
    }


def table(facts: Mapping[str, Any], engines: Sequence[Mapping[str, Any]]) -> str:
    """Return the results in Markdown: minimum / median / maximum over the runs."""
    lines = [
        f"{when_and_where(facts)}; {facts['connections']} connections, {facts['workers']} workers, "
        f"{facts['runs']} x {facts['seconds']:g} s each, {facts['fields']} fields, "
        f"{facts['driver']}.",
        "",
        "| engine | no-op/s | insert/s | ratio | p50 ms | p99 ms | longest ms | errors "
        "| CPU of each worker: no-op, insert |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines.extend(_row(each) for each in engines)
    return "\n".join(lines)


def when_and_where(facts: Mapping[str, Any]) -> str:
    """Return the date, the machine and the versions as one line of text."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return (
        f"{facts['date']}; {facts['processors']}, load before {facts['load_before']}, "
        f"{facts['filesystem']}; {versions}"
    )


def load_average() -> float:
    """Return the load of the machine over the last minute."""
    return os.getloadavg()[0]


def write(name: str, results: Mapping[str, Any], shown: str) -> None:
    """Keep ``results`` in results/``name``.json, and ``shown`` in the section of bench/``name`` in
    the README beside this file."""
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / f"{name}.json").write_text(f"{json.dumps(results, indent=1)}\n")
    (_RESULTS / f"{name}.md").write_text(f"{shown}\n")
    start, end = f"<!-- bench/{name} writes from here -->", "<!-- to here -->"
    before, _, rest = _README.read_text().partition(start)
    after = rest.partition(end)[2]
    _README.write_text(f"{before}{start}\n\n{shown}\n\n{end}{after}")


def _row(measured: Mapping[str, Any]) -> str:
    runs, rates = measured["runs"], measured["rates"]

    def seen(what: str, choose: Callable[[Sequence[float]], float]) -> float:
        return choose([run["insert"]["load"][what] for run in runs])

    cells = [
        " ".join(filter(None, (measured["engine"], measured["version"], measured["client"]))),
        " / ".join(f"{rate:.0f}" for rate in rates["noop"]),
        " / ".join(f"{rate:.0f}" for rate in rates["insert"]),
        " / ".join(f"{ratio:.3f}" for ratio in rates["ratio"]),
        f"{seen('p50', statistics.median):.1f}",
        f"{seen('p99', statistics.median):.1f}",
        f"{seen('longest', max):.0f}",
        f"{seen('errors', sum):.0f}",
        "; ".join(_workers(runs, kind) for kind in ("noop", "insert")),
    ]
    return f"| {' | '.join(cells)} |"


def _workers(runs: Sequence[Mapping[str, Any]], kind: str) -> str:
    """Return the median share of each worker over the runs."""
    shares = zip(*(run[kind]["workers"] for run in runs), strict=True)
    return " ".join(f"{statistics.median(share):.0%}" for share in shares)


def _spread(pairs: Sequence[Pair], of: Callable[[Pair], float]) -> list[float]:
    values = [of(pair) for pair in pairs]
    return [min(values), statistics.median(values), max(values)]


def _engine_version(url: str) -> str:
    engine = create_engine(database_url(url))
    question = "sqlite_version()" if make_url(url).get_backend_name() == "sqlite" else "version()"
    with engine.connect() as connection:
        said = connection.execute(text(f"SELECT {question}")).scalar_one()
    engine.dispose()
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else said


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _filesystem(folder: Path) -> str:
    """Return the type of the file system that holds ``folder``."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(where, kind) for where, kind in mounts if folder.is_relative_to(where)]
    return max(holding, key=lambda mount: len(mount[0]))[1]
