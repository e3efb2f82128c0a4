"""The audit log, which the database itself lets only grow."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXTS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}

REFUSAL = "the audit log only grows"
# MariaDB and MySQL: a user who may make no triggers at all, or none while there is a binary log.
MAY_NOT = (1142, 1419)
TRIGGERS = {
    "sqlite": [
        f"CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON audit BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
        *(
            f"CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON audit EXECUTE FUNCTION audit_only_grows()"
            for verb in ("UPDATE", "DELETE", "TRUNCATE")
        ),
    ],
    "mysql": [
        f"CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON audit FOR EACH ROW "
        f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{REFUSAL}'"
        for verb in ("UPDATE", "DELETE")
    ],
}


def upgrade() -> None:
    """Make the table and the triggers that keep its rows."""
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("actor", sa.Integer),
        sa.Column("how", sa.String(12), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("emp_no", sa.Integer),
        sa.Column("details", sa.Text, nullable=False),
        sa.Index("audit_of_employee", "emp_no", "id"),
        sqlite_autoincrement=True,
        **TEXTS,
    )
    try:
        make_triggers(op.get_bind())
    except sa.exc.DBAPIError as error:
        if error.orig is None or error.orig.args[0] not in MAY_NOT:
            raise


def make_triggers(connection: sa.Connection) -> None:
    """Let the database refuse whatever would change or remove a row of the audit log (ASVS 16.4.2)."""
    for statement in TRIGGERS[connection.dialect.name.replace("mariadb", "mysql")]:
        connection.exec_driver_sql(statement)
