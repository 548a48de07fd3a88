"""Match keys, claims, changes and merges of leads.

Leads that are there already have no keys yet: ``flask match rekey`` makes them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
long_text = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
digest = sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")


def upgrade() -> None:
    create(
        "match_key",
        sa.Column("digest", digest, nullable=False),
        sa.Column("lead_id", key, nullable=False, autoincrement=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "lead_id", name="pk_match_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_match_key_lead_id", "match_key", ["lead_id"])
    create(
        "match_claim",
        sa.Column("digest", digest, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_match_claim"),
        sqlite_with_rowid=False,
    )
    create(
        "match_rekey",
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("through_id", key, nullable=False),
        sa.Column("finished_at", moment),
        sa.PrimaryKeyConstraint("rule", name="pk_match_rekey"),
    )
    create(
        "lead_change",
        sa.Column("change_id", key, nullable=False),
        sa.Column("lead_id", key, nullable=False),
        sa.Column("field", sa.String(100), nullable=False),
        sa.Column("old", long_text),
        sa.Column("new", long_text),
        sa.Column("request_id", sa.String(36)),
        sa.Column("changed_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("change_id", name="pk_lead_change"),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.lead_id"], name="fk_lead_change_lead_id"),
    )
    op.create_index("ix_lead_change_lead_id", "lead_change", ["lead_id"])
    create(
        "lead_merge",
        sa.Column("lead_id", key, nullable=False, autoincrement=False),
        sa.Column("survivor_id", key, nullable=False),
        sa.Column("merged_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name="pk_lead_merge"),
        sa.ForeignKeyConstraint(
            ["survivor_id"], ["lead.lead_id"], name="fk_lead_merge_survivor_id"
        ),
    )
    op.create_index("ix_lead_merge_survivor_id", "lead_merge", ["survivor_id"])


def downgrade() -> None:
    for table in ("lead_merge", "lead_change", "match_rekey", "match_claim", "match_key"):
        op.drop_table(table)


def create(table: str, *parts: Any, **options: Any) -> None:
    """Create a table whose text MariaDB compares byte for byte, as the other engines do."""
    for dialect in ("mysql", "mariadb"):
        options[f"{dialect}_engine"] = "InnoDB"
        options[f"{dialect}_charset"] = "utf8mb4"
        options[f"{dialect}_collate"] = "utf8mb4_nopad_bin"
    op.create_table(table, *parts, **options)
