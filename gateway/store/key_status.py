"""Which match keys are stored, rule by rule, and which of them are out of date."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, distinct, func, select

from gateway.contract import System
from gateway.database import reading
from gateway.models import Lead, MatchKey, MatchRekey

_lead = Lead.__table__
_key = MatchKey.__table__
_rekey = MatchRekey.__table__

_keys = select(_key.c.rule, _key.c.version, func.count()).group_by(_key.c.rule, _key.c.version)
_with_keys = select(_key.c.rule, func.count(distinct(_key.c.lead_id))).group_by(_key.c.rule)


def key_status(system: System) -> dict[str, Any]:
    """Return, ready for JSON, how the keys of each rule stand.

    ``stale`` are keys that another version of the rule made. ``without_keys`` are leads without a
    part of the rule, or whose keys nobody has made: that only a rekey tells, and ``rekey`` says how
    far the last one came (``None``: there was none). ``unknown`` are rules that have keys and that
    the system does not have.
    """
    with reading(system.engine) as connection:
        leads = _count(connection)
        versions: dict[str, dict[int, int]] = {}
        for rule, version, count in connection.execute(_keys):
            versions.setdefault(rule, {})[version] = count
        with_keys: dict[str, int] = dict(connection.execute(_with_keys).all())
        runs = {
            row["rule"]: _run(connection, row)
            for row in connection.execute(select(_rekey)).mappings().all()
        }
    known = system.match_rules
    return {
        "leads": leads,
        "rules": [
            {
                "rule": name,
                "version": rule.version,
                "keys": sum(versions.get(name, {}).values()),
                "keys_by_version": _by_version(versions.get(name, {})),
                "stale": sum(
                    count
                    for version, count in versions.get(name, {}).items()
                    if version != rule.version
                ),
                "with_keys": with_keys.get(name, 0),
                "without_keys": leads - with_keys.get(name, 0),
                "rekey": runs.get(name),
            }
            for name, rule in known.items()
        ],
        "unknown": [
            {"rule": name, "keys": sum(counts.values()), "keys_by_version": _by_version(counts)}
            for name, counts in sorted(versions.items())
            if name not in known
        ],
    }


def _run(connection: Connection, row: Any) -> dict[str, Any]:
    finished: datetime | None = row["finished_at"]
    return {
        "version": row["version"],
        "through_id": row["through_id"],
        "finished_at": finished.isoformat() if finished else None,
        "leads_left": 0 if finished else _count(connection, after=row["through_id"]),
    }


def _count(connection: Connection, *, after: int | None = None) -> int:
    counted = select(func.count()).select_from(_lead)
    if after is not None:
        counted = counted.where(_lead.c.lead_id > after)
    return int(connection.execute(counted).scalar_one())


def _by_version(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(version): count for version, count in sorted(counts.items())}
