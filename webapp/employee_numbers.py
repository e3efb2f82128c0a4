"""Which number a new employee gets."""

from sqlalchemy import BigInteger, cast, exists, func, select

from webapp.database import database
from webapp.employee_rules import LARGEST_NUMBER
from webapp.tables import employees

# Files with employees number them from here on; the first administrator's number lies below, where no row meets it.
FIRST_NUMBER = 10001


async def next_number() -> int:
    """Return the number after the highest; where an import has used the largest, the first that is free before it."""
    highest: int = await database.fetch_val(select(func.max(employees.c.emp_no))) or 0
    if highest < LARGEST_NUMBER:
        return max(highest + 1, FIRST_NUMBER)
    return await first_free(FIRST_NUMBER)


async def first_free(lowest: int) -> int:
    """Return the first number from `lowest` on that nobody has."""
    if await database.fetch_one(select(employees.c.emp_no).where(employees.c.emp_no == lowest)) is None:
        return lowest
    after, following = employees.alias("after"), cast(employees.c.emp_no, BigInteger) + 1
    is_free = ~exists().where(after.c.emp_no == following)
    found = select(func.min(following)).where(employees.c.emp_no >= lowest, is_free)
    return int(await database.fetch_val(found))
