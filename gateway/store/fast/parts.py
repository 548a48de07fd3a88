"""Rows in parts, for engines that get a statement for each number of rows."""

from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar("Row")


def in_parts(rows: Sequence[Row], *, most: int) -> Sequence[Sequence[Row]]:
    """Return ``rows`` in parts whose lengths are powers of two: few statements to prepare."""
    if len(rows) == 1:
        return (rows,)
    parts = []
    start = 0
    while left := len(rows) - start:
        length = 1 << min(left, most).bit_length() - 1
        parts.append(rows[start : start + length])
        start += length
    return parts
