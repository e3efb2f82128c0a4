"""Ten made-up employees to look around with."""

import asyncio
import secrets
from datetime import date
from typing import NamedTuple

from webapp import audit, employees, schema, settings
from webapp.auth import passwords
from webapp.auth.scopes import ALL, USER_SCOPES
from webapp.database import database


class Person(NamedTuple):
    """A made-up employee."""

    first_name: str
    last_name: str
    gender: str
    birth_date: date
    hire_date: date
    scopes: tuple[str, ...] = USER_SCOPES

    @property
    def email(self) -> str:
        return f"{self.first_name}.{self.last_name}@example.com".lower()


PEOPLE = (
    Person("Amara", "Okafor", "F", date(1979, 4, 12), date(2008, 9, 1), ("user:read", "user:write", "super:*")),
    Person("Jonas", "Lindqvist", "M", date(1984, 11, 3), date(2011, 2, 14), ("user:read", "user:write", "admin:read")),
    Person("Mei", "Tanaka", "F", date(1990, 6, 28), date(2015, 5, 4)),
    Person("Rafael", "Moreno", "M", date(1987, 1, 19), date(2013, 8, 19)),
    Person("Priya", "Raman", "F", date(1993, 9, 7), date(2019, 1, 7)),
    Person("Tomasz", "Zielinski", "M", date(1975, 3, 30), date(2002, 10, 21)),
    Person("Leila", "Haddad", "F", date(1996, 12, 15), date(2021, 6, 1)),
    Person("Oliver", "Brandt", "M", date(1982, 7, 22), date(2010, 4, 12)),
    Person("Nia", "Williams", "F", date(1999, 2, 9), date(2023, 9, 11)),
    Person("Keanu", "Palakiko", "M", date(1991, 10, 25), date(2017, 11, 27)),
)


async def load_sample() -> None:
    """Add the ten, all or none, and print their random passwords; refuse where there are employees already."""
    async with database:
        await schema.ensure_current()
        secret = [secrets.token_urlsafe(12) for _ in PEOPLE]
        hashes = await asyncio.gather(*map(passwords.hash_password, secret))
        async with database.transaction():
            if await employees.anybody():
                settings.refuse("there are employees already, and the sample is for an empty database only")
            for person, password_hash in zip(PEOPLE, hashes, strict=True):
                emp_no = await employees.create(
                    email=person.email,
                    password_hash=password_hash,
                    is_first_administrator=ALL in person.scopes,
                    **person._asdict(),
                )
                await audit.note(
                    audit.Actor.of_command(), audit.Action.CREATED, emp_no, {"scopes": " ".join(person.scopes)}
                )
    print("Ten made-up employees were added. Their passwords are shown this once:")
    for person, password in zip(PEOPLE, secret, strict=True):
        print(f"  {person.email:<30} {password}  {' '.join(person.scopes)}")
