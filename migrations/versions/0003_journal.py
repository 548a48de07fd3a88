"""The journal's search keys, links between posts, strangers' budget, and erasures."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
digest = sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")

ADDED: dict[str, Any] = {
    "headers": sa.JSON(),
    "claimed": sa.String(191),
    "replay_of": sa.String(36),
    "superseded_by": sa.String(36),
    "handled_at": moment,
}


def upgrade() -> None:
    for name, kind in ADDED.items():
        op.add_column("submission", sa.Column(name, kind))
    # The new one serves all that the old one did.
    op.create_index("ix_submission_caller_received_at", "submission", ["caller", "received_at"])
    op.drop_index("ix_submission_caller", "submission")
    for name in ("replay_of", "stored_sha256"):
        there = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_submission_{name}",
            "submission",
            [name],
            postgresql_where=there,
            sqlite_where=there,
        )
    create(
        "submission_key",
        sa.Column("digest", digest, nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("digest", "request_id", name="pk_submission_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_submission_key_request_id", "submission_key", ["request_id"])
    create(
        "stranger_hour",
        sa.Column("hour", moment, nullable=False),
        sa.Column("posts", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", name="pk_stranger_hour"),
    )
    create(
        "erasure",
        sa.Column("lead_id", key, nullable=False, autoincrement=False),
        sa.Column("begun_at", moment, nullable=False),
        sa.Column("erased_at", moment),
        sa.Column("posts", sa.Integer(), nullable=False),
        sa.Column("pending", sa.JSON()),
        sa.PrimaryKeyConstraint("lead_id", name="pk_erasure"),
    )


def downgrade() -> None:
    for table in ("erasure", "stranger_hour", "submission_key"):
        op.drop_table(table)
    op.create_index("ix_submission_caller", "submission", ["caller"])
    for name in ("caller_received_at", "replay_of", "stored_sha256"):
        op.drop_index(f"ix_submission_{name}", "submission")
    for name in reversed(ADDED):
        op.drop_column("submission", name)


def create(table: str, *parts: Any, **options: Any) -> None:
    """Create a table whose text MariaDB compares byte for byte, as the other engines do."""
    for dialect in ("mysql", "mariadb"):
        options[f"{dialect}_engine"] = "InnoDB"
        options[f"{dialect}_charset"] = "utf8mb4"
        options[f"{dialect}_collate"] = "utf8mb4_nopad_bin"
    op.create_table(table, *parts, **options)
