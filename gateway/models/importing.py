"""Imports of files, and how far each has come."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.models.base import MARIADB, UtcDateTime, db


class ImportRun(db.Model):  # type: ignore[name-defined]
    """One import of one file; ``through_line`` moves in the transaction of the leads before it.

    The file is known by its content and the options by their digest, so that an import goes on
    only with the same of both.
    """

    __tablename__ = "import_run"
    __table_args__ = (MARIADB,)

    run_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    file_sha256: Mapped[str] = mapped_column(String(64), index=True)
    options_sha256: Mapped[str] = mapped_column(String(64))
    file_name: Mapped[str] = mapped_column(String(255))
    caller: Mapped[str] = mapped_column(String(191))
    through_line: Mapped[int] = mapped_column(BigInteger)
    created: Mapped[int] = mapped_column(BigInteger)
    updated: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    kept: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
