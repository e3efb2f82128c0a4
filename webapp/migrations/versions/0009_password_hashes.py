"""A password's hash says how it was made, in front of bcrypt's own text; that takes more room."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the column wider; SQLite asks for no length, and only the text of its table would be another."""
    with op.batch_alter_table("employees") as employees:
        employees.alter_column(
            "password_hash", type_=sa.String(100), existing_type=sa.String(60), existing_nullable=False
        )
