"""Routes are closed unless they are declared open."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from starlette.authentication import requires
from starlette.routing import BaseRoute, Mount, Route

Endpoint = TypeVar("Endpoint", bound=Callable[..., object])

ROW_NUMBER = "[0-9]{1,9}"

opened: set[object] = set()


def open_to_all(endpoint: Endpoint) -> Endpoint:
    """Declare that an endpoint answers people who are not logged in."""
    opened.add(endpoint)
    return endpoint


def closed_unless_open(routes: Sequence[BaseRoute]) -> list[BaseRoute]:
    """Return the routes, each of which asks for a living sign-in unless its endpoint is declared open (ASVS 8.2.1).

    Raises:
        TypeError: something other than a plain route is not declared open, so that nothing would close it.
    """
    return [exact(route if is_open(route) else closed(route)) for route in routes]


def is_open(route: BaseRoute) -> bool:
    """Return whether a route's endpoint, or a mounted app, is declared open."""
    return getattr(route, "endpoint", None) in opened or (isinstance(route, Mount) and route.app in opened)


def closed(route: BaseRoute) -> Route:
    """Return the same route for people who are logged in."""
    if not isinstance(route, Route):
        raise TypeError(f"{route!r} can only be open: declare it with open_to_all")
    endpoint = requires("authenticated", status_code=401)(route.endpoint)
    return Route(route.path, endpoint, methods=list(route.methods or ()), name=route.name)


def exact(route: BaseRoute) -> BaseRoute:
    """Return a route whose path has no room for a line break at its end, which `$` would let pass.

    Nor has it for a number of a row that no database has, or that Python would refuse to read.
    """
    if isinstance(route, Route):
        pattern = route.path_regex.pattern.removesuffix("$").replace("[0-9]+", ROW_NUMBER)
        route.path_regex = re.compile(pattern + r"\Z")
    return route
