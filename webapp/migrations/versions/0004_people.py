"""Employees have a version, and words by which they are found."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import VARCHAR

from webapp.search import rows_for, words_of

revision = "0004"
down_revision = "0003"

TEXTS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
AT_ONCE = 5000


def folded_text(longest: int) -> sa.String:
    in_postgresql = sa.String(longest, collation="C")
    in_mariadb = VARCHAR(longest, charset="ascii", collation="ascii_bin")
    return sa.String(longest).with_variant(in_postgresql, "postgresql").with_variant(in_mariadb, "mysql", "mariadb")


WORD, WORDS = folded_text(100), folded_text(600)

employees = sa.table(
    "employees",
    sa.column("emp_no", sa.Integer),
    sa.column("first_name", sa.String),
    sa.column("last_name", sa.String),
    sa.column("email", sa.String),
    sa.column("hire_date", sa.Date),
    sa.column("words", WORDS),
)


def upgrade() -> None:
    """Add the columns and the table, and fill in the words of everybody who is there."""
    op.add_column("employees", sa.Column("version", sa.Integer, nullable=False, server_default="1"))
    op.add_column("employees", sa.Column("words", WORDS, nullable=False, server_default=""))
    words = op.create_table(
        "employee_words",
        sa.Column("word", WORD, primary_key=True),
        sa.Column("emp_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("words", WORDS, nullable=False),
        sa.Column("hire_date", sa.Date),
        sqlite_with_rowid=False,
        **TEXTS,
    )
    after: int | None = -1
    while after is not None:
        after = fill_in(words, after)
    op.create_index("employees_by_name", "employees", ["words", "emp_no", "hire_date"])
    op.create_index("employees_by_hire_date", "employees", ["hire_date", "emp_no"])


def fill_in(words: sa.Table, after: int) -> int | None:
    """Fill in the words of the next few employees after a number, and return the last one's; None at the end."""
    connection = op.get_bind()
    some = sa.select(employees).where(employees.c.emp_no > after).order_by(employees.c.emp_no).limit(AT_ONCE)
    found = [
        {"number": row.emp_no, "new": words_of(row.first_name, row.last_name, row.email), "hired": row.hire_date}
        for row in connection.execute(some).all()
    ]
    if not found:
        return None
    mine = employees.c.emp_no == sa.bindparam("number")
    connection.execute(sa.update(employees).where(mine).values(words=sa.bindparam("new")), found)
    rows = [row for one in found for row in rows_for(one["number"], one["new"], one["hired"])]
    if rows:
        connection.execute(sa.insert(words), rows)
    last: int = found[-1]["number"]
    return last
