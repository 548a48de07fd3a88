"""Many leads in little time: the rows of one posted lead, again and again for another person.

So the rows are those that the product makes, match keys by its own function, and only how they get
into the database is another way.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, select, text

from bench.body import letters
from gateway.contract import System
from gateway.matching import keys_of
from gateway.models import Lead, LeadNote, LeadTag, MatchKey, Submission
from gateway.store.bulk_rows import sheet_of
from gateway.store.bulk_rows import write as write_sheet
from gateway.store.ids import reset_lead_ids
from gateway.store.keys import values_of
from gateway.transport.identity import new_request_id

BATCH = 10_000
SAMPLE = 7_418_529
"""The person whose posted rows are copied; no other text in them holds these digits."""

TABLES: tuple[Table, ...] = tuple(
    model.__table__  # type: ignore[misc]
    for model in (Lead, LeadNote, LeadTag, Submission)
)
_lead, _key = Lead.__table__, MatchKey.__table__

Rows = dict[Table, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Mould:
    """The rows of the sample, by table, and their request id."""

    rows: Sequence[tuple[Table, Mapping[str, Any]]]
    request_id: str

    def caster(self) -> Callable[[int, int], Iterator[tuple[Table, dict[str, Any]]]]:
        """Return what yields the rows of a person, given the person's number and the lead's id."""
        sample = self._words(SAMPLE, self.request_id)
        others = dict(zip(sample, self._words(SAMPLE + 1, "another"), strict=True))
        changing = [
            (table, row, [(k, v) for k, v in row.items() if _with(v, others) != v])
            for table, row in self.rows
        ]

        def cast(number: int, lead_id: int) -> Iterator[tuple[Table, dict[str, Any]]]:
            words = dict(zip(sample, self._words(number, new_request_id()), strict=True))
            for table, row, changes in changing:
                made = {name: _with(value, words) for name, value in changes}
                yield table, {**row, **made, "lead_id": lead_id}

        return cast

    def person(self, number: int) -> dict[str, Any]:
        """Return the values of a person's lead as rules see them."""
        rows = self.caster()(number, 0)
        return values_of(next(row for table, row in rows if table is _lead))

    @staticmethod
    def _words(number: int, request_id: str) -> tuple[str, str, str]:
        digits = f"{number:07}"
        return digits, letters(digits), request_id


def mould(connection: Connection) -> Mould:
    """Return the rows that the post of SAMPLE has made: its lead is the newest."""
    lead_id = connection.execute(select(func.max(_lead.c.lead_id))).scalar_one()
    rows: list[tuple[Table, Mapping[str, Any]]] = []
    for table in TABLES:
        # What counts rows by itself goes on doing so.
        columns = [each for each in table.c if each is not table.autoincrement_column]
        found = connection.execute(select(*columns).where(table.c.lead_id == lead_id))
        rows.extend((table, dict(row)) for row in found.mappings())
    return Mould(rows, next(row["request_id"] for _, row in rows if "request_id" in row))


def fill(systems: Sequence[System], made: Mould, numbers: Sequence[int]) -> None:
    """Add a lead for each of ``numbers`` to each system, in no order that posts could profit from.

    What the rows and keys are is worked out once for all systems: that is most of the work.
    """
    cast = made.caster()
    numbers = random.sample(numbers, len(numbers))
    next_id = 1 + max(_highest(system) for system in systems)
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        rows: Rows = {table: [] for table in (*TABLES, _key)}
        for lead_id, number in enumerate(batch, next_id):
            for table, row in cast(number, lead_id):
                rows[table].append(row)
            rows[_key].extend(keys(systems[0], rows[_lead][-1]))
        next_id += len(batch)
        # In the order of the index they are written far faster.
        rows[_key].sort(key=lambda row: row["digest"])
        for system in systems:
            with system.engine.begin() as connection:
                for table, each in rows.items():
                    write(connection, table, each)
                reset_lead_ids(connection, next_id)


def _highest(system: System) -> int:
    with system.engine.connect() as connection:
        return int(connection.execute(select(func.max(_lead.c.lead_id))).scalar_one())


def keys(system: System, lead: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the match keys of a lead, as a post would write them."""
    rules = system.match_rules
    return [
        {"digest": each, "lead_id": lead["lead_id"], "rule": rule, "version": rules[rule].version}
        for each, rule in keys_of(values_of(lead), rules.values()).items()
    ]


def analyse(system: System, tables: Sequence[Table] = (*TABLES, _key)) -> None:
    """Let the engine count what is there, as it does by itself sooner or later."""
    statement = "ANALYZE"
    if system.engine.dialect.name in ("mysql", "mariadb"):
        statement = f"ANALYZE TABLE {', '.join(each.name for each in tables)}"
    with system.engine.connect() as connection:
        connection.execute(text(statement))
        connection.commit()


def write(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, which all have the same columns, as an import does."""
    columns = list(zip(*(row.values() for row in rows), strict=True))
    write_sheet(connection, sheet_of(connection.dialect, table, list(rows[0]), columns))


def _with(value: Any, words: Mapping[str, str]) -> Any:
    """Return ``value`` with other words in it, however deep they stand."""
    if isinstance(value, str):
        for old, new in words.items():
            value = value.replace(old, new)
        return value
    if isinstance(value, bytes):
        return _with(value.decode("latin-1"), words).encode("latin-1")
    if isinstance(value, dict):
        return {name: _with(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [_with(each, words) for each in value]
    return value
