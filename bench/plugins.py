"""What plugins cost: microseconds of a post with none, one and ten of them, and the start.

The posts go through the whole application in this process, on SQLite, without a server. The systems
take turns, post by post, so that whatever else the machine does hits all of them.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

import config
from bench.body import FIELDS, body, template
from bench.in_process import send
from bench.servers import prepare, settings, workplace
from config import ROOT
from gateway.app import create_app
from gateway.schema import parse

COUNTS = (0, 1, 10)
PER_PLUGIN = 20
WARM_UP = 30
PARSES = 20
STARTS = 5

PLUGIN = """
from marshmallow import fields

from gateway import Choice, CustomField, Money, WholeNumber, YesNo, hookimpl

KINDS = (
    lambda: fields.String(),
    lambda: WholeNumber(least=0),
    lambda: Choice(("New car", "Used car")),
    lambda: Money(),
    lambda: YesNo(),
)


@hookimpl
def gateway_custom_fields(settings):
    return [
        CustomField(f"pNUMBER_field_{n}", KINDS[n % 5](), help="A field.", example="1")
        for n in range(FIELDS)
    ]
"""
VALUES = ("A text", "12", "used car", "$1,234.50", "yes")
"""A value for each of the plugin's kinds of field."""


@dataclass(frozen=True, slots=True)
class Case:
    """A system and what is posted to it."""

    plugins: int
    carried: int
    app: Flask
    template: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The microseconds of a case's schema step and of its whole post."""

    schema: float
    post: float


def main() -> None:
    """Measure and print the table."""
    options = _options()
    with workplace(["sqlite"]) as (folder, databases):
        environment = settings(databases.make("sqlite"), folder)
        prepare(environment)
        _write_plugins(folder)
        sys.path.insert(0, str(folder))
        cases = _cases(environment)
        taken = _measure(cases, options.posts)
        starts = _starts(environment, folder)
        for case in cases:
            case.app.extensions["gateway"].engine.dispose()
    print(_table(cases, taken, starts, options.posts))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/plugins", description=__doc__)
    parser.add_argument("--posts", type=int, default=1000, help="how many, of each kind")
    return parser.parse_args()


def _write_plugins(folder: Path) -> None:
    for number in range(max(COUNTS)):
        text = PLUGIN.replace("NUMBER", str(number)).replace("FIELDS", str(PER_PLUGIN))
        (folder / f"bench_plugin_{number}.py").write_text(text, encoding="utf-8")


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"bench_plugin_{number}" for number in range(count))


def _cases(environment: Mapping[str, str]) -> list[Case]:
    found = []
    for count in COUNTS:
        app = create_app(
            config.settings(
                DATABASE_URL=environment["DATABASE_URL"],
                GATEWAY_FILES_URL=environment["GATEWAY_FILES_URL"],
                GATEWAY_PLUGINS=_names(count),
            )
        )
        own = {f"p0_field_{n}": VALUES[n % len(VALUES)] for n in range(PER_PLUGIN)}
        found.append(Case(count, 0, app, template()))
        if count:
            found.append(Case(count, PER_PLUGIN, app, template(**own)))
    return found


def _measure(cases: Sequence[Case], posts: int) -> list[Taken]:
    """Return the medians of each case; the cases take turns."""
    schema: list[list[int]] = [[] for _ in cases]
    whole: list[list[int]] = [[] for _ in cases]
    for turn in range(WARM_UP + posts):
        for at, case in enumerate(cases):
            number = turn * len(cases) + at
            content = body(number, case.template)
            took = _timed(lambda case=case, content=content: send(case.app, content))
            parsing = _timed(lambda case=case: _parse(case)) / PARSES
            if turn >= WARM_UP:
                whole[at].append(took)
                schema[at].append(parsing)
    return [
        Taken(statistics.median(one) / 1000, statistics.median(other) / 1000)
        for one, other in zip(schema, whole, strict=True)
    ]


def _timed(run: Callable[[], None]) -> int:
    start = time.perf_counter_ns()
    run()
    return time.perf_counter_ns() - start


def _parse(case: Case) -> None:
    schema = case.app.extensions["gateway"].schema
    own = {f"p0_field_{n}": VALUES[n % len(VALUES)] for n in range(case.carried)}
    form = {"mode": "insert", **FIELDS, "phone": "5035550100", "email": "a@example.com", **own}
    for _ in range(PARSES):
        parse(form, schema)


def _starts(environment: Mapping[str, str], folder: Path) -> dict[int, float]:
    """Return the milliseconds in which a fresh process has the application ready: medians."""
    taken: dict[int, list[float]] = {count: [] for count in COUNTS}
    for turn in range(STARTS + 1):
        for count in COUNTS:
            whole = dict(
                environment, GATEWAY_PLUGINS=",".join(_names(count)), PYTHONPATH=str(folder)
            )
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", "import wsgi"], cwd=ROOT, env=whole, check=True)
            # The first of each compiles the plugins, and reads what no cache holds yet.
            if turn:
                taken[count].append(time.perf_counter() - start)
    return {count: statistics.median(each) * 1000 for count, each in taken.items()}


def _table(
    cases: Sequence[Case], taken: Sequence[Taken], starts: Mapping[int, float], posts: int
) -> str:
    lines = [
        f"Medians of {posts} posts of each kind with {len(FIELDS)} documented fields on SQLite, "
        f"load {os.getloadavg()[0]:.2f} at the end.",
        "",
        "| plugins | custom fields | carried | schema µs | whole post µs | start-up ms |",
        "|---|---|---|---|---|---|",
    ]
    for case, each in zip(cases, taken, strict=True):
        lines.append(
            f"| {case.plugins} | {case.plugins * PER_PLUGIN} | {case.carried} | {each.schema:.1f} "
            f"| {each.post:.0f} | {starts[case.plugins]:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
