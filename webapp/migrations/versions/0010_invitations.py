"""Mail no link to an employee whom a personal access token added, before an administrator has made a link for them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; employees who are there may be mailed a link, as before."""
    op.add_column("employees", sa.Column("awaits_invitation", sa.Boolean, nullable=False, server_default=sa.false()))
