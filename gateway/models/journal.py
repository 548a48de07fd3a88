"""What reached us and what became of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.models.base import MARIADB, Bytes, Digest, UtcDateTime, db


class Submission(db.Model):  # type: ignore[name-defined]
    """A row of the journal: what reached us and what became of it, keyed by the request id.

    ``body`` holds the bytes with the secrets cut out; a large one lies in the file store under
    ``stored_sha256``. ``body_size`` and ``body_sha256`` are those of the bytes as they came.
    ``recorded_at`` is when the row was written, long after ``received_at`` where the post was
    drained. ``fields_digest`` finds accepted posts of one caller with the same fields.
    """

    __tablename__ = "submission"
    __table_args__ = (MARIADB,)

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
    recorded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fields_digest: Mapped[bytes | None] = mapped_column(Digest, index=True)
