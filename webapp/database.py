"""The one database and its tables. Times are seconds since 1970-01-01 UTC."""

from databases import Database
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
)
from sqlalchemy.schema import CreateIndex, CreateTable

from webapp import settings

metadata = MetaData()

employees = Table(
    "employees",
    metadata,
    Column("emp_no", Integer, primary_key=True),
    Column("email", String(255), nullable=False, unique=True),
    Column("password_hash", String(60), nullable=False),
    Column("birth_date", Date),
    Column("first_name", String(50), nullable=False),
    Column("last_name", String(50), nullable=False),
    Column("gender", String(1)),
    Column("hire_date", Date),
    Column("scopes", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("changed", Double, nullable=False),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("emp_no", ForeignKey("employees.emp_no"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("opened", Double, nullable=False),
    Column("renewed", Double, nullable=False),
    Column("ends", Double, nullable=False),
    Column("ended", Double),
    Column("ended_why", String(40)),
    Column("address", String(45), nullable=False),
    Column("user_agent", String(255), nullable=False),
    Index("sign_ins_of_employee", "emp_no", "ended"),
)


class HeldDatabase(Database):
    """A `databases.Database` whose SQLite connections stay open."""

    SUPPORTED_BACKENDS: dict[str, str] = {"sqlite": "webapp.sqlite:HeldSQLiteBackend"}  # noqa: RUF012  as its base has it


database = HeldDatabase(settings.DATABASE_URL)


async def create_tables() -> None:
    """Make the tables and indexes that are not there yet, all or none."""
    async with database.transaction():
        for table in metadata.sorted_tables:
            await database.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                await database.execute(CreateIndex(index, if_not_exists=True))
