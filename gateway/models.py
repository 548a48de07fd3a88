"""The tables, declared once; the post's path runs Core statements over them, pages use the ORM.

Text is compared byte for byte on every engine (``utf8mb4_nopad_bin`` on MariaDB, where the default
takes José for Jose and "a " for "a"); whatever is compared without regard to case has a stored
folded key of its own. Times are UTC.
"""

from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LONG_TEXT = 1_000_000
"""Characters that a long text holds (contract, "size")."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in Python, a plain time to the microsecond in the database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


# SQLite numbers rows by itself only where the key is an INTEGER.
Key = BigInteger().with_variant(Integer(), "sqlite")
# TEXT and BLOB on MariaDB end at 64 kB.
LongText = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
Bytes = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")

FOLDED = 300
"""Characters of a folded key of 100: folding can make three of one."""


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)

_OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
_MARIADB = {f"{name}_{key}": _OPTIONS[key] for name in ("mysql", "mariadb") for key in _OPTIONS}


class Login(db.Model):  # type: ignore[name-defined]
    """A caller: an ``ai_login_id`` with a password (api), or a site token (site)."""

    __tablename__ = "login"
    __table_args__ = (UniqueConstraint("name"), UniqueConstraint("token_digest"), _MARIADB)

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


class User(db.Model):  # type: ignore[name-defined]
    """Somebody who owns leads; found by id or by username, folded."""

    __tablename__ = "user"
    __table_args__ = (UniqueConstraint("folded"), _MARIADB)

    user_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    username: Mapped[str] = mapped_column(String(100))
    folded: Mapped[str] = mapped_column(String(FOLDED))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Pool(db.Model):  # type: ignore[name-defined]
    """A pool that leads lie in; found by name, folded."""

    __tablename__ = "pool"
    __table_args__ = (UniqueConstraint("folded"), _MARIADB)

    pool_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    label: Mapped[str] = mapped_column(String(100))
    folded: Mapped[str] = mapped_column(String(FOLDED))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Status(db.Model):  # type: ignore[name-defined]
    """A status of the system; once there is one, a post may only name such."""

    __tablename__ = "status"
    __table_args__ = (UniqueConstraint("folded"), _MARIADB)

    status_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    label: Mapped[str] = mapped_column(String(100))
    folded: Mapped[str] = mapped_column(String(FOLDED))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CustomStatus(db.Model):  # type: ignore[name-defined]
    """A status of a client's own; a post names it by id or by label, folded."""

    __tablename__ = "custom_status"
    __table_args__ = (UniqueConstraint("folded"), _MARIADB)

    custom_status_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    label: Mapped[str] = mapped_column(String(100))
    folded: Mapped[str] = mapped_column(String(FOLDED))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Lead(db.Model):  # type: ignore[name-defined]
    """One person, one row: the documented fields typed, the custom ones in one JSON column."""

    __tablename__ = "lead"
    __table_args__ = ({"sqlite_autoincrement": True, **_MARIADB},)

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
    govt_id: Mapped[str | None] = mapped_column(String(255))
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
    __table_args__ = (_MARIADB,)

    external_id: Mapped[str] = mapped_column(String(191), primary_key=True)
    lead_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), index=True)


class LeadNote(db.Model):  # type: ignore[name-defined]
    """A note on a lead, in the order of its id."""

    __tablename__ = "lead_note"
    __table_args__ = (_MARIADB,)

    note_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    lead_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), index=True)
    status: Mapped[str] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(LongText)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    request_id: Mapped[str | None] = mapped_column(String(36))


class LeadTag(db.Model):  # type: ignore[name-defined]
    """A tag of a lead, once a spelling, in the order in which it was sent."""

    __tablename__ = "lead_tag"
    __table_args__ = (_MARIADB,)

    lead_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), primary_key=True)
    folded: Mapped[str] = mapped_column(String(FOLDED), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    label: Mapped[str] = mapped_column(String(100))


class LeadEvent(db.Model):  # type: ignore[name-defined]
    """Something to do at a time: a follow-up, made when its date is set or changed."""

    __tablename__ = "lead_event"
    __table_args__ = (_MARIADB,)

    event_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    lead_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    request_id: Mapped[str | None] = mapped_column(String(36))


class LeadFile(db.Model):  # type: ignore[name-defined]
    """A file of a lead; its bytes lie in the file store under their SHA-256."""

    __tablename__ = "lead_file"
    __table_args__ = (_MARIADB,)

    file_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    lead_id: Mapped[int] = mapped_column(Key, ForeignKey("lead.lead_id"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    content_type: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    request_id: Mapped[str | None] = mapped_column(String(36))


class Submission(db.Model):  # type: ignore[name-defined]
    """A row of the journal: what reached us and what became of it, keyed by the request id.

    ``body`` holds the bytes with the secrets cut out; a large one lies in the file store under
    ``stored_sha256``. ``body_size`` and ``body_sha256`` are those of the bytes as they came.
    """

    __tablename__ = "submission"
    __table_args__ = (_MARIADB,)

    request_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    caller: Mapped[str | None] = mapped_column(String(191), index=True)
    address: Mapped[str] = mapped_column(String(45))
    method: Mapped[str] = mapped_column(String(10))
    path: Mapped[str] = mapped_column(String(255))
    query: Mapped[bytes | None] = mapped_column(Bytes)
    content_type: Mapped[str] = mapped_column(String(255))
    origin: Mapped[str | None] = mapped_column(String(255))
    caller_request_id: Mapped[str | None] = mapped_column(String(255))
    command: Mapped[str] = mapped_column(String(100))
    outcome: Mapped[str] = mapped_column(String(20), index=True)
    codes: Mapped[str | None] = mapped_column(String(255))
    problems: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    unknown: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    lead_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    decision: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    duration_us: Mapped[int] = mapped_column(Integer)
    body: Mapped[bytes | None] = mapped_column(Bytes)
    body_size: Mapped[int] = mapped_column(BigInteger)
    body_sha256: Mapped[str] = mapped_column(String(64))
    stored_sha256: Mapped[str | None] = mapped_column(String(64))
    flags: Mapped[str | None] = mapped_column(String(100))
