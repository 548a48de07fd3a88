"""Leads as an import reads them again: by wire names, one a row, from one state of the database."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from gateway.contract import System
from gateway.database import snapshot
from gateway.formats.cells import defused
from gateway.models import Lead, LeadExternalId, LeadNote, LeadTag
from gateway.normal import mask
from gateway.store.planning import COLUMNS, NOT_COLUMNS
from gateway.store.references import LABELS
from gateway.store.vault import Locked, vault_of

PAGE = 1000
"""Leads in memory at a time."""

Ranges = Sequence[tuple[int, int]]

_lead: Table = Lead.__table__
_OWN = ("lead_id", "created_at", "updated_at", "external_ids")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which leads: made from ``since`` until before ``until``, with an id in one of ``ids``."""

    since: datetime | None = None
    until: datetime | None = None
    ids: Ranges = ()
    with_sensitive: bool = False


@dataclass(slots=True)
class Exporter:
    """Gives the leads of one system as rows.

    ``locked`` counts the values that are left out because no key opens them, by field and cause: a
    text in their place would be imported as the value.
    """

    system: System
    choice: Choice
    names: list[str] = field(init=False)
    locked: Counter[tuple[str, str]] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        schema = self.system.schema
        data = [
            name
            for name in schema.fields
            if name in ("tags", "notes", "external_id")
            or name in schema.custom
            or (name not in NOT_COLUMNS and COLUMNS.get(name, name) in _lead.c)
        ]
        self.names = [_OWN[0], *data, *_OWN[1:]]

    def as_csv(self) -> Iterator[str]:
        """Yield the header and the leads as CSV, a page at a time."""
        yield _csv([self.names])
        for page in self._pages():
            yield _csv([[_cell(name, row[name]) for name in self.names] for row in page])

    def as_jsonl(self) -> Iterator[str]:
        """Yield the leads as JSON objects, one a line, without what they do not have."""
        for page in self._pages():
            yield "".join(
                json.dumps(
                    {name: value for name, value in row.items() if value not in (None, [])},
                    ensure_ascii=False,
                )
                + "\n"
                for row in page
            )

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        wanted = self._statement()
        with snapshot(self.system.engine) as connection:
            labels = _labels(connection)
            ranges = self.choice.ids or ((0, 2**63 - 1),)
            for first, last in ranges:
                after = first - 1
                while rows := (
                    connection.execute(
                        wanted.where(_lead.c.lead_id > after, _lead.c.lead_id <= last)
                    )
                    .mappings()
                    .all()
                ):
                    after = rows[-1]["lead_id"]
                    yield self._whole(connection, rows, labels)

    def _statement(self) -> Any:
        wanted = select(_lead).order_by(_lead.c.lead_id).limit(PAGE)
        if self.choice.since is not None:
            wanted = wanted.where(_lead.c.created_at >= self.choice.since)
        if self.choice.until is not None:
            wanted = wanted.where(_lead.c.created_at < self.choice.until)
        return wanted

    def _whole(
        self,
        connection: Connection,
        rows: Sequence[Any],
        labels: Mapping[str, Mapping[int, str]],
    ) -> list[dict[str, Any]]:
        page = [row["lead_id"] for row in rows]
        tags = _by_lead(connection, LeadTag, page, "position")
        notes = _by_lead(connection, LeadNote, page, "note_id")
        external = _by_lead(connection, LeadExternalId, page, "external_id")
        open_row = vault_of(connection).open_row
        return [
            self._row(
                open_row(row),
                labels,
                tags=[each["label"] for each in tags[row["lead_id"]]],
                notes=[_note(each) for each in notes[row["lead_id"]]],
                external_ids=[each["external_id"] for each in external[row["lead_id"]]],
            )
            for row in rows
        ]

    def _row(
        self, row: Any, labels: Mapping[str, Mapping[int, str]], **lists: Any
    ) -> dict[str, Any]:
        schema, custom = self.system.schema, row["custom"] or {}
        made: dict[str, Any] = {}
        for name in self.names:
            if name in lists:
                made[name] = lists[name]
                continue
            value = custom.get(name) if name in schema.custom else row[COLUMNS.get(name, name)]
            if isinstance(value, Locked):
                self.locked[name, value.why] += 1
                value = None
            if name in LABELS and value is not None:
                value = labels[name].get(value, str(value))
            known = schema.fields.get(name)
            if value is not None and known and known.sensitive and not self.choice.with_sensitive:
                value = list(map(mask, value)) if isinstance(value, list) else mask(value)
            made[name] = _plain(name, value)
        return made


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if name == "ok_to_text" and value is not None:
        return "Yes" if value else "No"
    if name in ("lat", "lng") and value is not None:
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return value


def _note(row: Any) -> dict[str, str]:
    return {"Status": row["status"], "Notes": row["text"], "at": row["created_at"].isoformat()}


def _labels(connection: Connection) -> dict[str, dict[int, str]]:
    """Return for each field that names a row the text by which a post names it."""
    return {
        name: {row[0]: row[1] for row in connection.execute(select(table.c[key], table.c[label]))}
        for name, (table, key, label) in LABELS.items()
    }


def _by_lead(
    connection: Connection, model: Any, lead_ids: Sequence[int], order: str
) -> dict[int, list[Any]]:
    table = model.__table__
    found: dict[int, list[Any]] = defaultdict(list)
    wanted = select(table).where(table.c.lead_id.in_(lead_ids)).order_by(table.c[order])
    for row in connection.execute(wanted).mappings():
        found[row["lead_id"]].append(row)
    return found


def _cell(name: str, value: Any) -> str:
    """Return the value as a cell: lists as JSON but for tags, nothing that a spreadsheet runs."""
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return defused(value)
    if name == "tags":
        return defused(",".join(value))
    if isinstance(value, list | dict):
        return defused(json.dumps(value, ensure_ascii=False))
    return defused(str(value))


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
