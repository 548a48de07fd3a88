"""Names that callers send and no field claims, counted per caller from the journal.

Every row of the journal names those of its post, and is written with it: so the count costs a post
nothing, misses none, and holds over any number of processes. It reaches back as far as the journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, null, or_, select

from gateway import journal
from gateway.contract import FormValue, System
from gateway.database import reading
from gateway.models import Submission
from gateway.normal import shape, storable
from gateway.schema.parsing import UNKNOWN_LENGTH
from gateway.transport import names
from gateway.transport.again import request_of
from gateway.transport.call import build

MOST_NAMES = 1000
"""Names of one caller that are told apart, the most frequent; the rest is counted together."""

MOST_HELD = 20 * MOST_NAMES
"""Names of one caller that are counted at a time, whatever floods the journal."""

_row = Submission.__table__
_by_id = select(_row).where(_row.c.request_id == bindparam("id"))
_PAGE = 1000


@dataclass(slots=True)
class NewField:
    """A name that no field claims, as one caller sends it.

    ``shape`` is that of a value (``9999-99-99``), ``""`` where no body was kept; ``known`` is the
    name that differs from it in case only. ``name`` is ``None`` for all further ones together.
    """

    caller: str
    name: str | None
    count: int
    first_seen: datetime
    last_seen: datetime
    request_id: str
    shape: str = ""
    known: str | None = None

    def add(self, other: NewField) -> None:
        """Count ``other`` in; the latest post is the example."""
        self.count += other.count
        self.first_seen = min(self.first_seen, other.first_seen)
        if other.last_seen >= self.last_seen:
            self.last_seen, self.request_id = other.last_seen, other.request_id


def new_fields(system: System, *, since: datetime, caller: str | None = None) -> list[NewField]:
    """Return the unknown names in posts since then, by caller, the most frequent first.

    Posts of strangers do not count, and names that a field claims by now are left out.
    """
    found: dict[str, dict[str | None, NewField]] = {}
    with reading(system.engine) as connection:
        for sender, name, each in _sightings(connection, system, since, caller):
            of_caller = found.setdefault(sender, {})
            if name in of_caller:
                of_caller[name].add(each)
            else:
                of_caller[name] = each
                if len(of_caller) > MOST_HELD:
                    found[sender] = _most_frequent(of_caller)
        fields = [
            field
            for sender in sorted(found)
            for field in _ordered(_most_frequent(found[sender]).values())
        ]
        _add_shapes(connection, system, fields)
    known = {name.casefold(): name for name in system.schema.readers}
    for field in fields:
        field.known = known.get(field.name.casefold()) if field.name else None
    return fields


def _sightings(
    connection: Connection, system: System, since: datetime, caller: str | None
) -> Iterator[tuple[str, str, NewField]]:
    """Yield every unknown name of every post, a page of posts at a time."""
    wanted = (
        select(_row.c.caller, _row.c.unknown, _row.c.received_at, _row.c.request_id)
        .where(
            _row.c.received_at >= since,
            _row.c.unknown.is_not(null()),
            _row.c.caller.is_not(None) if caller is None else _row.c.caller == caller,
        )
        .order_by(_row.c.received_at, _row.c.request_id)
        .limit(_PAGE)
    )
    page = connection.execute(wanted).all()
    while page:
        for row in page:
            at = row.received_at
            for name in row.unknown:
                if name not in system.schema.readers:
                    yield row.caller, name, NewField(row.caller, name, 1, at, at, row.request_id)
        at, last = page[-1].received_at, page[-1].request_id
        behind = or_(
            _row.c.received_at > at, and_(_row.c.received_at == at, _row.c.request_id > last)
        )
        page = connection.execute(wanted.where(_row.c.received_at >= at, behind)).all()


def _most_frequent(of_caller: Mapping[str | None, NewField]) -> dict[str | None, NewField]:
    """Return the names that are told apart, and all others as one."""
    counts = Counter({name: each.count for name, each in of_caller.items() if name is not None})
    told_apart: set[str | None] = {name for name, _ in counts.most_common(MOST_NAMES)}
    result: dict[str | None, NewField] = {
        name: each for name, each in of_caller.items() if name in told_apart
    }
    rest = [each for name, each in of_caller.items() if name not in told_apart]
    for each in rest:
        each.name = None
        if None in result:
            result[None].add(each)
        else:
            result[None] = each
    return result


def _ordered(fields: Iterable[NewField]) -> list[NewField]:
    return sorted(fields, key=lambda each: (each.name is None, -each.count, each.name or ""))


def _add_shapes(connection: Connection, system: System, fields: Iterable[NewField]) -> None:
    """Read the example post of each name again, many names in one go where they share it."""
    by_post: dict[str, list[NewField]] = {}
    for field in fields:
        if field.name is not None:
            by_post.setdefault(field.request_id, []).append(field)
    for request_id, wanting in by_post.items():
        row: Any = connection.execute(_by_id, {"id": request_id}).mappings().one_or_none()
        try:
            body = journal.read_body(row, system) if row else None
            query = journal.read_query(row, system) if row else b""
        except journal.Unreadable:
            continue  # the names still count
        if body is None:
            continue
        call = build(request_of(row, body=body, query=query), system.settings)
        sent = {storable(name[:UNKNOWN_LENGTH]): value for name, value in call.form.items()}
        for field in wanting:
            if field.name in sent:
                field.shape = _shape(sent[field.name])


def _shape(value: FormValue) -> str:
    if isinstance(value, str):
        return shape(value)
    if isinstance(value, tuple):
        return shape(value[-1])
    return f"{shape(names.single(next(iter(value.values()), '')))}[]"
