"""FastAPI as in its tutorial "OAuth2 with Password (and hashing), Bearer with JWT tokens"."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from jwt.exceptions import InvalidTokenError
from pwdlib import PasswordHash
from pydantic import BaseModel

SECRET_KEY = secrets.token_hex(32)
ALGORITHM = "HS256"
password_hash = PasswordHash.recommended()
USERS = {
    "e10001@example.com": {
        "emp_no": 10001,
        "email": "e10001@example.com",
        "birth_date": "1980-02-29",
        "first_name": "Ada",
        "last_name": "Nowak",
        "gender": "F",
        "hire_date": "2020-01-02",
        "scopes": ["user:read", "user:write"],
        "preferred_name": None,
        "about": None,
        "hashed_password": password_hash.hash("benchmark-password"),
        "disabled": False,
    }
}


class Token(BaseModel):
    access_token: str
    token_type: str


class TokenData(BaseModel):
    username: str | None = None


class User(BaseModel):
    emp_no: int
    email: str
    birth_date: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    gender: str | None = None
    hire_date: str | None = None
    scopes: list[str] = []
    preferred_name: str | None = None
    about: str | None = None


class UserInDB(User):
    hashed_password: str
    disabled: bool | None = None


oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")
app = FastAPI()


def get_user(users: dict, username: str | None) -> UserInDB | None:
    return UserInDB(**users[username]) if username in users else None


async def get_current_user(token: Annotated[str, Depends(oauth2_scheme)]) -> UserInDB:
    credentials_exception = HTTPException(
        status_code=status.HTTP_401_UNAUTHORIZED,
        detail="Could not validate credentials",
        headers={"WWW-Authenticate": "Bearer"},
    )
    try:
        payload = jwt.decode(token, SECRET_KEY, algorithms=[ALGORITHM])
        username = payload.get("sub")
        if username is None:
            raise credentials_exception
        token_data = TokenData(username=username)
    except InvalidTokenError:
        raise credentials_exception from None
    user = get_user(USERS, token_data.username)
    if user is None:
        raise credentials_exception
    return user


async def get_current_active_user(current_user: Annotated[UserInDB, Depends(get_current_user)]) -> UserInDB:
    if current_user.disabled:
        raise HTTPException(status_code=400, detail="Inactive user")
    return current_user


@app.post("/token")
async def login_for_access_token(form_data: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Token:
    user = get_user(USERS, form_data.username)
    if not user or not password_hash.verify(form_data.password, user.hashed_password):
        raise HTTPException(status_code=401, detail="Incorrect username or password")
    expire = datetime.now(UTC) + timedelta(minutes=30)
    token = jwt.encode({"sub": user.email, "exp": expire}, SECRET_KEY, algorithm=ALGORITHM)
    return Token(access_token=token, token_type="bearer")


@app.get("/users/me/")
async def read_users_me(current_user: Annotated[User, Depends(get_current_active_user)]) -> User:
    return current_user
