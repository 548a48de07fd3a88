"""Erases a person: lead, history, files, keys, and their posts in the journal.

In short transactions, the lead last: killed at any moment, the lead or the row of its erasure is
there, and the same command goes on. What stays is that an erasure took place. The id of a lead is
never given again, so no post can bring it back, and a post that was emptied cannot be replayed.
"""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from gateway.contract import System
from gateway.database import in_transaction, reading
from gateway.journal.finding import merged_into
from gateway.journal.reducing import posts_of, reduce_some
from gateway.journal.sweeping import remove_unnamed
from gateway.matching import keys_of
from gateway.models import (
    Erasure,
    Lead,
    LeadChange,
    LeadEvent,
    LeadExternalId,
    LeadFile,
    LeadMerge,
    LeadNote,
    LeadTag,
    MatchClaim,
    MatchKey,
)
from gateway.store.locating import external_id_digest, follow_merge
from gateway.store.person import earlier_values, telling_keys_of

log = logging.getLogger("gateway.store")

CHILDREN = (LeadExternalId, LeadNote, LeadTag, LeadEvent, LeadFile, LeadChange, MatchKey)
"""What hangs on a lead by its id."""

_lead = Lead.__table__
_file = LeadFile.__table__
_claim = MatchClaim.__table__
_merge = LeadMerge.__table__
_erasure = Erasure.__table__
_external = LeadExternalId.__table__


class CannotErase(Exception):
    """There is nothing to erase under this id; the text says why to the person who asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an erasure would take: the ids of the lead, and how many rows of each kind."""

    lead_ids: list[int]
    posts: int
    rows: dict[str, int]


def look(system: System, lead_id: int) -> Found | None:
    """Return what there is of the lead, ``None`` where it is gone and only files are left to go.

    Raises CannotErase.
    """
    with reading(system.engine) as connection:
        if not _is_there(connection, lead_id):
            _check_begun(connection, lead_id)
            return None
        ids = merged_into(connection, lead_id)
        digests = telling_keys_of(connection, lead_id, system.settings)
        posts = posts_of(ids, digests).subquery()
        rows = {model.__tablename__: _count(connection, model, lead_id) for model in CHILDREN}
        counted = connection.execute(select(func.count()).select_from(posts)).scalar_one()
        return Found(lead_ids=ids, posts=counted, rows=rows)


def telling_keys(system: System, lead_id: int) -> frozenset[bytes]:
    """Return the search keys by which posts are this person's, those in the spool too."""
    with reading(system.engine) as connection:
        return frozenset(telling_keys_of(connection, lead_id, system.settings))


def erase(system: System, lead_id: int) -> Iterator[int]:
    """Erase the lead and its person; yield after each batch how many posts were emptied.

    Posts that wait in the spool are not in the database yet: see ``draining.erase``.
    Raises CannotErase. ``files_left`` says what is left to go after it.
    """
    engine = system.engine
    if look(system, lead_id) is not None:
        in_transaction(engine, lambda on: _begin(on, lead_id))
        claims = _claims_of(system, lead_id)
        while done := in_transaction(engine, lambda on: _empty_some(on, system, lead_id)):
            yield done
        yield in_transaction(engine, lambda on: _delete(on, system, lead_id))
        in_transaction(engine, lambda on: _delete_claims(on, claims))
    finish(system, lead_id)


def finish(system: System, lead_id: int) -> None:
    """Remove the files of an erased lead that no other row names."""
    with reading(system.engine) as connection:
        names = _pending(connection, lead_id)
    left = remove_unnamed(system, names)
    in_transaction(system.engine, lambda on: _note(on, lead_id, pending=left or None))


def unfinished(system: System) -> list[int]:
    """Return the erased leads of which files are left to go."""
    with reading(system.engine) as connection:
        rows = connection.execute(select(_erasure)).mappings().all()
    return [row["lead_id"] for row in rows if row["erased_at"] and row["pending"]]


def files_left(system: System, lead_id: int) -> int:
    """Return how many files of an erased lead are still in the store."""
    with reading(system.engine) as connection:
        return len(_pending(connection, lead_id))


def _is_there(connection: Connection, lead_id: int, *, lock: bool = False) -> bool:
    statement = select(_lead.c.lead_id).where(_lead.c.lead_id == lead_id)
    found = connection.execute(statement.with_for_update() if lock else statement)
    return found.one_or_none() is not None


def _check_begun(connection: Connection, lead_id: int) -> None:
    _check_merged(connection, lead_id)
    row = connection.execute(select(_erasure).where(_erasure.c.lead_id == lead_id)).one_or_none()
    if row is None:
        raise CannotErase(f"There is no lead {lead_id}.")
    if not row.pending:
        raise CannotErase(f"Lead {lead_id} was erased already, at {row.erased_at:%Y-%m-%d %H:%M}.")


def _check_merged(connection: Connection, lead_id: int) -> None:
    survivor = follow_merge(connection, lead_id)
    if survivor != lead_id:
        raise CannotErase(f"Lead {lead_id} was merged into lead {survivor}: erase that one.")


def _begin(connection: Connection, lead_id: int) -> None:
    known = select(_erasure.c.lead_id).where(_erasure.c.lead_id == lead_id)
    if connection.execute(known).one_or_none() is None:
        row = {"lead_id": lead_id, "begun_at": datetime.now(UTC), "posts": 0}
        connection.execute(insert(_erasure), row)


def _empty_some(connection: Connection, system: System, lead_id: int) -> int:
    """Empty some posts of the person, and note their files in the same transaction."""
    digests = telling_keys_of(connection, lead_id, system.settings)
    done, files = reduce_some(connection, merged_into(connection, lead_id), digests)
    if done:
        _note(
            connection,
            lead_id,
            posts=_erasure.c.posts + done,
            pending=sorted({*_pending(connection, lead_id), *files}) or None,
        )
    return done


def _delete(connection: Connection, system: System, lead_id: int) -> int:
    """Delete the lead and what hangs on it; posts that came meanwhile are emptied first."""
    if not _is_there(connection, lead_id, lock=True):
        # Somebody else erased it meanwhile, or merged it: then its person is not erased.
        _check_merged(connection, lead_id)
        return 0
    emptied = 0
    while done := _empty_some(connection, system, lead_id):
        emptied += done
    files = connection.execute(select(_file.c.sha256).where(_file.c.lead_id == lead_id)).scalars()
    pending = {*_pending(connection, lead_id), *files}
    for model in CHILDREN:
        table = model.__table__
        connection.execute(delete(table).where(table.c.lead_id == lead_id))
    now = datetime.now(UTC)
    for other in merged_into(connection, lead_id)[1:]:
        # An erasure of it may have been cut short by the merge.
        _begin(connection, other)
        pending.update(_pending(connection, other))
        _note(connection, other, erased_at=now, pending=None)
    connection.execute(delete(_merge).where(_merge.c.survivor_id == lead_id))
    connection.execute(delete(_lead).where(_lead.c.lead_id == lead_id))
    _note(connection, lead_id, erased_at=now, pending=sorted(pending) or None)
    return emptied


def _claims_of(system: System, lead_id: int) -> set[bytes]:
    """Return the claims that posts of this person have left; digests of what they are found by."""
    rules = system.match_rules.values()
    with reading(system.engine) as connection:
        external = select(_external.c.external_id).where(_external.c.lead_id == lead_id)
        found = {external_id_digest(each) for each in connection.execute(external).scalars()}
        for values in earlier_values(connection, lead_id):
            try:
                found |= keys_of(values, rules).keys()
            except Exception:  # a rule of a plugin that fails must not keep a person here
                log.exception("lead %d: a match rule fails", lead_id)
    return found


def _delete_claims(connection: Connection, digests: Collection[bytes]) -> None:
    # A claim says nothing by being there; a post that needs one makes it again.
    connection.execute(delete(_claim).where(_claim.c.digest.in_(sorted(digests))))


def _pending(connection: Connection, lead_id: int) -> list[str]:
    found = connection.execute(
        select(_erasure.c.pending).where(_erasure.c.lead_id == lead_id)
    ).scalar_one_or_none()
    return found or []


def _note(connection: Connection, lead_id: int, **values: Any) -> None:
    connection.execute(update(_erasure).where(_erasure.c.lead_id == lead_id).values(values))


def _count(connection: Connection, model: Any, lead_id: int) -> int:
    table = model.__table__
    counted = select(func.count()).select_from(table).where(table.c.lead_id == lead_id)
    return int(connection.execute(counted).scalar_one())
