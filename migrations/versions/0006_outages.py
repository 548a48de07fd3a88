"""What finds the retry of a post that waited in the spool."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
digest = sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")


def upgrade() -> None:
    op.add_column("submission", sa.Column("recorded_at", moment))
    op.add_column("submission", sa.Column("fields_digest", digest))
    op.create_index("ix_submission_fields_digest", "submission", ["fields_digest"])


def downgrade() -> None:
    op.drop_index("ix_submission_fields_digest", "submission")
    op.drop_column("submission", "fields_digest")
    op.drop_column("submission", "recorded_at")
