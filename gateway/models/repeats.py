"""The keys under which the answer to a post is found again by its repeats."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.models.base import MARIADB, Digest, UtcDateTime, db


class RepeatKey(db.Model):  # type: ignore[name-defined]
    """The first post under a key of a caller, until ``expires_at``.

    Its answer is what the journal says of ``request_id``, written in the same transaction: no value
    of a person stands here. ``fields`` digests what was sent, so that other fields are noticed.
    """

    __tablename__ = "repeat_key"
    __table_args__ = ({"sqlite_with_rowid": False, **MARIADB},)

    digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    fields: Mapped[bytes] = mapped_column(Digest)
    request_id: Mapped[str] = mapped_column(String(36))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
