"""Rows of many posts for MariaDB: few statements with the values in them, sent as one block.

A statement a table costs a way to the server and back each; what that takes was a third of a post.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Dialect, Table

from gateway.store.fast.columns import columns_of, insert_into
from gateway.store.fast.rows import LEAD, Row, Rows, together

_LONGEST_BLOCK = 1_000_000
"""Characters; MariaDB takes 16 MB in one packet, and a single table's rows may be nearly that."""


def write(driver: Any, dialect: Dialect, posts: Sequence[Rows], *, commit: bool) -> list[int]:
    """Write the rows of ``posts``, with ``commit`` for good, and return the ids of their leads."""
    cursor, literals = driver.cursor(), _Literals(driver)
    leads = [row for post in posts for row in post.tables[LEAD]]
    cursor.execute(f"{_insert(literals, dialect, LEAD, leads)} RETURNING lead_id")
    ids = [lead_id for (lead_id,) in cursor]
    statements = [
        _insert(literals, dialect, table, rows)
        for table, rows in together(posts, ids).items()
        if table is not LEAD
    ]
    if commit:
        statements.append("COMMIT")
    if sum(map(len, statements)) <= _LONGEST_BLOCK:
        # A compound statement of MariaDB's; several statements in one text would open a door to
        # whoever found a hole in the quoting.
        statements = [f"BEGIN NOT ATOMIC {'; '.join(statements)}; END"]
    for statement in statements:
        cursor.execute(statement)
    return ids


class _Literals(dict[Any, str]):
    """Values as the driver writes them; the same ones come in row after row."""

    def __init__(self, driver: Any) -> None:
        super().__init__()
        self._write = driver.escape

    def __missing__(self, value: Any) -> str:
        text: str = self._write(value)
        self[value] = text
        return text


def _insert(literals: _Literals, dialect: Dialect, table: Table, rows: Sequence[Row]) -> str:
    """Return the statement that inserts ``rows``."""
    columns = columns_of(table, dialect, with_key=False)
    values = [literals[value] for value in columns.values(rows)]
    width = len(columns.names)
    written = [
        f"({','.join(values[start : start + width])})" for start in range(0, len(values), width)
    ]
    return f"{insert_into(table, dialect, columns)} {','.join(written)}"
