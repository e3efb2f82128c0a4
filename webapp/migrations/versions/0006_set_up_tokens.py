"""The tokens with which the first administrator is made."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TEXTS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "set_up_tokens",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("used", sa.Double),
        **TEXTS,
    )
