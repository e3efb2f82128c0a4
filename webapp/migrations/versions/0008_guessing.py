"""What is counted of attempts has keys and indexes; browsers in which somebody has logged in before are known."""

import ipaddress
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

TEXTS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
ADDRESSES_AT_ONCE = 1000
UNREADABLE = "unreadable"

attempts = sa.table(
    "attempts",
    sa.column("email", sa.String),
    sa.column("email_key", sa.String),
    sa.column("emp_no", sa.Integer),
    sa.column("address", sa.String),
    sa.column("address_key", sa.String),
    sa.column("address_space", sa.String),
)


def upgrade() -> None:
    """Add the columns and the table, forget the emails that are nobody's, and fill in the keys of addresses."""
    make_known_browsers()
    for name, longest in {"address_key": 45, "address_space": 45, "pair_key": 32}.items():
        op.add_column("attempts", sa.Column(name, sa.String(longest), nullable=False, server_default=""))
    forget_emails()
    fill_in_addresses()
    change_indexes()


def make_known_browsers() -> None:
    op.create_table(
        "known_browsers",
        sa.Column("id_hash", sa.String(64), primary_key=True),
        sa.Column("emp_no", sa.Integer, sa.ForeignKey("employees.emp_no"), nullable=False),
        sa.Column("used", sa.Double, nullable=False, index=True),
        sa.Index("known_browsers_of_employee", "emp_no", "used"),
        **TEXTS,
    )


def forget_emails() -> None:
    """Keep no text that is no employee's email: it may be a password that was typed into the wrong field.

    The keys of emails are hashed with a key that is not in the database, so older attempts have none, and are from now
    on counted by their addresses only.
    """
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    kept = sa.case((attempts.c.emp_no.is_(None), ""), else_=attempts.c.email)
    connection.execute(sa.update(attempts).values(email=kept, email_key=""))


def fill_in_addresses() -> None:
    """Fill in the keys of the addresses, each address once."""
    connection = op.get_bind()
    theirs = attempts.c.address == sa.bindparam("of")
    fill_in = sa.update(attempts).where(theirs).values(address_key=sa.bindparam("key"), address_space=sa.bindparam("s"))
    last: str | None = None
    while True:
        some = sa.select(attempts.c.address).distinct().order_by(attempts.c.address).limit(ADDRESSES_AT_ONCE)
        found = connection.scalars(some if last is None else some.where(attempts.c.address > last)).all()
        if not found:
            return
        connection.execute(
            fill_in, [{"of": text, "key": network_of(text, 32, 64), "s": network_of(text, 24, 48)} for text in found]
        )
        last = found[-1]


def network_of(text: str, bits_of_ipv4: int, bits_of_ipv6: int) -> str:
    """Return the network that an address is in; what stands in older rows has no port, but may be any text."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return UNREADABLE
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((int(address), bits_of_ipv6), strict=False))
        address = address.ipv4_mapped
    return str(ipaddress.IPv4Network((int(address), bits_of_ipv4), strict=False)).removesuffix("/32")


def change_indexes() -> None:
    """Let every count read as many entries of one index as it counts, and no more."""
    op.create_index("attempts_of_employee", "attempts", ["emp_no", "id"])
    for name in ("ix_attempts_emp_no", "ix_attempts_made", "attempts_of_pair", "attempts_of_address"):
        op.drop_index(name, "attempts")
    keys = {"pair": "pair_key", "email": "email_key", "address": "address_key", "space": "address_space"}
    for what, column in keys.items():
        op.create_index(f"attempts_of_{what}", "attempts", [column, "outcome", "made"])
