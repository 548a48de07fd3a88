"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only where the key is an INTEGER.
key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# TEXT and BLOB on MariaDB end at 64 kB, DATETIME at whole seconds.
long_text = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
octets = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    create(
        "login",
        sa.Column("login_id", key, nullable=False),
        sa.Column("name", sa.String(191), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("password_hash", sa.String(255)),
        sa.Column("token_digest", sa.String(64)),
        sa.Column("format", sa.String(10)),
        sa.Column("on_invalid", sa.String(10)),
        sa.Column("ignore_empty", sa.Boolean(), nullable=False),
        sa.Column("may_dry_run", sa.Boolean(), nullable=False),
        sa.Column("defaults", sa.JSON()),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("disabled_at", moment),
        sa.Column("retired_at", moment),
        sa.PrimaryKeyConstraint("login_id", name="pk_login"),
        sa.UniqueConstraint("name", name="uq_login_name"),
        sa.UniqueConstraint("token_digest", name="uq_login_token_digest"),
    )
    for table, label in LABELLED.items():
        create(
            table,
            sa.Column(f"{table}_id", key, nullable=False),
            sa.Column(label, sa.String(100), nullable=False),
            sa.Column("folded", sa.String(300), nullable=False),
            sa.Column("created_at", moment, nullable=False),
            sa.PrimaryKeyConstraint(f"{table}_id", name=f"pk_{table}"),
            sa.UniqueConstraint("folded", name=f"uq_{table}_folded"),
        )
    create(
        "lead",
        sa.Column("lead_id", key, nullable=False),
        sa.Column("external_id", sa.String(191)),
        sa.Column("full_name", sa.String(255)),
        sa.Column("first_name", sa.String(100)),
        sa.Column("last_name", sa.String(100)),
        sa.Column("company", sa.String(255)),
        sa.Column("address", sa.String(255)),
        sa.Column("address_2", sa.String(255)),
        sa.Column("city", sa.String(100)),
        sa.Column("state", sa.String(100)),
        sa.Column("country", sa.String(100)),
        sa.Column("zip", sa.String(20)),
        sa.Column("lat", sa.Double()),
        sa.Column("lng", sa.Double()),
        sa.Column("phone", sa.String(50)),
        sa.Column("cell", sa.String(50)),
        sa.Column("fax", sa.String(50)),
        sa.Column("ok_to_text", sa.Boolean()),
        sa.Column("skype", sa.String(100)),
        sa.Column("ip", sa.String(45)),
        sa.Column("followup_date", moment),
        sa.Column("besttime", sa.String(50)),
        sa.Column("priority", sa.String(50)),
        sa.Column("status", sa.BigInteger()),
        sa.Column("custom_status_id", key),
        sa.Column("gmt_offset", sa.String(5)),
        sa.Column("email", sa.String(254)),
        sa.Column("admin_notes", long_text),
        sa.Column("govt_id", sa.String(255)),
        sa.Column("source", sa.String(191)),
        sa.Column("sub_id", sa.String(191)),
        sa.Column("sub_id2", sa.String(191)),
        sa.Column("birth_date", sa.String(10)),
        sa.Column("owner_id", key),
        sa.Column("pool_id", key),
        sa.Column("custom", sa.JSON()),
        sa.Column("match", sa.JSON()),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name="pk_lead"),
        points_to("custom_status", "lead", "custom_status_id"),
        points_to("user", "lead", "owner_id"),
        points_to("pool", "lead", "pool_id"),
        # The id of a lead that was deleted is not given again.
        sqlite_autoincrement=True,
    )
    create(
        "lead_external_id",
        sa.Column("external_id", sa.String(191), nullable=False),
        sa.Column("lead_id", key, nullable=False),
        sa.PrimaryKeyConstraint("external_id", name="pk_lead_external_id"),
        points_to("lead", "lead_external_id", "lead_id"),
        indexes=("lead_id",),
    )
    create(
        "lead_note",
        sa.Column("note_id", key, nullable=False),
        sa.Column("lead_id", key, nullable=False),
        sa.Column("status", sa.String(100), nullable=False),
        sa.Column("text", long_text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("request_id", sa.String(36)),
        sa.PrimaryKeyConstraint("note_id", name="pk_lead_note"),
        points_to("lead", "lead_note", "lead_id"),
        indexes=("lead_id",),
    )
    create(
        "lead_tag",
        sa.Column("lead_id", key, nullable=False),
        sa.Column("folded", sa.String(300), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "folded", name="pk_lead_tag"),
        points_to("lead", "lead_tag", "lead_id"),
    )
    create(
        "lead_event",
        sa.Column("event_id", key, nullable=False),
        sa.Column("lead_id", key, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("request_id", sa.String(36)),
        sa.PrimaryKeyConstraint("event_id", name="pk_lead_event"),
        points_to("lead", "lead_event", "lead_id"),
        indexes=("lead_id",),
    )
    create(
        "lead_file",
        sa.Column("file_id", key, nullable=False),
        sa.Column("lead_id", key, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content_type", sa.String(255), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("request_id", sa.String(36)),
        sa.PrimaryKeyConstraint("file_id", name="pk_lead_file"),
        points_to("lead", "lead_file", "lead_id"),
        indexes=("lead_id", "sha256"),
    )
    create(
        "submission",
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("received_at", moment, nullable=False),
        sa.Column("caller", sa.String(191)),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("method", sa.String(10), nullable=False),
        sa.Column("path", sa.String(255), nullable=False),
        sa.Column("query", octets),
        sa.Column("content_type", sa.String(255), nullable=False),
        sa.Column("origin", sa.String(255)),
        sa.Column("caller_request_id", sa.String(255)),
        sa.Column("command", sa.String(100), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("codes", sa.String(255)),
        sa.Column("problems", sa.JSON()),
        sa.Column("unknown", sa.JSON()),
        sa.Column("lead_id", sa.BigInteger()),
        sa.Column("decision", sa.JSON()),
        sa.Column("duration_us", sa.Integer(), nullable=False),
        sa.Column("body", octets),
        sa.Column("body_size", sa.BigInteger(), nullable=False),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        sa.Column("stored_sha256", sa.String(64)),
        sa.Column("flags", sa.String(100)),
        sa.PrimaryKeyConstraint("request_id", name="pk_submission"),
        indexes=("received_at", "caller", "outcome", "lead_id"),
    )


def downgrade() -> None:
    for table in ("submission", *CHILDREN, "lead", *LABELLED, "login"):
        op.drop_table(table)


LABELLED = {"user": "username", "pool": "label", "status": "label", "custom_status": "label"}
"""The tables that a post names by a label, and the column that holds it."""

CHILDREN = ("lead_external_id", "lead_note", "lead_tag", "lead_event", "lead_file")


def create(table: str, *parts: Any, indexes: tuple[str, ...] = (), **options: Any) -> None:
    """Create a table whose text MariaDB compares byte for byte, as the other engines do."""
    for dialect in ("mysql", "mariadb"):
        options[f"{dialect}_engine"] = "InnoDB"
        options[f"{dialect}_charset"] = "utf8mb4"
        options[f"{dialect}_collate"] = "utf8mb4_nopad_bin"
    op.create_table(table, *parts, **options)
    for column in indexes:
        op.create_index(f"ix_{table}_{column}", table, [column])


def points_to(other: str, table: str, column: str) -> sa.ForeignKeyConstraint:
    """Return the constraint that ``table.column`` names a row of ``other``."""
    return sa.ForeignKeyConstraint([column], [f"{other}.{other}_id"], name=f"fk_{table}_{column}")
