"""How many leads a second ``flask lead import`` stores, beside what the schema alone reads.

One process for everything. The schema-only rate is that of reading the same file and parsing each
row by the schema of the running system, before and after each import, so that whatever else the
machine does hits both. A run counts only if the database has one lead for each row.
"""

import argparse
import csv
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bench.body import FIELDS, letters
from bench.servers import ENGINES, engine_names, workplace
from config import settings
from gateway.app import create_app
from gateway.contract import Caller, System
from gateway.importing import Options, import_leads
from gateway.importing.lines import Source
from gateway.importing.starting import read_records
from gateway.schema import parse
from gateway.store.ids import reset_lead_ids
from gateway.testing.databases import Databases, empty

HEADER = (
    "| engine | schema only, rows/s | import, leads/s | ratio "
    "| schema only, µs of processor a row | import, µs |"
)


def main() -> None:
    """Measure and print the table."""
    options = _options()
    print(f"{options.rows} rows, {options.runs} runs, load {os.getloadavg()[0]:.1f}")
    lines = [HEADER, "|---|---|---|---|---|---|"]
    with workplace(options.engines) as (folder, databases):
        path = folder / "leads.csv"
        write_file(path, options.rows)
        for engine in options.engines:
            measured = [_measure(engine, databases, folder, path) for _ in range(options.runs)]
            schema, stored, alone, used = map(statistics.median, zip(*measured, strict=True))
            ratio = statistics.median(each[1] / each[0] for each in measured)
            lines.append(
                f"| {engine} | {schema:,.0f} | {stored:,.0f} | {ratio:.2f} "
                f"| {alone / options.rows * 1e6:.0f} | {used / options.rows * 1e6:.0f} |"
            )
            print(lines[-1], flush=True)
    print("\n" + "\n".join(lines))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/import", description=__doc__)
    parser.add_argument("--engines", type=engine_names, default=ENGINES, metavar="NAME[,NAME]")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


def write_file(path: Path, rows: int) -> None:
    """Write a CSV file of that many persons with the 20 fields of the bench."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        for number in range(rows):
            digits = f"{number:07}"
            words = {"digits": digits, "letters": letters(digits)}
            writer.writerow([text.format(**words) for text in FIELDS.values()])


def _measure(
    engine: str, databases: Databases, folder: Path, path: Path
) -> tuple[float, float, float, float]:
    """Return the rates of the schema alone and of the import, and the processor time of each."""
    with databases.lend(engine) as url:
        app = create_app(settings(DATABASE_URL=url, GATEWAY_FILES_URL=f"file://{folder}/files"))
        databases.prepare(app, url, 1001)
        system: System = app.extensions["gateway"]
        before, alone_before = _rate(lambda: _parse_all(system, path, folder))
        stored, used = _rate(lambda: _import(system, path, folder))
        after, alone_after = _rate(lambda: _parse_all(system, path, folder))
        with system.engine.begin() as connection:
            empty(connection)
            reset_lead_ids(connection, 1001)
        system.engine.dispose()
        return (before + after) / 2, stored, (alone_before + alone_after) / 2, used


def _rate(work: Callable[[], int]) -> tuple[float, float]:
    """Return how many a second, and the processor time of this process."""
    started, used = time.perf_counter(), time.process_time()
    done = work()
    return done / (time.perf_counter() - started), time.process_time() - used


def _asked(path: Path, folder: Path) -> Options:
    return Options(file=path, errors=folder / "errors.csv", caller=Caller(name="bench"), again=True)


def _parse_all(system: System, path: Path, folder: Path) -> int:
    rows = 0
    with path.open("rb", buffering=0) as file:
        source = Source(file, longest=system.settings.GATEWAY_MAX_BODY)
        for record in read_records(system, source, _asked(path, folder)):
            parse({"mode": "insert", **record.form}, system.schema)
            rows += 1
    return rows


def _import(system: System, path: Path, folder: Path) -> int:
    with path.open("rb", buffering=0) as file:
        source = Source(file, longest=system.settings.GATEWAY_MAX_BODY)
        counts, _ = import_leads(
            system,
            source,
            _asked(path, folder),
            file_sha256="",
            on_columns=lambda ignored: None,
            on_progress=lambda counts: None,
        )
    with system.engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT count(*) FROM lead").scalar_one()
        if counts.created != stored or counts.refused:
            raise SystemExit(f"This run does not count: {counts}, {stored} rows.")
    return counts.created


if __name__ == "__main__":
    main()
