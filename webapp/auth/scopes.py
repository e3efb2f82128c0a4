"""The scopes: what each is for, and which others it includes; a route declares its own with Starlette's `@requires`."""

from collections.abc import Iterable

SCOPES = ("user:read", "user:write", "admin:read", "admin:write", "super:*")
ALL = "super:*"
USER_SCOPES = ("user:read", "user:write")
INCLUDED = {"admin:write": {"admin:read"}, "super:*": set(SCOPES)}
IN_WORDS = {
    "user:read": "See their own details",
    "user:write": "Change their own details, and make personal access tokens",
    "admin:read": "See all employees",
    "admin:write": "Add and change employees, and see them",
    "super:*": "Everything",
}


def closure(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return scopes with all that they include, in the order of SCOPES."""
    given = set(scopes)
    for scope in tuple(given):
        given |= INCLUDED.get(scope, set())
    return tuple(scope for scope in SCOPES if scope in given)


def within(scopes: Iterable[str], others: Iterable[str]) -> bool:
    """Return whether scopes allow nothing that others do not allow (ASVS 8.2.1)."""
    return set(closure(scopes)) <= set(closure(others))
