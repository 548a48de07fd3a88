"""A CSV file as records: one row of values by column, with the line on which it begins."""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gateway.contract import FormValue
from gateway.errors import problem
from gateway.formats.cells import plain_cell
from gateway.importing.columns import Columns
from gateway.importing.lines import CannotImport, Line
from gateway.importing.records import Record, texts
from gateway.transport import charset, names
from gateway.transport.pairs import MAX_PAIRS

MOST_LINES = 10_000
"""Lines that one row may have; a quote that nobody closes must not take the rest of the file."""

_UNCLOSED = "a quote opens here and is not closed"
_LONE_CR = (
    "has a carriage return (CR) outside of quotes, which is neither a value nor the end of a line; "
    "put the value in quotes, or end lines with LF or CRLF"
)
DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"')
_ESCAPED = re.compile("[\udc80-\udcff]")


class _Trouble(Exception):
    """The row cannot be read; the text says why."""


class _Feed:
    """The lines that the CSV reader takes, remembered until their row is whole."""

    def __init__(self, lines: Iterator[Line], codec: str, longest: int) -> None:
        self._lines, self._codec, self._longest = lines, codec, longest
        self._waiting: deque[Line] = deque()
        self.begin()

    def begin(self) -> None:
        self.taken: list[Line] = []
        self.is_clean = True
        self._size = 0

    def give_back(self) -> None:
        """Let all but the first line of the row be read again."""
        self._waiting.extendleft(reversed(self.taken[1:]))

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self.taken.append(line)
        if line.is_cut:
            raise _Trouble(f"longer than {self._longest} bytes")
        self._size += len(line.raw)
        if len(self.taken) > 1 and (len(self.taken) > MOST_LINES or self._size > self._longest):
            raise _Trouble(_UNCLOSED)
        try:
            return line.raw.decode(self._codec)
        except UnicodeDecodeError:
            self.is_clean = False
            # Lossless, so that each value can be read by itself as a post's is.
            return line.raw.decode(self._codec, "surrogateescape")


class CsvRecords:
    """The rows of a CSV file under its header."""

    def __init__(
        self,
        lines: Iterator[Line],
        columns: Columns,
        *,
        delimiter: str | None,
        declared: str | None,
        fallback: str,
        longest: int,
        is_list: Callable[[str], bool],
    ) -> None:
        self.columns = columns
        self._codec = "ascii" if declared else "utf-8"
        self._declared, self._fallback, self._longest = declared, fallback, longest
        csv.field_size_limit(max(longest, csv.field_size_limit()))
        self._feed = _Feed(lines, self._codec, longest)
        first = next(lines, None)
        if first is None:
            raise CannotImport("The file is empty; its first line must name the columns")
        self._delimiter = delimiter or _sniff(first.raw)
        self._feed._waiting.append(first)
        self._header = self._read_header(columns)
        self._is_plain = all(not path.keys for _, path in self._header)
        self._names = [(at, path.base) for at, path in self._header]
        self._all_names = [name for _, name in self._names]
        self._lists = [path.base for _, path in self._header if is_list(path.base)]
        self._is_plainest = self._is_plain and not self._lists and len(self._names) == self._width

    def _reader(self) -> Any:
        return csv.reader(self._feed, delimiter=self._delimiter, strict=True)

    def _read_header(self, columns: Columns) -> list[tuple[int, names.Path]]:
        try:
            cells: list[str] = next(self._reader(), [])
        except (csv.Error, _Trouble) as error:
            raise CannotImport(
                f"The first line, which names the columns, is broken: {self._why(error)}"
            ) from None
        titles = [self._text(cell).strip() for cell in cells]
        if len(titles) > MAX_PAIRS:
            raise CannotImport(f"The file has more than {MAX_PAIRS} columns ({len(titles)})")
        self._width = len(titles)
        seen: dict[str, int] = {}
        header = []
        for at, title in enumerate(titles):
            if not title:
                continue
            name = columns.name(plain_cell(title))
            path = names.path(name) if name else None
            if name is None or path is None:
                continue
            if name in seen and path.keys == ():
                raise CannotImport(
                    f"Columns {seen[name] + 1} and {at + 1} are both {name}; "
                    "delete or rename one of them in the first line"
                )
            seen[name] = at
            header.append((at, path))
        if not header:
            shown = ", ".join(titles[:5])[:200]
            raise CannotImport(
                f"No column of the first line ({shown}) is a field of this system; the first line "
                "must have the names of fields, or --map COLUMN=FIELD says which they are"
            )
        return header

    def __iter__(self) -> Iterator[Record]:
        feed, reader = self._feed, self._reader()
        while True:
            feed.begin()
            try:
                cells = next(reader, None)
            except (csv.Error, _Trouble) as error:
                first, broken = feed.taken[0], problem("", "broken_line", self._why(error))
                feed.give_back()
                reader = self._reader()
                yield Record(first.number, first.number, first.raw, problem=broken)
                continue
            if cells is None:
                return
            if not cells:
                continue
            taken = feed.taken
            raw = taken[0].raw if len(taken) == 1 else b"".join(each.raw for each in taken)
            place = (taken[0].number, taken[-1].number, raw)
            width = self._width
            if len(cells) != width and (len(cells) < width or any(cells[width:])):
                yield Record(*place, problem=problem("", "broken_line", self._ragged(cells)))
            else:
                yield Record(*place, self._form(cells, raw))

    def _why(self, error: Exception) -> str:
        """Return why the row cannot be read that the reader has just failed on."""
        why = str(error)
        if why == "unexpected end of data":
            return _UNCLOSED
        # The rest of Python's sentence is advice on its own source code, and not always the same.
        if why.startswith("new-line character"):
            return f"line {self._feed.taken[-1].number} {_LONE_CR}"
        return why

    def _ragged(self, cells: Sequence[str]) -> str:
        return f"has {len(cells)} values and the first line {self._width} columns"

    def _form(self, cells: list[str], raw: bytes) -> dict[str, FormValue]:
        if self._is_plainest and b"'" not in raw and "" not in cells and self._feed.is_clean:
            return dict(zip(self._all_names, cells))  # noqa: B905 counted already
        if not self._feed.is_clean:
            cells = [self._text(cell) for cell in cells]
        if not self._is_plain:
            # An empty cell says nothing: an array would have an entry without a value.
            return names.build(
                (path, plain_cell(cells[at])) for at, path in self._header if cells[at]
            )
        form: dict[str, FormValue] = {
            name: cell if cell[0] != "'" else plain_cell(cell)
            for at, name in self._names
            if (cell := cells[at])
        }
        for name in self._lists:
            if name in form:
                form[name] = _list(form[name])
        return form

    def _text(self, cell: str) -> str:
        if _ESCAPED.search(cell) is None:
            return cell
        raw = cell.encode(self._codec, "surrogateescape")
        return charset.decode(raw, self._declared, self._fallback)[0]


def _sniff(raw: bytes) -> str:
    """Return what separates the names in the header; a comma where there is but one column."""
    text = _QUOTED.sub("", raw.decode("latin-1"))
    counts = {each: text.count(each) for each in DELIMITERS}
    return max(counts, key=counts.__getitem__)


def _list(cell: FormValue) -> FormValue:
    """Return the texts of a cell that an export wrote as a JSON list; another cell as it is."""
    if isinstance(cell, str) and cell.startswith("["):
        return texts(cell) or cell
    return cell
