"""What is known of the person of a lead, now and earlier, and all that we hold on them."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from config import Settings
from gateway.journal.keys import telling_keys
from gateway.models import Lead, LeadChange, LeadExternalId
from gateway.store.keys import values_of
from gateway.store.vault import vault_of

_lead = Lead.__table__
_change = LeadChange.__table__
_external = LeadExternalId.__table__


def telling_keys_of(connection: Connection, lead_id: int, settings: Settings) -> frozenset[bytes]:
    """Return the digests by which posts of this person are found, by what the lead ever held."""
    found: set[bytes] = set()
    for values in earlier_values(connection, lead_id):
        found |= telling_keys(values, settings)
    external_ids = select(_external.c.external_id).where(_external.c.lead_id == lead_id)
    for external_id in connection.execute(external_ids).scalars():
        found |= telling_keys({"external_id": external_id}, settings)
    return frozenset(found)


def earlier_values(connection: Connection, lead_id: int) -> Iterator[dict[str, Any]]:
    """Yield the values of a lead as they are, then as they were before each post or merge.

    Nothing where there is no lead.
    """
    row = connection.execute(select(_lead).where(_lead.c.lead_id == lead_id)).mappings().first()
    if row is None:
        return
    vault = vault_of(connection)
    values = values_of(vault.open_row(row))
    yield dict(values)
    changes = (
        select(_change.c.request_id, _change.c.field, _change.c.old)
        .where(_change.c.lead_id == lead_id)
        .order_by(_change.c.change_id.desc())
    )
    last = None
    for request_id, field, old in connection.execute(changes):
        if last is not None and request_id != last:
            yield dict(values)
        last = request_id
        values[field] = vault.open_change(old)
    if last is not None:
        yield values
