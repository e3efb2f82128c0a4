"""Litestar's JWTCookieAuth, as in its documentation."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from litestar import Litestar, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.security.jwt import JWTCookieAuth, Token


@dataclass
class User:
    emp_no: int
    email: str
    birth_date: str = "1980-02-29"
    first_name: str = "Ada"
    last_name: str = "Nowak"
    gender: str = "F"
    hire_date: str = "2020-01-02"
    scopes: list[str] = field(default_factory=lambda: ["user:read", "user:write"])
    preferred_name: str | None = None
    about: str | None = None


USERS = {"10001": User(10001, "e10001@example.com")}


async def retrieve_user_handler(token: Token, connection: ASGIConnection[Any, Any, Any, Any]) -> User | None:
    return USERS.get(token.sub)


jwt_cookie_auth = JWTCookieAuth[User](
    retrieve_user_handler=retrieve_user_handler,
    token_secret=secrets.token_hex(32),
    exclude=["/login", "/schema"],
)


@post("/login")
async def login() -> Response[User]:
    return jwt_cookie_auth.login(identifier="10001", response_body=USERS["10001"])


@get("/me")
async def me(request: Request[User, Token, Any]) -> User:
    return request.user


app = Litestar(route_handlers=[login, me], on_app_init=[jwt_cookie_auth.on_app_init])
