"""What reached us and what became of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, PrimaryKeyConstraint, String, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.models.base import MARIADB, Bytes, Digest, Key, UtcDateTime, db


def _index(name: str) -> Index:
    """Return an index of a column that few rows have; those without it cost no post anything."""
    where = text(f"{name} IS NOT NULL")
    return Index(f"ix_submission_{name}", name, postgresql_where=where, sqlite_where=where)


class Submission(db.Model):  # type: ignore[name-defined]
    """A row of the journal: what reached us and what became of it, keyed by the request id.

    ``body`` holds the bytes with the secrets cut out; a large one lies in the file store under
    ``stored_sha256``. ``body_size`` and ``body_sha256`` are those of the bytes as they came.
    ``caller`` is ``None`` for a stranger, and ``claimed`` then the login that it named. ``headers``
    are those that the post can be made of again, beside content type and origin. ``replay_of`` is
    the post that this one repeats, ``superseded_by`` the one that stands in place of this one, and
    ``handled_at`` when somebody settled a post that was refused or failed. ``recorded_at`` is when
    the row was written, long after ``received_at`` where the post was drained. ``fields_digest``
    finds accepted posts of one caller with the same fields.
    """

    __tablename__ = "submission"
    __table_args__ = (
        Index("ix_submission_caller_received_at", "caller", "received_at"),
        _index("replay_of"),
        _index("stored_sha256"),
        MARIADB,
    )

    request_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    caller: Mapped[str | None] = mapped_column(String(191))
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
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    claimed: Mapped[str | None] = mapped_column(String(191))
    replay_of: Mapped[str | None] = mapped_column(String(36))
    superseded_by: Mapped[str | None] = mapped_column(String(36))
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fields_digest: Mapped[bytes | None] = mapped_column(Digest, index=True)


class SubmissionKey(db.Model):  # type: ignore[name-defined]
    """A phone, e-mail, name or external id of a post, digested: bodies cannot be searched.

    No foreign key, as with match keys: whoever deletes a row of the journal deletes these first.
    ``run`` is the number, from 1 on, of the run of posts with which it was sorted in.
    """

    __tablename__ = "submission_key"
    __table_args__ = (
        PrimaryKeyConstraint("run", "digest", "request_id"),
        {"sqlite_with_rowid": False, **MARIADB},
    )

    digest: Mapped[bytes] = mapped_column(Digest)
    request_id: Mapped[str] = mapped_column(String(36), index=True)
    run: Mapped[int] = mapped_column(BigInteger, server_default=text("1"), autoincrement=False)


class PendingKeys(db.Model):  # type: ignore[name-defined]
    """What a new post is found by: its digests one behind the other, until they are sorted in."""

    __tablename__ = "submission_key_pending"
    __table_args__ = ({"sqlite_with_rowid": False, **MARIADB},)

    request_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    digests: Mapped[bytes] = mapped_column(Bytes)


class StrangerHour(db.Model):  # type: ignore[name-defined]
    """What the journal holds of strangers' posts of one hour, and how many had to go early."""

    __tablename__ = "stranger_hour"
    __table_args__ = (MARIADB,)

    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    posts: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    dropped: Mapped[int] = mapped_column(BigInteger)


class Erasure(db.Model):  # type: ignore[name-defined]
    """The fact that a lead was erased, and nothing of the person.

    ``pending`` are the files (by SHA-256) that are still to go from the store.
    """

    __tablename__ = "erasure"
    __table_args__ = (MARIADB,)

    lead_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    posts: Mapped[int] = mapped_column(Integer)
    pending: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
