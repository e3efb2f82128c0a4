"""The tables. Times are seconds since 1970-01-01 UTC."""

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
)
from sqlalchemy.dialects.mysql import VARCHAR

metadata = MetaData()
# On MariaDB texts differ where any character does, as they do elsewhere.
TEXTS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def folded_text(longest: int) -> String:
    """Return the type of folded words, whose order is that of their signs: a language's own order skips spaces."""
    in_postgresql = String(longest, collation="C")
    in_mariadb = VARCHAR(longest, charset="ascii", collation="ascii_bin")
    return String(longest).with_variant(in_postgresql, "postgresql").with_variant(in_mariadb, "mysql", "mariadb")


WORD, WORDS = folded_text(100), folded_text(600)

employees = Table(
    "employees",
    metadata,
    Column("emp_no", Integer, primary_key=True),
    Column("email", String(255), nullable=False, unique=True),
    Column("password_hash", String(100), nullable=False),
    Column("birth_date", Date),
    Column("first_name", String(50), nullable=False),
    Column("last_name", String(50), nullable=False),
    Column("gender", String(1)),
    Column("hire_date", Date),
    Column("scopes", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("changed", Double, nullable=False),
    Column("preferred_name", String(50)),
    Column("about", Text),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("words", WORDS, nullable=False, server_default=""),
    # Whether a personal access token added them, and no administrator has made them a link since.
    Column("awaits_invitation", Boolean, nullable=False, server_default=false()),
    Index("employees_by_name", "words", "emp_no", "hire_date"),
    Index("employees_by_hire_date", "hire_date", "emp_no"),
    **TEXTS,
)

# One row for each word by which an employee is found, but the one that `words` begins with (webapp/search.py).
employee_words = Table(
    "employee_words",
    metadata,
    Column("word", WORD, primary_key=True),
    Column("emp_no", Integer, primary_key=True, autoincrement=False),
    Column("words", WORDS, nullable=False),
    Column("hire_date", Date),
    sqlite_with_rowid=False,
    **TEXTS,
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("emp_no", ForeignKey("employees.emp_no"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("name", String(50)),
    Column("scopes", Text),
    Column("opened", Double, nullable=False),
    Column("used", Double, nullable=False),
    Column("ends", Double, nullable=False),
    Column("ended", Double, index=True),
    Column("ended_why", String(40)),
    Column("address", String(45), nullable=False),
    Column("user_agent", String(255), nullable=False),
    Index("sign_ins_of_employee", "emp_no", "ended"),
    **TEXTS,
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("sid", ForeignKey("sign_ins.id"), nullable=False, index=True),
    Column("made", Double, nullable=False),
    Column("used", Double),
    **TEXTS,
)

# What is counted is counted by keys (webapp/auth/attempt_log.py); an email is kept only where it is an employee's.
attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("made", Double, nullable=False),
    Column("email", String(255), nullable=False),
    Column("email_key", String(255), nullable=False),
    Column("emp_no", ForeignKey("employees.emp_no")),
    Column("outcome", String(10), nullable=False),
    Column("address", String(45), nullable=False),
    Column("user_agent", String(255), nullable=False),
    Column("address_key", String(45), nullable=False, server_default=""),
    Column("address_space", String(45), nullable=False, server_default=""),
    Column("pair_key", String(32), nullable=False, server_default=""),
    Index("attempts_of_pair", "pair_key", "outcome", "made"),
    Index("attempts_of_email", "email_key", "outcome", "made"),
    Index("attempts_of_address", "address_key", "outcome", "made"),
    Index("attempts_of_space", "address_space", "outcome", "made"),
    Index("attempts_of_employee", "emp_no", "id"),
    **TEXTS,
)

# In which browsers an employee has logged in before; the browser's cookie has what this is the hash of.
known_browsers = Table(
    "known_browsers",
    metadata,
    Column("id_hash", String(64), primary_key=True),
    Column("emp_no", ForeignKey("employees.emp_no"), nullable=False),
    Column("used", Double, nullable=False, index=True),
    Index("known_browsers_of_employee", "emp_no", "used"),
    **TEXTS,
)

notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("emp_no", ForeignKey("employees.emp_no"), nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("changed", Double, nullable=False),
    **TEXTS,
)

# What every worker must hear of: a sign-in that has ended, or an employee who has changed.
changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("made", Double, nullable=False),
    Column("sid", String(22)),
    Column("emp_no", Integer),
    sqlite_autoincrement=True,
    **TEXTS,
)

# Who changed what of whom; rows are only ever added, and outlive whom they name.
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("made", Double, nullable=False),
    Column("actor", Integer),
    Column("how", String(12), nullable=False),
    Column("address", String(45), nullable=False),
    Column("action", String(40), nullable=False),
    Column("emp_no", Integer),
    Column("details", Text, nullable=False),
    Index("audit_of_employee", "emp_no", "id"),
    sqlite_autoincrement=True,
    **TEXTS,
)

# With what the first administrator is made, while there is no employee.
set_up_tokens = Table(
    "set_up_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("made", Double, nullable=False),
    Column("used", Double),
    **TEXTS,
)
