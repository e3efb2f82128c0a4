"""Employees: the record that a request carries, and every query on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Insert, insert, literal, select, update
from starlette.authentication import BaseUser

from webapp import clock, search
from webapp.auth.passwords import is_usable
from webapp.auth.scopes import ALL, USER_SCOPES
from webapp.database import Duplicate, Unavailable, database
from webapp.employee_numbers import first_free, next_number
from webapp.normal_forms import normal_email
from webapp.tables import employees

TRIES_FOR_A_NUMBER = 50
LONGEST_ABOUT = 2000


@dataclass(frozen=True, slots=True)
class Employee(BaseUser):
    """One employee, as `request.user`; the password's hash is never part of it."""

    emp_no: int
    email: str
    birth_date: date | None
    first_name: str
    last_name: str
    gender: str | None
    hire_date: date | None
    scopes: tuple[str, ...]
    is_active: bool
    preferred_name: str | None
    about: str | None
    version: int

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.preferred_name or f"{self.first_name} {self.last_name}"

    @property
    def identity(self) -> str:
        return str(self.emp_no)

    def as_json(self) -> dict[str, Any]:
        """Return what the employee may see of themselves."""
        return {
            "emp_no": self.emp_no,
            "email": self.email,
            "birth_date": self.birth_date,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "gender": self.gender,
            "hire_date": self.hire_date,
            "scopes": self.scopes,
            "preferred_name": self.preferred_name,
            "about": self.about,
        }


def employee_from(row: Mapping[str, Any]) -> Employee:
    """Return the employee of a row of the employees table."""
    return Employee(
        emp_no=row["emp_no"],
        email=row["email"],
        birth_date=row["birth_date"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        gender=row["gender"],
        hire_date=row["hire_date"],
        scopes=tuple(row["scopes"].split()),
        is_active=bool(row["is_active"]),
        preferred_name=row["preferred_name"],
        about=row["about"],
        version=row["version"],
    )


async def anybody() -> bool:
    """Return whether there is any employee."""
    return await database.fetch_one(select(employees.c.emp_no).limit(1)) is not None


async def with_email(email: str) -> tuple[Employee, str] | None:
    """Return the employee with this email, in any case, and the hash of their password; or None."""
    row = await database.fetch_one(select(employees).where(employees.c.email == normal_email(email)))
    return None if row is None else (employee_from(row._mapping), row["password_hash"])


async def with_number(emp_no: int) -> Employee | None:
    """Return the employee with this number, or None."""
    row = await database.fetch_one(select(employees).where(employees.c.emp_no == emp_no))
    return None if row is None else employee_from(row._mapping)


async def hash_of(emp_no: int) -> str | None:
    """Return the hash of an employee's password."""
    hashed: str | None = await database.fetch_val(select(employees.c.password_hash).where(employees.c.emp_no == emp_no))
    return hashed


async def lock_first() -> None:
    """Lock the first employee of all: of the transactions that begin so, one at a time goes on."""
    await database.fetch_one(select(employees.c.emp_no).order_by(employees.c.emp_no).limit(1).with_for_update())


async def lock(emp_no: int) -> None:
    """Lock an employee: of the transactions that begin so, one at a time goes on, and counts what the others added."""
    await database.fetch_one(select(employees.c.emp_no).where(employees.c.emp_no == emp_no).with_for_update())


def may_rule() -> ColumnElement[bool]:
    """Return the condition of an active administrator with super:*, who may or may not have a password."""
    scopes = literal(" ") + employees.c.scopes + literal(" ")
    return employees.c.is_active & scopes.like(f"% {ALL} %")


async def somebody_rules(*, besides: int | None = None) -> bool:
    """Return whether an administrator who may do everything can log in, other than one."""
    ruling = may_rule()
    if besides is not None:
        ruling &= employees.c.emp_no != besides
    hashes = await database.fetch_all(select(employees.c.password_hash).where(ruling))
    return any(is_usable(row["password_hash"]) for row in hashes)


def may_log_in(emp_no: int, password_hash: str) -> ColumnElement[bool]:
    """Return the condition of an employee who is active and still has the hash that was looked at."""
    return (employees.c.emp_no == emp_no) & (employees.c.password_hash == password_hash) & employees.c.is_active


async def lets_in(emp_no: int, password_hash: str) -> bool:
    """Lock an employee, and return whether they are active and have this hash."""
    query = select(employees.c.emp_no).where(may_log_in(emp_no, password_hash)).with_for_update()
    return await database.fetch_one(query) is not None


async def create(
    *,
    email: str,
    password_hash: str,
    first_name: str,
    last_name: str,
    birth_date: date | None = None,
    gender: str | None = None,
    hire_date: date | None = None,
    scopes: tuple[str, ...] = USER_SCOPES,
    awaits_invitation: bool = False,
    is_first_administrator: bool = False,
) -> int:
    """Add an active employee and return the number given to them.

    Args:
        awaits_invitation: whether they are mailed no link before an administrator has made them one.
        is_first_administrator: whether they get a low number, which no file of employees has.

    Raises:
        Duplicate: somebody else has this email.
    """
    words = search.words_of(first_name, last_name, normal_email(email))
    row = insert(employees).values(
        words=words,
        email=normal_email(email),
        password_hash=password_hash,
        first_name=first_name,
        last_name=last_name,
        birth_date=birth_date,
        gender=gender,
        hire_date=hire_date,
        scopes=" ".join(scopes),
        is_active=True,
        changed=clock.now(),
        awaits_invitation=awaits_invitation,
    )
    for _ in range(TRIES_FOR_A_NUMBER):
        try:
            return await with_a_number(row, words, hire_date, is_low=is_first_administrator)
        except Duplicate:
            if await with_email(email):
                raise
    raise Unavailable("many others are adding employees")


async def with_a_number(row: Insert, words: str, hire_date: date | None, *, is_low: bool) -> int:
    """Add an employee's row, and those of their words, and return its number.

    Raises:
        Duplicate: somebody else took the number meanwhile, or has the same email.
    """
    async with database.transaction():
        emp_no = await first_free(1) if is_low else await next_number()
        await database.execute(row.values(emp_no=emp_no))
        await search.add_words(emp_no, words, hire_date)
    return emp_no


async def renew_password_hash(emp_no: int, old_hash: str, new_hash: str) -> bool:
    """Replace a hash by a better one of the same password, and return whether it was still there."""
    same = (employees.c.emp_no == emp_no) & (employees.c.password_hash == old_hash)
    return bool(await database.change(update(employees).where(same).values(password_hash=new_hash), employees.c.emp_no))
