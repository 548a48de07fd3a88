"""Makes the match keys of stored leads anew, batch after batch, while posts keep coming.

The costly part, what the rules say of each lead, is worked out before the transaction. In it a lead
that a post holds or has changed meanwhile is passed over, and made alone afterwards: a batch never
waits while it holds rows, so no post can end in a deadlock with it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from gateway.contract import MatchRule, System
from gateway.database import in_transaction, reading
from gateway.matching import BadRule, keys_of
from gateway.models import Lead, MatchKey, MatchRekey
from gateway.store.keys import add_keys, values_of
from gateway.store.vault import vault_of

Keys = Mapping[int, Mapping[bytes, str]]
"""The digests of several leads by id, each with the name of its rule."""

_lead = Lead.__table__
_key = MatchKey.__table__
_rekey = MatchRekey.__table__
_page = (
    select(_lead)
    .where(_lead.c.lead_id > bindparam("after"))
    .order_by(_lead.c.lead_id)
    .limit(bindparam("batch"))
)
_lock_batch = (
    select(_lead.c.lead_id, _lead.c.updated_at)
    .where(_lead.c.lead_id.between(bindparam("first"), bindparam("last")))
    .order_by(_lead.c.lead_id)
    .with_for_update(skip_locked=True)
)
_lock_one = select(_lead).where(_lead.c.lead_id == bindparam("id")).with_for_update()
_stored = select(_key.c.digest, _key.c.lead_id, _key.c.rule, _key.c.version).where(
    _key.c.lead_id.between(bindparam("first"), bindparam("last"))
)
_delete = delete(_key).where(_key.c.lead_id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run over the leads after ``after``; ``rules`` are those whose keys are made anew.

    ``names`` are their names; ``None`` where they are all of the system's, so that the keys of
    rules which it no longer has go as well.
    """

    system: System
    rules: Sequence[MatchRule]
    names: frozenset[str] | None
    after: int


def begin(system: System, name: str | None = None, *, restart: bool = False) -> Run:
    """Return the run for one rule or for all, noted as begun.

    It goes on where an earlier one of the same rule versions was interrupted, unless ``restart``.
    """
    rules = [system.match_rules[name]] if name else list(system.match_rules.values())

    def work(connection: Connection) -> int:
        return min(_begin_rule(connection, rule, restart=restart) for rule in rules)

    return Run(
        system=system,
        rules=rules,
        names=frozenset({name}) if name else None,
        after=in_transaction(system.engine, work),
    )


def count_leads(run: Run) -> int:
    """Return how many leads the run has before it."""
    counted = select(func.count()).select_from(_lead).where(_lead.c.lead_id > run.after)
    with reading(run.system.engine) as connection:
        return int(connection.execute(counted).scalar_one())


def rekey(run: Run, *, batch: int) -> Iterator[int]:
    """Make the keys of every lead anew; yield after each batch how many leads were in it.

    Each batch is one short transaction, in which its progress is noted too. Leads that come after
    the last full batch have their keys by their posts. Raises BadRule, which names the lead.
    """
    engine, after, size = run.system.engine, run.after, batch
    while size == batch:
        with reading(engine) as connection:
            found = connection.execute(_page, {"after": after, "batch": batch}).mappings()
            rows = [vault_of(connection).open_row(row) for row in found]
        size = len(rows)
        if rows:
            after = rows[-1]["lead_id"]
            _make(run, rows)
            yield size
    in_transaction(engine, lambda connection: _finish(connection, run))


def replace_keys(
    connection: Connection,
    keys: Keys,
    rules: Mapping[str, MatchRule],
    *,
    names: Collection[str] | None = None,
) -> None:
    """Give the leads exactly ``keys``, or with ``names`` exactly these keys of those rules.

    Their rows must be locked. A lead whose keys are right already is not touched.
    """
    between = {"first": min(keys), "last": max(keys)}
    stored: dict[int, set[tuple[bytes, int]]] = {}
    for digest, lead_id, rule, version in connection.execute(_stored, between):
        if lead_id in keys and (names is None or rule in names):
            stored.setdefault(lead_id, set()).add((bytes(digest), version))
    wrong = {
        lead_id: digests
        for lead_id, digests in keys.items()
        if stored.get(lead_id, set())
        != {(digest, rules[name].version) for digest, name in digests.items()}
    }
    gone = [lead_id for lead_id in wrong if lead_id in stored]
    if gone:
        statement = _delete if names is None else _delete.where(_key.c.rule.in_(sorted(names)))
        connection.execute(statement, {"ids": gone})
    add_keys(connection, wrong, rules)


def _make(run: Run, rows: Sequence[Any]) -> None:
    """Write the keys of one batch, and how far the run is with it."""
    keys = {row["lead_id"]: _keys(row, run.rules) for row in rows}
    as_read = {row["lead_id"]: row["updated_at"] for row in rows}
    through = rows[-1]["lead_id"]

    def write_batch(connection: Connection) -> list[int]:
        between = {"first": rows[0]["lead_id"], "last": through}
        locked = connection.execute(_lock_batch, between).all()
        same = {lead_id for lead_id, at in locked if as_read.get(lead_id) == at}
        if same:
            unchanged = {lead_id: keys[lead_id] for lead_id in same}
            replace_keys(connection, unchanged, run.system.match_rules, names=run.names)
        passed_over = sorted(as_read.keys() - same)
        if not passed_over:
            _note_progress(connection, run, through)
        return passed_over

    engine = run.system.engine
    passed_over = in_transaction(engine, write_batch)
    for lead_id in passed_over:
        _make_one(run, lead_id)
    if passed_over:
        in_transaction(engine, lambda connection: _note_progress(connection, run, through))


def _make_one(run: Run, lead_id: int) -> None:
    """Write the keys of a lead that a post was busy with; it may have been merged away."""

    def work(connection: Connection) -> None:
        row = connection.execute(_lock_one, {"id": lead_id}).mappings().one_or_none()
        if row is not None:
            keys = {lead_id: _keys(vault_of(connection).open_row(row), run.rules)}
            replace_keys(connection, keys, run.system.match_rules, names=run.names)

    in_transaction(run.system.engine, work)


def _keys(row: Any, rules: Sequence[MatchRule]) -> dict[bytes, str]:
    try:
        return keys_of(values_of(row), rules)
    except Exception as error:
        said = str(error) or type(error).__name__
        raise BadRule(f"lead {row['lead_id']}: {said}") from error


def _begin_rule(connection: Connection, rule: MatchRule, *, restart: bool) -> int:
    """Return through which lead the keys of ``rule`` are new already, noted as begun."""
    here = _rekey.c.rule == rule.name
    row = connection.execute(select(_rekey).where(here).with_for_update()).one_or_none()
    fresh: dict[str, Any] = {"version": rule.version, "through_id": 0, "finished_at": None}
    if row is None:
        connection.execute(insert(_rekey), {"rule": rule.name, **fresh})
        return 0
    if restart or row.finished_at is not None or row.version != rule.version:
        connection.execute(update(_rekey).where(here).values(fresh))
        return 0
    return int(row.through_id)


def _note_progress(connection: Connection, run: Run, through: int) -> None:
    # A rule that is further on, by a run of its own, stays where it is.
    connection.execute(
        update(_rekey).where(_names(run), _rekey.c.through_id < through).values(through_id=through)
    )


def _finish(connection: Connection, run: Run) -> None:
    connection.execute(update(_rekey).where(_names(run)).values(finished_at=datetime.now(UTC)))
    if run.names is None:
        connection.execute(delete(_rekey).where(~_names(run)))


def _names(run: Run) -> Any:
    return _rekey.c.rule.in_([rule.name for rule in run.rules])
