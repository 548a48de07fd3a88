"""The keys of new posts, a row a post, until they are sorted in."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (
        ("engine", "InnoDB"),
        ("charset", "utf8mb4"),
        ("collate", "utf8mb4_nopad_bin"),
    )
}
"""Text is compared byte for byte on MariaDB, as on the other engines."""

packed = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "submission_key_pending",
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("digests", packed, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_submission_key_pending"),
        sqlite_with_rowid=False,
        **OPTIONS,
    )


def downgrade() -> None:
    op.execute(
        """
        INSERT INTO submission_key (digest, request_id)
        WITH RECURSIVE place (place) AS (
            SELECT 0 UNION ALL SELECT place + 16 FROM place
            WHERE place + 16 < (SELECT max(length(digests)) FROM submission_key_pending)
        )
        SELECT substr(digests, place + 1, 16), request_id FROM submission_key_pending
        JOIN place ON place < length(digests)
        """
    )
    op.drop_table("submission_key_pending")
