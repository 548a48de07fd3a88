"""Seals anew with the first key whatever is sealed by another one, or not sealed yet.

Batch after batch, each in a short transaction, while posts keep coming. What is sealed by the first
key already is passed over, so an interrupted run goes on when it is started again. Rows are read
again under their lock before they are written: nothing that a post or an erasure has set meanwhile
is overwritten. What cannot be opened stays as it is and is told.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, bindparam, func, select, update

from gateway.contract import System
from gateway.database import in_transaction, reading
from gateway.store.vault import Vault, vault_of

BATCH = 100
"""Rows that are looked at together and written in one transaction."""


@dataclass(frozen=True, slots=True)
class Held:
    """A row with sealed values or such as should be: its key, and for each what sealed it.

    ``by`` has the key's id for each value by its name, ``""`` for one that is not sealed.
    """

    key: Any
    by: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one batch came to: rows seen, rows written, and what cannot be read, each in words."""

    seen: int
    written: int
    unreadable: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A kind of thing that is sealed.

    ``pages`` yields batches, each with how many rows were looked at for it; ``renew`` seals them
    anew and returns how many were written, and what of them cannot be read, in words.
    """

    name: str
    count: Callable[[System], int]
    pages: Callable[[System], Iterator[tuple[int, Sequence[Held]]]]
    renew: Callable[[System, Sequence[Held]], tuple[int, Sequence[str]]]


Renewed = tuple[dict[str, Any], list[str]]
"""The columns of a row that change, and what of it cannot be opened, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A table with sealed columns, as a part: ``renewed`` says what becomes of one of its rows."""

    table: Table
    key: str
    columns: Sequence[str]
    renewed: Callable[[Any, Vault], Renewed]

    def count(self, system: System) -> int:
        """Return how many rows there are."""
        with reading(system.engine) as connection:
            counted = select(func.count()).select_from(self.table)
            return int(connection.execute(counted).scalar_one())

    def renew(self, system: System, held: Sequence[Held]) -> tuple[int, Sequence[str]]:
        """Seal the rows of ``held`` anew; return how many were written, and what could not be."""
        keys = [each.key for each in held]
        seen, written, troubles = self._write(system, keys, skip_locked=True)
        # A batch never waits while it holds rows: those that a post holds are done alone.
        for key in keys:
            if key not in seen:
                _, more, others = self._write(system, [key], skip_locked=False)
                written, troubles = written + more, troubles + others
        return written, troubles

    def _write(
        self, system: System, keys: Sequence[Any], *, skip_locked: bool
    ) -> tuple[set[Any], int, list[str]]:
        table, key = self.table, self.table.c[self.key]
        statement = (
            select(key, *(table.c[name] for name in self.columns))
            .where(key.in_(keys))
            .order_by(key)
            .with_for_update(skip_locked=skip_locked)
        )
        write = update(table).where(key == bindparam("row_key"))

        def work(connection: Connection) -> tuple[set[Any], int, list[str]]:
            rows = connection.execute(statement).mappings().all()
            troubles, new = [], []
            for row in rows:
                values, said = self.renewed(row, vault_of(connection))
                troubles += said
                if values:
                    whole = {name: row[name] for name in self.columns} | values
                    new.append({"row_key": row[self.key], **whole})
            if new:
                connection.execute(write, new)
            return {row[self.key] for row in rows}, len(new), troubles

        return in_transaction(system.engine, work)


def rotate(system: System, part: Part) -> Iterator[Turn]:
    """Seal all of ``part`` anew with the first key; yield after each batch what it came to."""
    writes = system.sealer.writes
    for seen, page in part.pages(system):
        due = [held for held in page if any(by != writes for by in held.by.values())]
        written, unreadable = part.renew(system, due) if due else (0, ())
        yield Turn(seen, written, unreadable)


def counted(system: System, part: Part) -> Counter[str]:
    """Return how many values of ``part`` each key has sealed, under ``""`` those that none has."""
    found: Counter[str] = Counter()
    for _, page in part.pages(system):
        for held in page:
            found.update(held.by.values())
    return found
