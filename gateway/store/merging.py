"""Merges leads that are one person: what hangs on them moves, and their ids go on working."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, select, update

from gateway.contract import System
from gateway.database import in_transaction, reading
from gateway.matching import keys_of
from gateway.models import (
    Lead,
    LeadChange,
    LeadEvent,
    LeadExternalId,
    LeadFile,
    LeadMerge,
    LeadNote,
    LeadTag,
    MatchKey,
)
from gateway.normal import junk_values, phone_key
from gateway.store import claims, writing
from gateway.store.history import Change, write_changes
from gateway.store.keys import values_of
from gateway.store.locating import external_id_digest, follow_merge
from gateway.store.merged_values import OWN, Whole, fill, take_in_phones
from gateway.store.reading import shown
from gateway.store.rekeying import replace_keys
from gateway.store.vault import vault_of

MOVED = {
    "notes": LeadNote.__table__,
    "events": LeadEvent.__table__,
    "files": LeadFile.__table__,
    "external_ids": LeadExternalId.__table__,
    "changes": LeadChange.__table__,
}
"""What goes over to the lead that stays, row by row."""

_lead = Lead.__table__
_tag = LeadTag.__table__
_key = MatchKey.__table__
_external = LeadExternalId.__table__
_merge = LeadMerge.__table__
_ids: BindParameter[Any] = bindparam("ids", expanding=True)
_read = select(_lead).where(_lead.c.lead_id.in_(_ids)).order_by(_lead.c.lead_id)
_read_tags = (
    select(_tag.c.lead_id, _tag.c.label).where(_tag.c.lead_id.in_(_ids)).order_by(_tag.c.position)
)


class CannotMerge(Exception):
    """These leads cannot be merged; the text says why to the person who asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a merge makes of the lead that stays, or on a dry run would make.

    ``changes`` are by the lead that was merged. Where a value of that lead gives way, the change
    goes from its value to the one that stays, so that nothing is lost. ``moved`` counts rows.
    """

    lead_id: int
    merged: tuple[int, ...]
    changes: Mapping[int, Sequence[Change]]
    moved: Mapping[str, int]


def merge(system: System, keep: int, others: Sequence[int], *, dry_run: bool = False) -> Merged:
    """Merge ``others`` into ``keep``, all in one transaction, and return what that does.

    Of each value the first that is not empty stays, in the order given; the two lines of the
    address come from one lead. Raises CannotMerge.
    """
    if keep in others:
        raise CannotMerge(f"Lead {keep} cannot be merged with itself.")
    if len(set(others)) < len(others):
        raise CannotMerge("A lead is named twice.")
    if dry_run:
        with reading(system.engine) as connection:
            return _plan(system, connection, (keep, *others), lock=False)[1]
    held: frozenset[bytes] = frozenset()
    while True:
        try:
            return in_transaction(system.engine, partial(_work, system, (keep, *others), held))
        except claims.Unclaimed as unclaimed:
            # Each turn holds more of what these leads have, which is not much.
            held |= unclaimed.digests


def shown_changes(system: System, merged: Merged) -> list[dict[str, Any]]:
    """Return the changes of a merge ready for JSON, each with the lead it comes from.

    Sensitive values are masked.
    """
    with reading(system.engine) as connection:
        show = partial(shown, connection, system.schema)
        return [
            {
                "from": other,
                "field": each.field,
                "old": show(each.field, each.old),
                "new": show(each.field, each.new),
            }
            for other, changes in merged.changes.items()
            for each in changes
        ]


def _work(system: System, ids: Sequence[int], held: frozenset[bytes], on: Connection) -> Merged:
    claims.take(on, held)
    whole, merged = _plan(system, on, ids, lock=True)
    keys = keys_of(values_of(whole.row), system.match_rules.values())
    missing = (_claims_of(on, ids) | keys.keys()) - held
    if missing and claims.are_needed(on):
        raise claims.Unclaimed(missing)
    _write(on, whole, merged)
    replace_keys(on, {merged.lead_id: keys}, system.match_rules)
    return merged


def _claims_of(connection: Connection, ids: Sequence[int]) -> set[bytes]:
    """Return the claims of all by which a post can find one of the leads now."""
    digests = connection.execute(
        select(_key.c.digest).where(_key.c.lead_id.in_(_ids)), {"ids": ids}
    )
    external_ids = connection.execute(
        select(_external.c.external_id).where(_external.c.lead_id.in_(_ids)), {"ids": ids}
    )
    return {bytes(each) for each in digests.scalars()} | {
        external_id_digest(each) for each in external_ids.scalars()
    }


def _plan(
    system: System, connection: Connection, ids: Sequence[int], *, lock: bool
) -> tuple[Whole, Merged]:
    """Return the lead as it will be, and what that changes; with ``lock`` its rows stay locked."""
    statement = _read.with_for_update() if lock else _read
    # In the order of their ids, as everybody locks several leads.
    rows = {row["lead_id"]: row for row in connection.execute(statement, {"ids": ids}).mappings()}
    for lead_id in ids:
        if lead_id not in rows:
            raise CannotMerge(_why_missing(connection, lead_id))
    leads = {lead_id: Whole(dict(vault_of(connection).open_row(rows[lead_id]))) for lead_id in ids}
    for lead_id, label in connection.execute(_read_tags, {"ids": ids}):
        leads[lead_id].tags.append(label)
    keep, *others = ids
    changes = {other: fill(leads[keep], leads[other]) for other in others}
    key_of = _phone_keys(system)
    for other in others:
        changes[other] += take_in_phones(leads[keep], leads[other], key_of)
        changes[other].sort(key=lambda change: change.field)
    moved = {name: _count(connection, table, others) for name, table in MOVED.items()}
    return leads[keep], Merged(lead_id=keep, merged=tuple(others), changes=changes, moved=moved)


def _phone_keys(system: System) -> Callable[[str | None], str | None]:
    """Return what gives the key of a number by which posts are found, and of others none."""
    region = system.settings.GATEWAY_REGION
    junk = junk_values(system.settings.GATEWAY_JUNK_VALUES, region)

    def key_of(number: str | None) -> str | None:
        key = phone_key(number, region) if number else None
        return None if key is None or junk.is_junk_phone(key) else key

    return key_of


def _why_missing(connection: Connection, lead_id: int) -> str:
    survivor = follow_merge(connection, lead_id)
    if survivor == lead_id:
        return f"There is no lead {lead_id}."
    return f"Lead {lead_id} was merged into lead {survivor} already."


def _count(connection: Connection, table: Any, ids: Sequence[int]) -> int:
    counted = select(func.count()).select_from(table).where(table.c.lead_id.in_(_ids))
    return int(connection.execute(counted, {"ids": ids}).scalar_one())


def _write(connection: Connection, whole: Whole, merged: Merged) -> None:
    keep, others, now = merged.lead_id, list(merged.merged), datetime.now(UTC)
    values = {name: value for name, value in whole.row.items() if name not in OWN - {"custom"}}
    writing.update_lead(connection, keep, values | {"updated_at": now})
    if any(change.field == "tags" for each in merged.changes.values() for change in each):
        writing.replace_tags(connection, keep, whole.tags, new=False)
    for table in MOVED.values():
        connection.execute(update(table).where(table.c.lead_id.in_(others)).values(lead_id=keep))
    for other, changes in merged.changes.items():
        write_changes(connection, keep, changes, now=now, request_id=f"merge of lead {other}")
    # Leads that were merged into one of these before are now found here.
    connection.execute(
        update(_merge).where(_merge.c.survivor_id.in_(others)).values(survivor_id=keep)
    )
    for table in (_tag, _key, _lead):
        connection.execute(delete(table).where(table.c.lead_id.in_(others)))
    connection.execute(
        insert(_merge),
        [{"lead_id": other, "survivor_id": keep, "merged_at": now} for other in others],
    )
