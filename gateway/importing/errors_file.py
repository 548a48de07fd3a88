"""The file of what was refused: a row for each problem, with the line as it was."""

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from gateway.errors import Problem
from gateway.formats.cells import defused
from gateway.importing.lines import CannotImport
from gateway.importing.records import Record

HEADER = ("line", "field", "code", "message", "original")


class ErrorsFile:
    """Written while the import runs; made only when there is something to write.

    Its rows are written before the transaction that skips their lines, so that none is missing
    after a crash; ``rewind`` takes back those of a transaction that runs again.
    """

    def __init__(self, path: Path, *, through_line: int) -> None:
        """Begin anew, or keep the rows up to ``through_line`` where an import goes on."""
        self.path = path
        self._size = 0
        kept = _rows_through(path, through_line) if through_line else []
        try:
            path.unlink(missing_ok=True)
            if kept:
                self._append(kept)
        except OSError as error:
            raise CannotImport(f"{path} cannot be written: {error.strerror}") from None

    @property
    def exists(self) -> bool:
        """Whether anything was refused."""
        return self._size > 0

    def mark(self) -> int:
        """Return where the file ends now, for ``rewind``."""
        return self._size

    def rewind(self, mark: int) -> None:
        """Take back what was written since ``mark``."""
        if self._size > mark:
            os.truncate(self.path, mark)
            self._size = mark

    def write(self, refused: Iterable[tuple[Record, Iterable[Problem]]]) -> None:
        """Append a row for each problem."""
        self._append(
            [
                (
                    str(record.line),
                    each.field,
                    each.code,
                    defused(each.message),
                    defused(record.raw.decode("utf-8", "backslashreplace").rstrip("\r\n")),
                )
                for record, problems in refused
                for each in problems
            ]
        )

    def _append(self, rows: Iterable[Iterable[str]]) -> None:
        text = io.StringIO()
        writer = csv.writer(text)
        if not self._size:
            writer.writerow(HEADER)
        writer.writerows(rows)
        # It holds lines about persons: for who runs the import alone.
        number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(number, "ab") as file:
            file.write(text.getvalue().encode("utf-8", "backslashreplace"))
            file.flush()
            self._size = file.tell()


def _rows_through(path: Path, line: int) -> list[list[str]]:
    if not path.exists():
        return []
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding="utf-8", newline="") as file:
        return [
            row for row in csv.reader(file) if row[:1] and row[0].isdigit() and int(row[0]) <= line
        ]
