"""Changes that tests make to an employee, without who would ask for them."""

from webapp.auth import accounts


async def change_password(emp_no: int, password_hash: str) -> None:
    """Give an employee a new password, which ends all their sign-ins."""
    await accounts.change(emp_no, end_because="password changed", password_hash=password_hash)


async def change_scopes(emp_no: int, scopes: tuple[str, ...]) -> None:
    """Change what an employee may do, from their next request on."""
    await accounts.change(emp_no, scopes=" ".join(scopes))


async def deactivate(emp_no: int) -> None:
    """Let an employee in no longer, and end all their sign-ins."""
    await accounts.change(emp_no, end_because="account deactivated", is_active=False)
