"""A token that comes in an address: the page's form carries it on, and a script takes it out of the address at once."""

import re

from starlette.requests import Request

SHAPE = re.compile(r"[\w.-]{1,500}", re.ASCII)


def token_in_address(request: Request) -> str:
    """Return the token in the address, "" where there is none, or several."""
    tokens = request.query_params.getlist("token")
    return tokens[0] if len(tokens) == 1 and SHAPE.fullmatch(tokens[0]) else ""
