"""Room for a sealed ``govt_id``."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    resize(255, 400)


def downgrade() -> None:
    # A sealed value that is longer than that stops it: PostgreSQL and MariaDB cut nothing.
    resize(400, 255)


def resize(old: int, new: int) -> None:
    """Change how many characters the column takes; SQLite does not count them."""
    if op.get_context().dialect.name != "sqlite":
        op.alter_column(
            "lead",
            "govt_id",
            type_=sa.String(new),
            existing_type=sa.String(old),
            existing_nullable=True,
        )
