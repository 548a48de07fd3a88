"""The lines of a file as bytes, numbered; none is read that is longer than a post may be."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BUFFER = 1 << 20


class CannotImport(Exception):
    """The import cannot go on, or begin; the text says why, and what to do."""


class Line(NamedTuple):
    """A line with its end. ``is_cut`` says that it is longer than what stands in ``raw``."""

    number: int
    raw: bytes
    is_cut: bool = False


class Source:
    """A file to import, or standard input, unpacked where it is gzip whatever its name says."""

    def __init__(self, file: BinaryIO, *, longest: int) -> None:
        self.longest = longest
        self._packed = io.BufferedReader(cast(io.RawIOBase, file), _BUFFER)
        # A pipe may give one byte at first.
        self._is_packed = self._packed.peek(2)[:2] == GZIP
        self._file: io.BufferedIOBase = self._packed
        if self._is_packed:
            # Not buffered once more: of a file that breaks off a whole buffer would be lost.
            self._file = gzip.GzipFile(fileobj=self._packed)

    def position(self) -> int:
        """Return how many bytes of the file itself have been read."""
        try:
            return self._packed.tell()
        except OSError:  # a pipe does not know
            return 0

    def lines(self) -> Iterator[Line]:
        """Yield every line; of one that is too long the beginning. Raises CannotImport."""
        number, longest, read = 0, self.longest, self._file.readline
        try:
            while raw := read(longest + 1):
                number += 1
                if number == 1:
                    raw = _begin(raw)
                if len(raw) <= longest or raw.endswith(b"\n"):
                    yield Line(number, raw)
                    continue
                rest = raw
                while rest and not rest.endswith(b"\n"):
                    rest = read(_BUFFER)
                yield Line(number, raw[:1000], is_cut=True)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CannotImport(
                f"After line {number} the gzip data is broken ({error}); the leads up to there "
                "are stored. Get the file anew and import the lines that follow"
            ) from None


def _begin(raw: bytes) -> bytes:
    """Return the first line without its mark. Raises CannotImport for what has no lines of ours."""
    if raw.startswith(_UTF16):
        raise CannotImport("The file is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8)")
    if b"\r" in raw[:-2] and b"\n" not in raw:
        raise CannotImport("The lines of the file end in CR alone; save it with LF or CRLF")
    return raw.removeprefix(b"\xef\xbb\xbf")


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
