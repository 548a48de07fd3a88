"""The match keys of a lead in the store: read as values, looked up, kept in step with the lead."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from gateway.contract import MatchRule
from gateway.models import Lead, MatchKey
from gateway.store.planning import WIRE_NAMES
from gateway.store.vault import vault_of

_OTHERWISE = frozenset((*WIRE_NAMES, "custom"))
"""Columns that rules do not see as they are stored."""

_lead = Lead.__table__
_key = MatchKey.__table__
_read = select(_lead).where(_lead.c.lead_id.in_(bindparam("ids", expanding=True)))
_delete = delete(_key).where(
    _key.c.lead_id == bindparam("lead"), _key.c.digest == bindparam("key_digest")
)
# A rekey may have written the same key a moment ago.
_insert = {
    "sqlite": sqlite.insert(_key).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(_key).on_conflict_do_nothing(),
    "mysql": mysql.insert(_key).prefix_with("IGNORE"),
}
_insert["mariadb"] = _insert["mysql"]


def values_of(row: Any) -> dict[str, Any]:
    """Return the values of an opened lead as rules see them: by wire name, custom ones too."""
    if type(row) is dict and _OTHERWISE.isdisjoint(row):
        return row.copy()
    values = {WIRE_NAMES.get(column, column): row[column] for column in row if column != "custom"}
    custom = row.get("custom")
    return custom | values if custom else values


def read_values(connection: Connection, lead_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the values of several stored leads by id, without locking them."""
    rows = connection.execute(_read, {"ids": list(lead_ids)}).mappings()
    open_row = vault_of(connection).open_row
    return {row["lead_id"]: values_of(open_row(row)) for row in rows}


def write_keys(
    connection: Connection,
    lead_id: int,
    *,
    old: Mapping[bytes, str],
    new: Mapping[bytes, str],
    rules: Mapping[str, MatchRule],
) -> None:
    """Make the keys of the lead ``new``, where they are ``old``; both digests by rule name."""
    if old:
        gone = [{"lead": lead_id, "key_digest": each} for each in old.keys() - new.keys()]
        if gone:
            connection.execute(_delete, gone)
        new = {each: new[each] for each in new.keys() - old.keys()}
    add_keys(connection, {lead_id: new}, rules)


def add_keys(
    connection: Connection,
    keys: Mapping[int, Mapping[bytes, str]],
    rules: Mapping[str, MatchRule],
) -> None:
    """Write ``keys``: for each lead its digests, each with the name of its rule."""
    rows = [
        {"digest": each, "lead_id": lead_id, "rule": name, "version": rules[name].version}
        for lead_id, digests in keys.items()
        for each, name in digests.items()
    ]
    if rows:
        # Sorted, so that two transactions never lock index entries in two orders.
        rows.sort(key=itemgetter("digest"))
        connection.execute(_insert[connection.dialect.name], rows)
