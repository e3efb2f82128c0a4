"""An employee whom a personal access token added is mailed no link before an administrator has made them one."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; whoever is there may be mailed a link, as before."""
    op.add_column("employees", sa.Column("awaits_invitation", sa.Boolean, nullable=False, server_default=sa.false()))
