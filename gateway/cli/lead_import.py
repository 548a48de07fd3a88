"""``flask lead import``: leads from a file."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from gateway import auth
from gateway.cli.common import as_json, show_json, system, visible
from gateway.contract import Caller, System
from gateway.importing import CannotImport, Counts, Options, import_leads
from gateway.importing.lines import Source, sha256
from gateway.transport.charset import known

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "\\t": "\t"}


def _pairs(context: click.Context, parameter: click.Parameter, given: Any) -> dict[str, str]:
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", context, parameter)
        pairs[name.strip()] = value
    return pairs


def _rules(given: str | None, running: System) -> tuple[str, ...] | None:
    if given is None:
        return None
    rules = tuple(each.strip() for each in given.split(",") if each.strip())
    unknown = [each for each in rules if each not in running.match_rules]
    if unknown:
        raise click.UsageError(
            f"--match: {unknown[0]!r} is no rule of this system "
            f"({', '.join(running.match_rules)}); write --match after FILE, or --match=RULE,RULE"
        )
    return rules


def _delimiter(context: click.Context, parameter: click.Parameter, given: Any) -> Any:
    found = DELIMITERS.get(given, given)
    if found is not None and (len(found) != 1 or found in '"\r\n'):
        raise click.BadParameter("must be one character", context, parameter)
    return found


def _encoding(context: click.Context, parameter: click.Parameter, given: Any) -> Any:
    if given is not None and known(given.encode()) is None:
        raise click.BadParameter("not a character set that we read", context, parameter)
    return given


@click.command("import")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--map", "columns", metavar="COLUMN=FIELD", multiple=True, callback=_pairs,
              help="Read this column as that field.")  # fmt: skip
@click.option("--set", "values", metavar="FIELD=VALUE", multiple=True, callback=_pairs,
              help="Give every lead this value.")  # fmt: skip
@click.option("--keep-ids", is_flag=True, help="Keep lead_id, created_at and updated_at.")
@click.option("--match", metavar="[RULE,…]", is_flag=False, flag_value="",
              help="Update the leads that are there, as match_update does.")  # fmt: skip
@click.option("--on-invalid", type=click.Choice(["keep", "refuse"]),
              help="What becomes of bad values; else as login or setting say.")  # fmt: skip
@click.option("--login", metavar="NAME", help="Import as this caller, with its defaults.")
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl"]), help="Else found out.")
@click.option("--encoding", metavar="NAME", callback=_encoding, help="Else UTF-8 and fallback.")
@click.option("--delimiter", callback=_delimiter, help="Else found out: comma, semicolon, tab.")
@click.option("--errors", type=click.Path(dir_okay=False), help="Else FILE.errors.csv.")
@click.option("--batch", type=click.IntRange(1, 10_000), default=1000, show_default=True,
              help="Leads in one transaction.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on where an import of this file stopped.")
@click.option("--again", is_flag=True, help="Begin anew although an import of it stopped.")
@click.option("--dry-run", is_flag=True, help="Read and decide everything, store nothing.")
@as_json
@with_appcontext
def import_file(
    file: str,
    login: str | None,
    kind: str | None,
    errors: str | None,
    match: str | None,
    on_invalid: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Import leads from FILE, CSV or one JSON object a line, also packed by gzip; - is stdin.

    Lines that cannot be stored go into a file with their number and why, and the command ends with
    1; the others are stored.
    """
    running = system()
    path = None if file == "-" else Path(file)
    options = Options(
        file=path,
        errors=Path(errors or ("import.errors.csv" if path is None else f"{file}.errors.csv")),
        caller=_caller(login, running),
        match=_rules(match, running),
        on_invalid=on_invalid or "",
        format=kind or "",
        **given,
    )
    if options.keep_ids and options.match is not None:
        raise click.UsageError("--match finds the leads that are there: leave --keep-ids out.")
    if path is None and options.resume:
        raise click.UsageError("--resume needs a file; standard input cannot be read again.")
    if options.dry_run and options.resume:
        raise click.UsageError("--dry-run stores nothing, so there is nothing to --resume.")
    _check_files(path, options.errors)
    started = monotonic()
    try:
        with _opened(path) as opened:
            source = Source(opened, longest=running.settings.GATEWAY_MAX_BODY)
            digest = "" if path is None else sha256(path)
            with _progress(source, path) as on_progress:
                counts, run = import_leads(
                    running,
                    source,
                    options,
                    file_sha256=digest,
                    on_columns=_name_columns,
                    on_progress=on_progress,
                )
    except CannotImport as error:
        # It may quote the file, which may come from anybody.
        raise click.ClickException(visible(f"{error}.")) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}.") from None
    seconds = max(monotonic() - started, 0.001)
    shown = {
        **asdict(counts),
        "seconds": round(seconds, 3),
        "dry_run": options.dry_run,
        "request_id": run.run_id,
        "errors": str(options.errors) if counts.refused else None,
    }
    if as_json:
        show_json(shown)
    else:
        _say(counts, options, seconds, done_before=run.is_finished)
    if counts.refused:
        raise click.exceptions.Exit(1)


def _check_files(path: Path | None, errors: Path) -> None:
    """Refuse a FILE of which a second reading misses what the first took, and to delete what is
    not a file of errors."""
    if path is not None and path.exists() and not path.is_file():
        raise click.UsageError(f"{path} can be read only once, as a pipe: write - and < {path}.")
    if not errors.exists():
        return
    if not errors.is_file() or (path is not None and path.exists() and errors.samefile(path)):
        raise click.UsageError(f"--errors {errors} would be overwritten: name a file of its own.")


def _caller(login: str | None, running: System) -> Caller:
    if login is None:
        return Caller(name="import")
    caller = auth.known(login, running)
    if caller is None:
        raise click.ClickException(f"There is no login {login}.")
    if how := auth.ended(login, running):
        raise click.ClickException(f"Login {login} is {how}.")
    return caller


@contextmanager
def _opened(path: Path | None) -> Iterator[BinaryIO]:
    if path is None:
        yield sys.stdin.buffer
    else:
        with path.open("rb", buffering=0) as file:
            yield file


def _name_columns(ignored: Mapping[str, str]) -> None:
    """Say on standard error which columns are not read, once and one a line."""
    for column, why in ignored.items():
        shown = "".join(each if each.isprintable() else "?" for each in column)
        click.echo(f"Not read: {shown}: {why}.", err=True)


@contextmanager
def _progress(source: Source, path: Path | None) -> Iterator[Callable[[Counts], None]]:
    """Give what moves the bar: rate and time left, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda counts: None
        return
    with Progress(
        TextColumn("{task.fields[lines]:,} leads"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        total = None if path is None else path.stat().st_size
        task = bar.add_task("", total=total, lines=0, rate=0.0)
        started = monotonic()

        def move(counts: Counts) -> None:
            rate = counts.lines / max(monotonic() - started, 0.001)
            bar.update(task, completed=source.position(), lines=counts.lines, rate=rate)

        yield move


def _say(counts: Counts, options: Options, seconds: float, *, done_before: bool) -> None:
    did = "Would import" if options.dry_run else "Imported"
    if done_before:
        did = "Had imported already:"
    text = f"{did} {counts.created + counts.updated} leads"
    if counts.updated:
        text += f" ({counts.created} new, {counts.updated} updated)"
    if not done_before:
        text += f" in {seconds:.1f} s ({counts.lines / seconds:,.0f} lines/s)"
    if counts.kept:
        text += f"; bad values kept in notes: {counts.kept}"
    if counts.refused:
        text += f"; lines refused: {counts.refused}, see {options.errors}"
    click.echo(f"{text}.")
