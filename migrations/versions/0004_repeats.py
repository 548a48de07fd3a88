"""The keys under which the answer to a post is found again by its repeats."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
digest = sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")

TABLE = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value for dialect in ("mysql", "mariadb") for name, value in TABLE.items()
}


def upgrade() -> None:
    op.create_table(
        "repeat_key",
        sa.Column("digest", digest, nullable=False),
        sa.Column("fields", digest, nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_repeat_key"),
        sqlite_with_rowid=False,
        **OPTIONS,
    )
    op.create_index("ix_repeat_key_expires_at", "repeat_key", ["expires_at"])


def downgrade() -> None:
    op.drop_table("repeat_key")
