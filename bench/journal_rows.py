"""A long journal in little time: the row of one accepted post, again and again, long ago.

Each copy has an id and a time of its own, in one order as real ones have, another lead, another
digest of its fields, and as many keys as the post; digests lie all over their index, as real ones.
"""

import os
import random
from array import array
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Index, func, select

from bench.filling import BATCH, analyse, write
from gateway.contract import System
from gateway.journal import ACCEPTED
from gateway.journal.key_rows import KEYS
from gateway.models import Submission, SubmissionKey

_submission, _key = Submission.__table__, SubmissionKey.__table__

OLDEST, NEWEST = timedelta(days=190), timedelta(days=100)
"""When the copies came: over three months, all of them due."""

_FAR = 10_000_000
"""Leads of the copies are numbered from here."""


def fill(system: System, rows: int) -> int:
    """Add ``rows`` copies of the last accepted post, with their keys, and let the engine count.

    Returns how many keys each has.
    """
    with system.engine.connect() as connection:
        # What an engine would pay for a disk that is sure, filling need not.
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA cache_size = -400000")
        mould, keys = _mould(connection)
        # Indexes into which copies fall at random are built afterwards, all at once.
        scattered = [each for each in (*_submission.indexes, *_key.indexes) if _is_scattered(each)]
        for index in scattered:
            index.drop(connection)
        begun = datetime.now(UTC) - OLDEST
        _write(connection, _copies(mould, rows, begun), _submission)
        _write(connection, _copied_keys(rows, keys, begun), _key)
        for index in scattered:
            index.create(connection)
        connection.commit()
    analyse(system, (_submission, _key))
    # Or the disk is still busy with it while the first posts are measured.
    os.sync()
    return keys


def _mould(connection: Connection) -> tuple[Mapping[str, Any], int]:
    """Return the newest accepted row, and how many keys it has."""
    newest = select(_submission).where(_submission.c.outcome == ACCEPTED)
    newest = newest.order_by(_submission.c.request_id.desc()).limit(1)
    row = dict(connection.execute(newest).mappings().one())
    of_row = KEYS.c.request_id == row["request_id"]
    keys = connection.execute(select(func.count()).select_from(KEYS).where(of_row)).scalar_one()
    if not keys:
        raise SystemExit(f"The post {row['request_id']} has no keys in the journal.")
    return row, keys


def _is_scattered(index: Index) -> bool:
    table = index.table
    assert table is not None
    return table is _key or "fields_digest" in index.columns


def _write(connection: Connection, rows: Iterator[dict[str, Any]], table: Any) -> None:
    while some := list(islice(rows, BATCH)):
        write(connection, table, some)
        connection.commit()


def _copies(mould: Mapping[str, Any], rows: int, begun: datetime) -> Iterator[dict[str, Any]]:
    step = (OLDEST - NEWEST) / rows
    for number in range(rows):
        at = begun + number * step
        yield {
            **mould,
            "request_id": _id(begun, number),
            "received_at": at,
            "recorded_at": at,
            "lead_id": _FAR + number,
            "fields_digest": os.urandom(16),
        }


def _copied_keys(rows: int, keys: int, begun: datetime) -> Iterator[dict[str, Any]]:
    """Yield the keys in the order of their digests, each of a row anywhere."""
    owners = array("q", range(rows * keys))
    random.shuffle(owners)
    step = 2**128 // len(owners)
    for place, owner in enumerate(owners):
        digest = (place * step + random.getrandbits(64)).to_bytes(16, "big")
        yield {"digest": digest, "request_id": _id(begun, owner // keys)}


def _id(begun: datetime, number: int) -> str:
    """Return an id as posts have them; those of later numbers sort behind."""
    time = f"{int(begun.timestamp() * 1000) + number:012x}"
    return f"{time[:8]}-{time[8:]}-7000-8000-{number:012x}"
