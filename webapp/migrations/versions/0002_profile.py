"""Employees say by which name they want to be called, and something about themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the two columns, empty for everybody who is there."""
    op.add_column("employees", sa.Column("preferred_name", sa.String(50)))
    op.add_column("employees", sa.Column("about", sa.Text))
