"""In SQLite, REPLACE removes a row without a word to the trigger against DELETE; so it is refused by another one."""

from alembic import op

revision = "0007"
down_revision = "0006"

TRIGGER = """
CREATE TRIGGER audit_no_REPLACE BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END
"""


def upgrade() -> None:
    """Let SQLite refuse whatever would put another row in the place of one (ASVS 16.4.2)."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(TRIGGER)
