"""One lead whole, as ``flask lead show --json`` and the test kit give it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, FromClause, select

from gateway.database import reading
from gateway.models import Lead, LeadEvent, LeadExternalId, LeadFile, LeadNote, LeadTag
from gateway.normal import mask
from gateway.schema import LeadSchema
from gateway.store.planning import COLUMNS, NOT_COLUMNS
from gateway.store.references import LABELS
from gateway.store.vault import Locked, vault_of

_lead = Lead.__table__


def show_lead(
    engine: Engine, lead_id: int, schema: LeadSchema, *, masked: bool = True
) -> dict[str, Any] | None:
    """Return the lead by wire names, ready for JSON, or ``None``.

    Beside the documented fields: ``lead_id``, ``created_at``, ``updated_at``, ``external_ids``,
    ``tags``, ``notes``, ``events``, ``files``, ``custom`` and ``match``. What is not there is
    ``None``; sensitive values are masked unless ``masked`` is false. In place of a value that
    cannot be opened stands why.
    """
    with reading(engine) as connection:
        row = connection.execute(select(_lead).where(_lead.c.lead_id == lead_id)).mappings().first()
        if row is None:
            return None
        opened = vault_of(connection).open_row(row)
        return _whole(connection, opened, schema, masked=masked)


def _whole(connection: Connection, row: Any, schema: LeadSchema, *, masked: bool) -> dict[str, Any]:
    lead_id = row["lead_id"]
    values: dict[str, Any] = {"lead_id": lead_id}
    for name in schema.fields:
        column = COLUMNS.get(name, name)
        if column not in _lead.c or name in NOT_COLUMNS - {"external_id"}:
            continue
        values[name] = shown(connection, schema, name, row[column], masked=masked)
    if values["full_name"] is None:
        parts = [part for part in (row["first_name"], row["last_name"]) if part]
        values["full_name"] = " ".join(parts) or None
    custom = {
        name: _masked(schema, name, value) if masked else _said(value)
        for name, value in (row["custom"] or {}).items()
    }
    return values | {
        "created_at": _text("created_at", row["created_at"]),
        "updated_at": _text("updated_at", row["updated_at"]),
        "external_ids": _column(connection, LeadExternalId.__table__, "external_id", lead_id),
        "tags": _column(connection, LeadTag.__table__, "label", lead_id, order="position"),
        "notes": [
            {"status": each["status"], "text": each["text"], "at": each["created_at"].isoformat()}
            for each in _rows(connection, LeadNote.__table__, lead_id, order="note_id")
        ],
        "events": [
            {"kind": each["kind"], "at": each["due_at"].isoformat()}
            for each in _rows(connection, LeadEvent.__table__, lead_id, order="event_id")
        ],
        "files": [
            {key: each[key] for key in ("name", "size", "sha256", "content_type")}
            for each in _rows(connection, LeadFile.__table__, lead_id, order="file_id")
        ],
        "custom": custom,
        "match": row["match"],
    }


def shown(
    connection: Connection, schema: LeadSchema, name: str, value: Any, *, masked: bool = True
) -> Any:
    """Return the stored ``value`` of a field as a person may see it: labels for ids, or masked."""
    if name in LABELS:
        return _label(connection, name, value)
    return _text(name, _masked(schema, name, value) if masked else _said(value))


def _masked(schema: LeadSchema, name: str, value: Any) -> Any:
    said = _said(value)
    if said is not value or not _is_sensitive(schema, name):
        return said
    return list(map(mask, value)) if isinstance(value, list) else mask(value)


def _said(value: Any) -> Any:
    return f"cannot be read: {value.why}" if isinstance(value, Locked) else value


def _is_sensitive(schema: LeadSchema, name: str) -> bool:
    field = schema.fields.get(name)
    return field is not None and field.sensitive


def _text(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if name == "ok_to_text" and value is not None:
        return "Yes" if value else "No"
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return value


def _label(connection: Connection, name: str, key: int | None) -> str | None:
    if key is None:
        return None
    table, key_name, label = LABELS[name]
    found: str | None = connection.execute(
        select(table.c[label]).where(table.c[key_name] == key)
    ).scalar_one_or_none()
    return found


def _rows(connection: Connection, table: FromClause, lead_id: int, *, order: str) -> Any:
    statement = select(table).where(table.c.lead_id == lead_id).order_by(table.c[order])
    return connection.execute(statement).mappings().all()


def _column(
    connection: Connection, table: FromClause, name: str, lead_id: int, *, order: str | None = None
) -> list[Any]:
    return [row[name] for row in _rows(connection, table, lead_id, order=order or name)]
