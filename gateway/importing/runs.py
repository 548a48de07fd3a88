"""How far each import has come, so that one that was interrupted goes on and doubles nothing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, select, update

from gateway.database import in_transaction, look_up
from gateway.importing.lines import CannotImport
from gateway.models import ImportRun
from gateway.normal import digest as digest_of
from gateway.store import claims
from gateway.transport.identity import new_request_id

_run = ImportRun.__table__
_COUNTS = ("created", "updated", "refused", "kept")
_of_file = select(_run).where(_run.c.file_sha256 == bindparam("sha")).order_by(_run.c.run_id)
_read = select(_run).where(_run.c.run_id == bindparam("id"))
_advance = (
    update(_run)
    .where(_run.c.run_id == bindparam("id"), _run.c.through_line == bindparam("before"))
    .values(
        through_line=bindparam("after"),
        **{name: _run.c[name] + bindparam(f"more_{name}") for name in _COUNTS},
    )
)
_finish = update(_run).where(_run.c.run_id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class Run:
    """An import: its id, which its leads carry as their request id, and where it goes on."""

    run_id: str
    through_line: int = 0
    is_finished: bool = False
    is_resumed: bool = False


def digest(options: Mapping[str, Any]) -> str:
    """Return the digest of what decides how a file is read."""
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()


def begin(
    engine: Engine,
    *,
    file_sha256: str,
    options_sha256: str,
    file_name: str,
    caller: str,
    resume: bool,
    again: bool,
) -> Run:
    """Return a new run, or with ``resume`` the interrupted one of the same file and options.

    Raises CannotImport where the file was begun before and nobody says what is meant.
    """
    run = Run(new_request_id())
    row = {
        "run_id": run.run_id,
        "file_sha256": file_sha256,
        "options_sha256": options_sha256,
        "file_name": file_name[-255:],
        "caller": caller,
        "through_line": 0,
        "started_at": datetime.now(UTC),
        **dict.fromkeys(_COUNTS, 0),
    }

    def work(connection: Connection) -> Run:
        # Of two who begin the same file at one instant the second waits here, and is refused.
        claims.take(connection, [digest_of("import", file_sha256)] if file_sha256 else [])
        earlier = _earlier(connection, row, resume=resume, again=again)
        if earlier is None:
            connection.execute(insert(_run), row)
        return earlier or run

    return in_transaction(engine, work)


def _earlier(
    connection: Connection, row: Mapping[str, Any], *, resume: bool, again: bool
) -> Run | None:
    """Return the run of the same file and options that goes on, ``None`` where a new one begins.

    Raises CannotImport.
    """
    # Standard input has no digest: what comes that way cannot be known again.
    sha = row["file_sha256"]
    earlier = connection.execute(_of_file, {"sha": sha}).mappings().all() if sha else []
    same = [each for each in earlier if each["options_sha256"] == row["options_sha256"]]
    if resume and same:
        last = same[-1]
        finished = last["finished_at"] is not None
        return Run(last["run_id"], last["through_line"], finished, is_resumed=True)
    unfinished = [each for each in earlier if each["finished_at"] is None]
    if unfinished and not again:
        last = unfinished[-1]
        if resume:
            raise CannotImport(
                "The import of this file was begun with other options, so it cannot go on; use "
                "those options, or --again to begin anew"
            )
        raise CannotImport(
            f"This file was imported up to line {last['through_line']}; --resume goes on there, "
            "--again begins anew and stores those leads a second time"
        )
    return None


def advance(
    connection: Connection, run_id: str, *, before: int, after: int, counts: Mapping[str, int]
) -> None:
    """Move the run on from line ``before`` to ``after``, in the transaction of what is stored.

    Raises CannotImport where somebody else has moved it.
    """
    more = {f"more_{name}": counts.get(name, 0) for name in _COUNTS}
    moved = connection.execute(
        _advance, {"id": run_id, "before": before, "after": after, **more}
    ).rowcount
    if moved != 1:
        raise CannotImport("Another process goes on with the import of this file; this one stops")


def through_line(connection: Connection, run_id: str) -> int:
    """Return up to which line the run is done."""
    return int(connection.execute(_read, {"id": run_id}).mappings().one()["through_line"])


def finish(engine: Engine, run_id: str) -> None:
    """Say that the run is through."""
    now = datetime.now(UTC)
    in_transaction(
        engine,
        lambda connection: connection.execute(_finish.values(finished_at=now), {"id": run_id}),
    )


def counts(engine: Engine, run_id: str) -> dict[str, int]:
    """Return what the run has done so far, over all its parts."""
    row = look_up(
        engine, lambda connection: connection.execute(_read, {"id": run_id}).mappings().one()
    )
    return {name: row[name] for name in _COUNTS}
