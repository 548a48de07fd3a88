"""Rows in parts, for engines that get a statement for each number of rows."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Row = TypeVar("Row")


def in_parts(rows: Sequence[Row], *, most: int) -> Iterator[Sequence[Row]]:
    """Yield ``rows`` in parts whose lengths are powers of two: few statements to prepare."""
    start = 0
    while left := len(rows) - start:
        length = 1 << min(left, most).bit_length() - 1
        yield rows[start : start + length]
        start += length
