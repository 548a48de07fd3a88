"""The keys of new posts, a row a post, and the runs in which they are sorted in."""

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

digest = sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")
packed = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def upgrade() -> None:
    engine = op.get_context().dialect.name
    if engine == "sqlite":
        rebuild(sa.Column("run", sa.BigInteger(), nullable=False, server_default=sa.text("1")))
    elif engine == "postgresql":
        op.execute("ALTER TABLE submission_key ADD COLUMN run BIGINT DEFAULT 1 NOT NULL")
        op.execute("ALTER TABLE submission_key DROP CONSTRAINT pk_submission_key")
        op.execute(
            "ALTER TABLE submission_key "
            "ADD CONSTRAINT pk_submission_key PRIMARY KEY (run, digest, request_id)"
        )
    else:
        # One statement: without a key in between, every row would get a hidden one. It may have
        # been done before, if what follows was broken off, which MariaDB does not take back.
        op.execute(
            "ALTER TABLE submission_key ADD COLUMN IF NOT EXISTS run BIGINT NOT NULL DEFAULT 1, "
            "DROP PRIMARY KEY, ADD PRIMARY KEY (run, digest, request_id)"
        )
    op.create_table(
        "submission_key_pending",
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("digests", packed, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_submission_key_pending"),
        sqlite_with_rowid=False,
        if_not_exists=True,
        **OPTIONS,
    )


def downgrade() -> None:
    engine = op.get_context().dialect.name
    sort_in("INSERT IGNORE" if engine in ("mysql", "mariadb") else "INSERT")
    if engine == "sqlite":
        rebuild()
    elif engine == "postgresql":
        op.execute("ALTER TABLE submission_key DROP CONSTRAINT pk_submission_key")
        op.execute("ALTER TABLE submission_key DROP COLUMN run")
        op.execute(
            "ALTER TABLE submission_key "
            "ADD CONSTRAINT pk_submission_key PRIMARY KEY (digest, request_id)"
        )
    else:
        op.execute(
            "ALTER TABLE submission_key DROP PRIMARY KEY, "
            "ADD PRIMARY KEY (digest, request_id), DROP COLUMN IF EXISTS run"
        )
    op.drop_table("submission_key_pending", if_exists=True)


def sort_in(insert: str) -> None:
    """Give each digest that waits a row of its own; those that have one already stay."""
    op.execute(
        f"""
        {insert} INTO submission_key (digest, request_id)
        WITH RECURSIVE place (place) AS (
            SELECT 0 UNION ALL SELECT place + 16 FROM place
            WHERE place + 16 < (SELECT max(length(digests)) FROM submission_key_pending)
        )
        SELECT substr(digests, place + 1, 16), request_id FROM submission_key_pending
        JOIN place ON place < length(digests)
        """  # noqa: S608
    )


def rebuild(*first: sa.Column[Any]) -> None:
    """Make the table anew with another key, in which these columns come first."""
    op.drop_index("ix_submission_key_request_id", "submission_key")
    op.rename_table("submission_key", "submission_key_before")
    names = [*(column.name for column in first), "digest", "request_id"]
    op.create_table(
        "submission_key",
        sa.Column("digest", digest, nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        *first,
        sa.PrimaryKeyConstraint(*names, name="pk_submission_key"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO submission_key (digest, request_id) "
        "SELECT digest, request_id FROM submission_key_before ORDER BY digest, request_id"
    )
    op.drop_table("submission_key_before")
    op.create_index("ix_submission_key_request_id", "submission_key", ["request_id"])
