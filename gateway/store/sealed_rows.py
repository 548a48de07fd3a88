"""What is sealed at rest, kind by kind: values of leads, their history, and posts."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import LargeBinary, Select, bindparam, func, select, update

from gateway.contract import System
from gateway.database import in_transaction, reading
from gateway.journal.sweeping import remove_unnamed
from gateway.models import Lead, LeadChange, Submission
from gateway.sealing import HEAD, TEXT_MARK, CannotOpen, key_id_of, key_id_of_text
from gateway.store.rotating import BATCH, Held, Part, Renewed, Rows
from gateway.store.sealed_spool import SPOOL
from gateway.store.vault import Vault, vault_of

_lead = Lead.__table__
_change = LeadChange.__table__
_submission = Submission.__table__
_BYTES = ("body", "query")


def parts(system: System) -> list[Part]:
    """Return every kind of thing that is sealed in this system."""
    with reading(system.engine) as connection:
        vault = vault_of(connection)
    leads = Rows(
        table=_lead, key="lead_id", columns=(*vault.columns, "custom"), renewed=_renewed_lead
    )
    changes = Rows(
        table=_change, key="change_id", columns=("field", "old", "new"), renewed=_renewed_change
    )
    posts = Rows(table=_submission, key="request_id", columns=_BYTES, renewed=_renewed_post)
    return [
        Part(name="leads", count=leads.count, pages=_lead_pages, renew=leads.renew),
        Part(name="history", count=changes.count, pages=_change_pages, renew=changes.renew),
        Part(name="posts", count=posts.count, pages=_post_pages, renew=posts.renew),
        Part(name="files", count=_count_files, pages=_file_pages, renew=_renew_files),
        SPOOL,
    ]


def _lead_pages(system: System) -> Iterator[tuple[int, Sequence[Held]]]:
    with reading(system.engine) as connection:
        vault = vault_of(connection)
    columns = [_lead.c[name] for name in (*vault.columns, "custom")]
    for rows in _pages(system, select(_lead.c.lead_id, *columns), _lead.c.lead_id):
        yield len(rows), [Held(row["lead_id"], _by(row, vault)) for row in rows]


def _by(row: Mapping[str, Any], vault: Vault) -> dict[str, str]:
    by = {name: key_id_of_text(row[name]) for name in vault.columns if row[name] is not None}
    for name, value in (row["custom"] or {}).items():
        key_id = key_id_of_text(value) if isinstance(value, str) else ""
        if key_id or name in vault.fields:
            by[name] = key_id
    return by


def _renewed_lead(row: Mapping[str, Any], vault: Vault) -> Renewed:
    values: dict[str, Any] = {}
    troubles: list[str] = []

    def renew(name: str, stored: Any) -> Any:
        try:
            return vault.renew(name, stored)
        except CannotOpen as error:
            troubles.append(f"lead {row['lead_id']}: {name}: {error}")
            return stored

    for name in vault.columns:
        if row[name] is not None and (new := renew(name, row[name])) != row[name]:
            values[name] = new
    custom = row["custom"] or {}
    new_custom = {name: renew(name, value) for name, value in custom.items()}
    if new_custom != custom:
        values["custom"] = new_custom
    return values, troubles


def _change_pages(system: System) -> Iterator[tuple[int, Sequence[Held]]]:
    with reading(system.engine) as connection:
        fields = vault_of(connection).fields
    for rows in _pages(system, select(_change), _change.c.change_id):
        yield (
            len(rows),
            [
                Held(
                    row["change_id"],
                    {
                        name: key_id_of_text(row[name])
                        for name in ("old", "new")
                        if row[name] is not None
                        and (row["field"] in fields or row[name].startswith(TEXT_MARK))
                    },
                )
                for row in rows
            ],
        )


def _renewed_change(row: Mapping[str, Any], vault: Vault) -> Renewed:
    values: dict[str, Any] = {}
    troubles = []
    for name in ("old", "new"):
        try:
            new = vault.renew_change(row["field"], row[name])
        except CannotOpen as error:
            troubles.append(f"change {row['change_id']} of {row['field']}: {name}: {error}")
            continue
        if new != row[name]:
            values[name] = new
    return values, troubles


def _post_pages(system: System) -> Iterator[tuple[int, Sequence[Held]]]:
    heads = [
        func.substr(_submission.c[name], 1, HEAD, type_=LargeBinary).label(name) for name in _BYTES
    ]
    statement = select(_submission.c.request_id, *heads)
    for rows in _pages(system, statement, _submission.c.request_id):
        yield (
            len(rows),
            [
                Held(
                    row["request_id"],
                    {name: key_id_of(bytes(row[name])) for name in _BYTES if row[name] is not None},
                )
                for row in rows
            ],
        )


def _renewed_post(row: Mapping[str, Any], vault: Vault) -> Renewed:
    values: dict[str, Any] = {}
    troubles = []
    for name in _BYTES:
        if row[name] is None:
            continue
        stored = bytes(row[name])
        try:
            new = vault.sealer.renew(stored)
        except CannotOpen as error:
            troubles.append(f"post {row['request_id']}: {name}: {error}")
            continue
        if new != stored:
            values[name] = new
    return values, troubles


_stored = _submission.c.stored_sha256
_with_file = select(_submission.c.request_id, _stored).where(_stored.is_not(None))
_rename = (
    update(_submission)
    .where(_submission.c.request_id == bindparam("id"), _stored == bindparam("old"))
    .values(stored_sha256=bindparam("new"))
)


def _count_files(system: System) -> int:
    counted = select(func.count()).select_from(_with_file.subquery())
    with reading(system.engine) as connection:
        return int(connection.execute(counted).scalar_one())


def _file_pages(system: System) -> Iterator[tuple[int, Sequence[Held]]]:
    for rows in _pages(system, _with_file, _submission.c.request_id):
        yield len(rows), list(filter(None, (_file(system, row) for row in rows)))


def _file(system: System, row: Mapping[str, Any]) -> Held | None:
    request_id, name = row["request_id"], row["stored_sha256"]
    try:
        return Held((request_id, name), {"body": key_id_of(system.files.head(name, HEAD))})
    except OSError:
        # Renewing says why it cannot be read.
        return Held((request_id, name), {"body": MISSING})


MISSING = "missing"
"""Stands for the key of a file that the store does not give."""


def _renew_files(system: System, held: Sequence[Held]) -> tuple[int, Sequence[str]]:
    written, troubles = 0, []
    for each in held:
        request_id, name = each.key
        try:
            new = system.files.put(system.sealer.renew(system.files.get(name)))
        except CannotOpen as error:
            troubles.append(f"post {request_id}: its file {name}: {error}")
            continue
        except OSError as error:
            why = type(error).__name__
            troubles.append(f"post {request_id}: its file {name} cannot be read or written ({why})")
            continue
        row = {"id": request_id, "old": name, "new": new}
        done = in_transaction(system.engine, partial(_set_file, row))
        # Purged or erased meanwhile: then it is the new file that nobody needs.
        remove_unnamed(system, [name if done else new])
        written += done
    return written, troubles


def _set_file(row: Mapping[str, str], connection: Any) -> int:
    return int(connection.execute(_rename, row).rowcount)


def _pages(system: System, statement: Select[Any], key: Any) -> Iterator[Sequence[Any]]:
    """Yield the rows of ``statement`` in the order of ``key``, a batch at a time, unlocked."""
    ordered = statement.order_by(key).limit(BATCH)
    rows: Sequence[Any] = ()
    while True:
        page = ordered.where(key > rows[-1][key.name]) if rows else ordered
        with reading(system.engine) as connection:
            rows = connection.execute(page).mappings().all()
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
