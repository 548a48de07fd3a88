"""The rows that a test starts from: logins, users, pools, statuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, insert, inspect

from gateway.auth import hash_password, token_digest
from gateway.contract import System
from gateway.models import CustomStatus, Login, Pool, Status, User
from gateway.normal import fold_label

_LABELS: Mapping[str, tuple[Any, str]] = {
    "users": (User, "username"),
    "pools": (Pool, "label"),
    "statuses": (Status, "label"),
    "custom_statuses": (CustomStatus, "label"),
}

# The hash is slow on purpose, and most tests log in with the same password.
_hash = lru_cache(hash_password)


def fill(system: System, logins: Sequence[Mapping[str, Any]], rows: Mapping[str, Any]) -> None:
    """Add ``logins`` and, by kind, the ``rows`` that posts name: texts, or tables with an id.

    A login has a ``password`` or a ``site_token`` beside the columns of its table; ``disabled``
    and ``retired`` end it.
    """
    if unknown := rows.keys() - _LABELS.keys():
        raise ValueError(f"setup has unknown keys: {', '.join(sorted(unknown))}")
    now = datetime.now(UTC)
    with system.engine.begin() as connection:
        for login in logins:
            connection.execute(insert(Login), _login(login, now))
        for kind, entries in rows.items():
            _add_labels(connection, *_LABELS[kind], entries, now)


def _login(login: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    row = {"kind": "site" if "site_token" in login else "api", "created_at": now, **login}
    if "password" in row:
        row["password_hash"] = _hash(row.pop("password"))
    if "site_token" in row:
        row["token_digest"] = token_digest(row.pop("site_token"))
    for end in ("disabled", "retired"):
        if row.pop(end, False):
            row[f"{end}_at"] = now
    return row


def _add_labels(
    connection: Connection, model: Any, column: str, entries: Sequence[Any], now: datetime
) -> None:
    key = inspect(model).primary_key[0].name
    for entry in entries:
        label, row_id = (
            (entry["label"], entry["id"]) if isinstance(entry, Mapping) else (entry, None)
        )
        row = {column: label, "folded": fold_label(label), "created_at": now}
        connection.execute(insert(model), row if row_id is None else row | {key: row_id})
