"""The rows that posts may name, for those who log in."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, select

from gateway.database import reading
from gateway.models import CustomStatus, Pool, Status

SHOWN_AT_MOST = 1000

_TABLES = (
    ("status", "statuses", Status),
    ("custom_status", "custom statuses", CustomStatus),
    ("pool", "pools", Pool),
)


@dataclass(frozen=True, slots=True)
class NamedRows:
    """The rows that a field may name, with their ids; ``more`` if some are left out."""

    field: str
    title: str
    rows: tuple[tuple[int, str], ...]
    more: bool


def named_rows(engine: Engine) -> tuple[NamedRows, ...]:
    """Return the statuses, custom statuses and pools of the system, by id."""
    with reading(engine) as connection:
        return tuple(_read(connection, *table) for table in _TABLES)


def _read(connection: Connection, field: str, title: str, model: Any) -> NamedRows:
    table = model.__table__
    (key,) = table.primary_key.columns
    found = connection.execute(
        select(key, table.c.label).order_by(key).limit(SHOWN_AT_MOST + 1)
    ).all()
    rows = tuple((number, label) for number, label in found[:SHOWN_AT_MOST])
    return NamedRows(field, title, rows, len(found) > SHOWN_AT_MOST)
