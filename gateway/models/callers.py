"""Who calls, and the rows that posts name."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gateway.models.base import FOLDED, MARIADB, Key, UtcDateTime, db


class Login(db.Model):  # type: ignore[name-defined]
    """A caller: an ``ai_login_id`` with a password (api), or a site token (site)."""

    __tablename__ = "login"
    __table_args__ = (UniqueConstraint("name"), UniqueConstraint("token_digest"), MARIADB)

    login_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(191))
    kind: Mapped[str] = mapped_column(String(10), default="api")
    password_hash: Mapped[str | None] = mapped_column(String(255))
    token_digest: Mapped[str | None] = mapped_column(String(64))
    format: Mapped[str | None] = mapped_column(String(10))
    on_invalid: Mapped[str | None] = mapped_column(String(10))
    ignore_empty: Mapped[bool] = mapped_column(Boolean, default=False)
    may_dry_run: Mapped[bool] = mapped_column(Boolean, default=True)
    defaults: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def login_state(disabled_at: datetime | None, retired_at: datetime | None) -> str:
    """Return what operators call it: ``active``, ``disabled``, or ``retired`` for ever."""
    if retired_at:
        return "retired"
    return "disabled" if disabled_at else "active"


class User(db.Model):  # type: ignore[name-defined]
    """Somebody who owns leads; found by id or by username, folded."""

    __tablename__ = "user"
    __table_args__ = (UniqueConstraint("folded"), MARIADB)

    user_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    username: Mapped[str] = mapped_column(String(100))
    folded: Mapped[str] = mapped_column(String(FOLDED))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Pool(db.Model):  # type: ignore[name-defined]
    """A pool that leads lie in; found by name, folded."""

    __tablename__ = "pool"
    __table_args__ = (UniqueConstraint("folded"), MARIADB)

    pool_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    label: Mapped[str] = mapped_column(String(100))
    folded: Mapped[str] = mapped_column(String(FOLDED))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Status(db.Model):  # type: ignore[name-defined]
    """A status of the system; once there is one, a post may only name such."""

    __tablename__ = "status"
    __table_args__ = (UniqueConstraint("folded"), MARIADB)

    status_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    label: Mapped[str] = mapped_column(String(100))
    folded: Mapped[str] = mapped_column(String(FOLDED))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CustomStatus(db.Model):  # type: ignore[name-defined]
    """A status of a client's own; a post names it by id or by label, folded."""

    __tablename__ = "custom_status"
    __table_args__ = (UniqueConstraint("folded"), MARIADB)

    custom_status_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    label: Mapped[str] = mapped_column(String(100))
    folded: Mapped[str] = mapped_column(String(FOLDED))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
