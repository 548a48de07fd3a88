"""The keys by which a lead is found again, and who holds them.

No foreign keys here: they cost 75 to 150 microseconds a post on PostgreSQL, and the only writer of
these rows writes the lead in the same transaction.
"""

from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.models.base import MARIADB, Digest, Key, UtcDateTime, db


class MatchKey(db.Model):  # type: ignore[name-defined]
    """A key of a lead under a rule; ``version`` is that of the rule which made it."""

    __tablename__ = "match_key"
    __table_args__ = ({"sqlite_with_rowid": False, **MARIADB},)

    digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    lead_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False, index=True)
    rule: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer)


class MatchClaim(db.Model):  # type: ignore[name-defined]
    """A key that a post in progress holds by the lock on its row; the row itself says nothing."""

    __tablename__ = "match_claim"
    __table_args__ = ({"sqlite_with_rowid": False, **MARIADB},)

    digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)


class MatchRekey(db.Model):  # type: ignore[name-defined]
    """How far the keys of a rule have been made anew, so that an interrupted run goes on."""

    __tablename__ = "match_rekey"
    __table_args__ = (MARIADB,)

    rule: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    through_id: Mapped[int] = mapped_column(Key)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
