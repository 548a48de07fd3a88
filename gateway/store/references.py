"""The rows that a post names: statuses, custom statuses, owners, pools."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, FromClause, insert, literal, select

from gateway.contract import Parsed, Rejected
from gateway.database import reading
from gateway.errors import problem
from gateway.models import CustomStatus, Pool, Status, User
from gateway.normal import fold_label
from gateway.store.writing import inserted_key

_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class NewPool:
    """A pool that a post names and that is made with its lead (``GATEWAY_CREATE_POOLS``)."""

    label: str
    folded: str


class _Missing(Exception):
    """No row has this id or label; the text says so to the caller."""


def resolve(parsed: Parsed, engine: Engine, *, create_pools: bool) -> Parsed:
    """Return ``parsed`` with ids for the rows that it names, and a rejection for each unknown one.

    ``0`` in status, custom_status and ownerID means none, unless a row has that id (contract,
    "Fields"). Nothing is read where no such field was sent.
    """
    if _RESOLVERS.keys().isdisjoint(parsed.changes):
        return parsed
    named = [name for name in _RESOLVERS if parsed.changes.get(name) is not None]
    if not named:
        return parsed
    changes = dict(parsed.changes)
    rejected = list(parsed.rejected)
    with reading(engine) as connection:
        for name in named:
            sent = changes[name]
            try:
                changes[name] = _RESOLVERS[name](connection, sent)
            except _Missing as missing:
                if name == "pool" and create_pools:
                    changes[name] = NewPool(sent, fold_label(sent))
                    continue
                del changes[name]
                trouble = problem(name, "unknown_reference", str(missing))
                # The page: a custom status must exist; a lead without it would be another lead.
                rejected.append(Rejected(trouble, str(sent), keepable=name != "custom_status"))
    return replace(parsed, changes=changes, rejected=tuple(rejected))


def make_pool(connection: Connection, pool: NewPool, now: Any) -> int:
    """Return the id of ``pool``, made in this transaction where nobody has made it meanwhile."""
    table = Pool.__table__
    found = connection.execute(select(table.c.pool_id).where(table.c.folded == pool.folded))
    pool_id: int | None = found.scalar_one_or_none()
    if pool_id is not None:
        return pool_id
    made = connection.execute(
        insert(table).values(label=pool.label, folded=pool.folded, created_at=now)
    )
    return inserted_key(made)


def _status(connection: Connection, sent: int) -> int | None:
    table = Status.__table__
    if _find(connection, table.c.status_id, table.c.status_id == sent) is not None:
        return sent
    if sent == 0:
        return None
    if _find(connection, table.c.status_id, literal(True)) is None:
        return sent
    raise _Missing("no status of this system has that id")


def _custom_status(connection: Connection, sent: int | str) -> int | None:
    table = CustomStatus.__table__
    key = table.c.custom_status_id
    found = _by_id_or_label(connection, key, table.c.folded, str(sent))
    if found is not None:
        return found
    if sent == 0:
        return None
    raise _Missing("no custom status of this system has that id or label")


def _owner(connection: Connection, sent: str) -> int | None:
    table = User.__table__
    key = table.c.user_id
    found = _by_id_or_label(connection, key, table.c.folded, sent)
    if found is not None:
        return found
    if sent == "0":
        return None
    raise _Missing("no user of this system has that id or username")


def _pool(connection: Connection, sent: str) -> int:
    table = Pool.__table__
    found = _find(connection, table.c.pool_id, table.c.folded == fold_label(sent))
    if found is None:
        raise _Missing("no pool of this system has that name")
    return found


def _by_id_or_label(connection: Connection, key: Any, folded: Any, sent: str) -> int | None:
    """Return the row with this id, or else with this label; an id may be 0."""
    found = None
    if sent.isascii() and sent.isdigit() and int(sent) <= _LARGEST_ID:
        found = _find(connection, key, key == int(sent))
    if found is None:
        found = _find(connection, key, folded == fold_label(sent))
    return found


def _find(connection: Connection, key: Any, condition: ColumnElement[bool]) -> int | None:
    found: int | None = connection.execute(select(key).where(condition).limit(1)).scalar()
    return found


def names_a_row(connection: Connection, name: str, key: int) -> bool:
    """Return whether there is a row with this id for the field ``name`` of LABELS."""
    table, key_name, _ = LABELS[name]
    return _find(connection, table.c[key_name], table.c[key_name] == key) is not None


_RESOLVERS: Mapping[str, Callable[[Connection, Any], int | None]] = {
    "status": _status,
    "custom_status": _custom_status,
    "ownerID": _owner,
    "pool": _pool,
}

NAMES = tuple(_RESOLVERS)
"""The fields whose value names a row."""

LABELS: Mapping[str, tuple[FromClause, str, str]] = {
    "custom_status": (CustomStatus.__table__, "custom_status_id", "label"),
    "ownerID": (User.__table__, "user_id", "username"),
    "pool": (Pool.__table__, "pool_id", "label"),
}
"""For each field that names a row: the table, its key, and the column to show."""
