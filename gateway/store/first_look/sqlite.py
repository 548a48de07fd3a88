"""The first look on SQLite: it has one writer, so nothing is claimed, and its ways are short."""

from collections.abc import Sequence

from sqlalchemy import Connection

from gateway.matching import known
from gateway.store.lead_rows import Lock, read_holders, read_leads
from gateway.store.planning import Stored
from gateway.store.wanted import Known, Wanted, external_ids, keys_of, meant, with_holders


def begin(connection: Connection, batch: Sequence[Wanted]) -> tuple[Known, dict[int, Stored]]:
    """Return what ``first_look.begin`` does, of a transaction that has begun."""
    external = external_ids(batch)
    holders = read_holders(connection, external.values())
    found = with_holders(known(connection, keys_of(batch)), external, holders)
    leads, with_tags = meant(batch, found)
    return found, read_leads(connection, leads, with_tags=with_tags, lock=Lock.SKIP)
