"""The tables of the versions before migrations."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXTS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    """Make the five tables."""
    make_employees()
    make_sign_ins()
    make_refresh_tokens()
    make_attempts()
    make_changes()


def make_employees() -> None:
    op.create_table(
        "employees",
        sa.Column("emp_no", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(255), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(60), nullable=False),
        sa.Column("birth_date", sa.Date),
        sa.Column("first_name", sa.String(50), nullable=False),
        sa.Column("last_name", sa.String(50), nullable=False),
        sa.Column("gender", sa.String(1)),
        sa.Column("hire_date", sa.Date),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
        **TEXTS,
    )


def make_sign_ins() -> None:
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.String(22), primary_key=True),
        sa.Column("emp_no", sa.Integer, sa.ForeignKey("employees.emp_no"), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.String(50)),
        sa.Column("scopes", sa.Text),
        sa.Column("opened", sa.Double, nullable=False),
        sa.Column("used", sa.Double, nullable=False),
        sa.Column("ends", sa.Double, nullable=False),
        sa.Column("ended", sa.Double, index=True),
        sa.Column("ended_why", sa.String(40)),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(255), nullable=False),
        sa.Index("sign_ins_of_employee", "emp_no", "ended"),
        **TEXTS,
    )


def make_refresh_tokens() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("sid", sa.String(22), sa.ForeignKey("sign_ins.id"), nullable=False, index=True),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("used", sa.Double),
        **TEXTS,
    )


def make_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("made", sa.Double, nullable=False, index=True),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("email_key", sa.String(255), nullable=False),
        sa.Column("emp_no", sa.Integer, sa.ForeignKey("employees.emp_no"), index=True),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(255), nullable=False),
        sa.Index("attempts_of_pair", "email_key", "address", "made"),
        sa.Index("attempts_of_address", "address", "made"),
        **TEXTS,
    )


def make_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("sid", sa.String(22)),
        sa.Column("emp_no", sa.Integer),
        sqlite_autoincrement=True,
        **TEXTS,
    )
