"""Employees have a version, and words by which they are found."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from webapp.search import rows_for, words_of

revision = "0004"
down_revision = "0001"

TEXTS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
WORDS = sa.String(600).with_variant(sa.String(600, collation="C"), "postgresql")
AT_ONCE = 5000

employees = sa.table(
    "employees",
    sa.column("emp_no", sa.Integer),
    sa.column("first_name", sa.String),
    sa.column("last_name", sa.String),
    sa.column("email", sa.String),
    sa.column("words", WORDS),
)


def upgrade() -> None:
    """Add the columns and the table, and fill in the words of everybody who is there."""
    op.add_column("employees", sa.Column("version", sa.Integer, nullable=False, server_default="1"))
    op.add_column("employees", sa.Column("words", WORDS, nullable=False, server_default=""))
    turned = op.create_table(
        "employee_words",
        sa.Column("words", WORDS, primary_key=True),
        sa.Column("emp_no", sa.Integer, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
        **TEXTS,
    )
    after: int | None = -1
    while after is not None:
        after = fill_in(turned, after)
    op.create_index("employees_by_name", "employees", ["words", "emp_no"])
    op.create_index("employees_by_hire_date", "employees", ["hire_date", "emp_no"])


def fill_in(turned: sa.Table, after: int) -> int | None:
    """Fill in the words of the next few employees after a number, and return the last one's; None at the end."""
    connection = op.get_bind()
    some = sa.select(employees).where(employees.c.emp_no > after).order_by(employees.c.emp_no).limit(AT_ONCE)
    found = [
        {"number": row.emp_no, "new": words_of(row.first_name, row.last_name, row.email)}
        for row in connection.execute(some).all()
    ]
    if not found:
        return None
    mine = employees.c.emp_no == sa.bindparam("number")
    connection.execute(sa.update(employees).where(mine).values(words=sa.bindparam("new")), found)
    rows = [turn for row in found for turn in rows_for(row["number"], row["new"])]
    if rows:
        connection.execute(sa.insert(turned), rows)
    last: int = found[-1]["number"]
    return last
