"""``flask lead export``: leads into a file that an import reads again."""

import gzip
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import click
from flask.cli import with_appcontext

from gateway.cli.common import system
from gateway.cli.moments import utc
from gateway.exporting import Choice, Exporter

_RANGE = re.compile(r"\s*(\d{1,18})\s*(?:-\s*(\d{1,18})\s*)?", re.ASCII)


def _moment(context: click.Context, parameter: click.Parameter, given: Any) -> Any:
    if given is None:
        return None
    try:
        return utc(given)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            "not a date or time in ISO form (2026-01-31, 2026-01-31T12:00)", context, parameter
        ) from None


def _ranges(context: click.Context, parameter: click.Parameter, given: Any) -> Any:
    """Return the ranges in ``1001,1005-1010``, ascending, no lead in two of them."""
    ranges: list[tuple[int, int]] = []
    for part in given.split(",") if given else ():
        found = _RANGE.fullmatch(part)
        if not found or int(found[2] or found[1]) < int(found[1]):
            raise click.BadParameter("not ids such as 1001,1005-1010", context, parameter)
        ranges.append((int(found[1]), int(found[2] or found[1])))
    apart: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if apart and first <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(last, apart[-1][1]))
        else:
            apart.append((first, last))
    return tuple(apart)


@click.command("export")
@click.argument("file", metavar="[FILE]", default="-", type=click.Path(dir_okay=False))
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl"]),
              help="Else by the name of FILE; csv where that does not say.")  # fmt: skip
@click.option("--since", metavar="TIME", callback=_moment, help="Leads made from then on, UTC.")
@click.option("--until", metavar="TIME", callback=_moment, help="Leads made before then.")
@click.option("--ids", metavar="ID,ID-ID", callback=_ranges, help="These leads only.")
@click.option("--gzip", "packed", is_flag=True, help="Pack it; so is a FILE that ends in .gz.")
@click.option("--with-sensitive", is_flag=True, help="Do not mask sensitive values.")
@with_appcontext
def export_file(
    file: str,
    kind: str | None,
    packed: bool,
    since: datetime | None,
    until: datetime | None,
    ids: tuple[tuple[int, int], ...],
    with_sensitive: bool,
) -> None:
    """Write leads into FILE (default: standard output), as flask lead import reads them.

    What a spreadsheet would run as a formula gets an apostrophe, which an import takes away.
    Encrypted values whose key was lost are left out; the command then ends with 1.
    """
    bare = file.removesuffix(".gz")
    kind = kind or ("jsonl" if bare.endswith((".jsonl", ".ndjson")) else "csv")
    choice = Choice(since=since, until=until, ids=ids, with_sensitive=with_sensitive)
    exporter = Exporter(system(), choice)
    parts = exporter.as_csv() if kind == "csv" else exporter.as_jsonl()
    try:
        with _opened(file) as opened:
            out = cast(
                BinaryIO,
                gzip.GzipFile(filename="", fileobj=opened, mode="wb")
                if packed or file.endswith(".gz")
                else opened,
            )
            for part in parts:
                out.write(part.encode())
            if out is not opened:
                out.close()
    except BrokenPipeError:  # the reader, such as head, has enough
        raise click.Abort from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}.") from None
    for (name, why), leads in sorted(exporter.locked.items()):
        click.echo(f"Left out: {name} of {leads} leads cannot be read: {why}.", err=True)
    if exporter.locked:
        raise click.exceptions.Exit(1)


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """Give the file to write; it gets its name only when it is whole, and nobody else reads it."""
    if file == "-":
        yield sys.stdout.buffer
        return
    draft = Path(f"{file}.part")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(number, "wb") as opened:
            yield opened
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
