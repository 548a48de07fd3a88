"""Puts an import together: what the file is, which run of it this is, where it goes on."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from gateway.contract import System
from gateway.importing import runs
from gateway.importing.columns import Columns
from gateway.importing.csv_records import CsvRecords
from gateway.importing.errors_file import ErrorsFile
from gateway.importing.json_records import JsonRecords
from gateway.importing.lines import CannotImport, Line, Source
from gateway.importing.options import Options
from gateway.importing.preparing import Preparer
from gateway.importing.reading import Reader
from gateway.importing.running import Counts, Import


def import_leads(
    system: System,
    source: Source,
    options: Options,
    *,
    file_sha256: str,
    on_columns: Callable[[Mapping[str, str]], None],
    on_progress: Callable[[Counts], None],
) -> tuple[Counts, runs.Run]:
    """Import what ``source`` gives; return what was done, over all parts of a resumed import.

    ``on_columns`` is told which columns are not read and why: once the header is read, of JSONL
    at the end. Raises CannotImport.
    """
    values = _values(system, options)
    records = read_records(system, source, options)
    columns = records.columns
    is_csv = isinstance(records, CsvRecords)
    if is_csv:
        on_columns(columns.ignored)
    run = runs.Run("dry-run")
    if not options.dry_run:
        run = runs.begin(
            system.engine,
            file_sha256=file_sha256,
            options_sha256=runs.digest(options.deciding()),
            file_name=str(options.file or "-"),
            caller=options.caller.name,
            resume=options.resume,
            again=options.again,
        )
    if run.is_finished:
        return Counts(**runs.counts(system.engine, run.run_id)), run
    preparer = Preparer(
        system,
        options.caller,
        on_invalid=options.on_invalid,
        values=values,
        flags=options.flags(),
        keep_ids=options.keep_ids,
    )
    work = Import(
        system=system,
        options=options,
        run=run,
        errors=ErrorsFile(options.errors, through_line=run.through_line),
        reader=Reader(system, options, run, preparer),
        on_progress=on_progress,
        through=run.through_line,
    )
    work.store_all(records)
    if not is_csv:
        on_columns(columns.ignored)
    if options.dry_run:
        return work.counts, run
    runs.finish(system.engine, run.run_id)
    return Counts(**runs.counts(system.engine, run.run_id)), run


def _values(system: System, options: Options) -> dict[str, str]:
    named = Columns(system.schema, {}, keep_ids=False)
    for name in options.values:
        if named.name(name) != name:
            raise CannotImport(f"--set {name}=…: {named.ignored[name]}")
    return dict(options.values)


def read_records(system: System, source: Source, options: Options) -> CsvRecords | JsonRecords:
    """Return what ``source`` says, by the columns that ``options`` name."""
    columns = Columns(system.schema, options.columns, keep_ids=options.keep_ids)
    lines: Iterator[Line] = source.lines()
    first = next(lines, None)
    if first is not None:
        lines = chain([first], lines)
    start = b"" if first is None else first.raw.lstrip()[:1]
    if not options.format and start == b"[":
        raise CannotImport(
            "The file looks like one JSON array; write one object a line (jq -c '.[]' FILE)"
        )
    fallback = system.settings.GATEWAY_FALLBACK_CHARSET
    if options.format == "jsonl" or (not options.format and start == b"{"):
        return JsonRecords(
            lines, columns, declared=options.encoding, fallback=fallback, longest=source.longest
        )
    readers = system.schema.readers
    return CsvRecords(
        lines,
        columns,
        delimiter=options.delimiter,
        declared=options.encoding,
        fallback=fallback,
        longest=source.longest,
        is_list=lambda name: name in system.schema.custom and readers[name].many,
    )
