"""A lead and what hangs on it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Double, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.models.base import FOLDED, MARIADB, Key, LongText, UtcDateTime, db


class Lead(db.Model):  # type: ignore[name-defined]
    """One person, one row: the documented fields typed, the custom ones in one JSON column."""

    __tablename__ = "lead"
    __table_args__ = ({"sqlite_autoincrement": True, **MARIADB},)

    lead_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    external_id: Mapped[str | None] = mapped_column(String(191))
    full_name: Mapped[str | None] = mapped_column(String(255))
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name: Mapped[str | None] = mapped_column(String(100))
    company: Mapped[str | None] = mapped_column(String(255))
    address: Mapped[str | None] = mapped_column(String(255))
    address_2: Mapped[str | None] = mapped_column(String(255))
    city: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str | None] = mapped_column(String(100))
    country: Mapped[str | None] = mapped_column(String(100))
    zip: Mapped[str | None] = mapped_column(String(20))
    lat: Mapped[float | None] = mapped_column(Double)
    lng: Mapped[float | None] = mapped_column(Double)
    phone: Mapped[str | None] = mapped_column(String(50))
    cell: Mapped[str | None] = mapped_column(String(50))
    fax: Mapped[str | None] = mapped_column(String(50))
    ok_to_text: Mapped[bool | None] = mapped_column(Boolean)
    skype: Mapped[str | None] = mapped_column(String(100))
    ip: Mapped[str | None] = mapped_column(String(45))
    followup_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    besttime: Mapped[str | None] = mapped_column(String(50))
    priority: Mapped[str | None] = mapped_column(String(50))
    status: Mapped[int | None] = mapped_column(BigInteger)
    custom_status_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("custom_status.custom_status_id")
    )
    gmt_offset: Mapped[str | None] = mapped_column(String(5))
    email: Mapped[str | None] = mapped_column(String(254))
    admin_notes: Mapped[str | None] = mapped_column(LongText)
    # Wide enough for the 50 characters that it may have, sealed. SQLite does not count them.
    govt_id: Mapped[str | None] = mapped_column(
        String(255).with_variant(String(400), "postgresql", "mysql", "mariadb")
    )
    source: Mapped[str | None] = mapped_column(String(191))
    sub_id: Mapped[str | None] = mapped_column(String(191))
    sub_id2: Mapped[str | None] = mapped_column(String(191))
    birth_date: Mapped[str | None] = mapped_column(String(10))
    owner_id: Mapped[int | None] = mapped_column(Key, ForeignKey("user.user_id"))
    pool_id: Mapped[int | None] = mapped_column(Key, ForeignKey("pool.pool_id"))
    custom: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    match: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LeadExternalId(db.Model):  # type: ignore[name-defined]
    """An external id and the one lead that it finds."""

    __tablename__ = "lead_external_id"
    __table_args__ = (MARIADB,)

    external_id: Mapped[str] = mapped_column(String(191), primary_key=True)
    lead_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), index=True)


class LeadNote(db.Model):  # type: ignore[name-defined]
    """A note on a lead, in the order of its id."""

    __tablename__ = "lead_note"
    __table_args__ = (MARIADB,)

    note_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    lead_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), index=True)
    status: Mapped[str] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(LongText)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    request_id: Mapped[str | None] = mapped_column(String(36))


class LeadTag(db.Model):  # type: ignore[name-defined]
    """A tag of a lead, once a spelling, in the order in which it was sent."""

    __tablename__ = "lead_tag"
    __table_args__ = (MARIADB,)

    lead_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), primary_key=True)
    folded: Mapped[str] = mapped_column(String(FOLDED), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    label: Mapped[str] = mapped_column(String(100))


class LeadEvent(db.Model):  # type: ignore[name-defined]
    """Something to do at a time: a follow-up, made when its date is set or changed."""

    __tablename__ = "lead_event"
    __table_args__ = (MARIADB,)

    event_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    lead_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    request_id: Mapped[str | None] = mapped_column(String(36))


class LeadFile(db.Model):  # type: ignore[name-defined]
    """A file of a lead; its bytes lie in the file store under their SHA-256."""

    __tablename__ = "lead_file"
    __table_args__ = (MARIADB,)

    file_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    lead_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    content_type: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    request_id: Mapped[str | None] = mapped_column(String(36))


class LeadChange(db.Model):  # type: ignore[name-defined]
    """A field of a lead that a post changed: its old and new value as JSON, and which post."""

    __tablename__ = "lead_change"
    __table_args__ = (MARIADB,)

    change_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    lead_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), index=True)
    field: Mapped[str] = mapped_column(String(100))
    old: Mapped[str | None] = mapped_column(LongText)
    new: Mapped[str | None] = mapped_column(LongText)
    request_id: Mapped[str | None] = mapped_column(String(36))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LeadMerge(db.Model):  # type: ignore[name-defined]
    """A lead that is gone into another one; posts that name it reach the survivor."""

    __tablename__ = "lead_merge"
    __table_args__ = (MARIADB,)

    lead_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    survivor_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), index=True)
    merged_at: Mapped[datetime] = mapped_column(UtcDateTime)
