"""Refresh tokens: opaque, kept as a hash, good once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from tests import accounts
from tests.conftest import API, client_like, log_in
from webapp.database import database
from webapp.tables import refresh_tokens, sign_ins


@pytest.fixture
def first(anonymous, ann):
    """The answer to a program's login."""
    return log_in(client_like(anonymous, API), "/api/login").json()


@pytest.fixture
def refresh(anonymous):
    """Ask for a new token."""

    def ask(token, **fields):
        form = {"grant_type": "refresh_token", "refresh_token": token, **fields}
        return client_like(anonymous, API).post("/api/refresh", data=form)

    return ask


@pytest.fixture
def status(anonymous):
    """What a token is worth."""
    return lambda token: client_like(anonymous, {"Authorization": f"Bearer {token}"}).get("/api/me").status_code


def test_a_login_brings_one(first, run):
    assert first.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert len(first["refresh_token"]) == 43
    kept = [tuple(row._mapping.values()) for row in run(database.fetch_all, select(refresh_tokens))]
    assert first["refresh_token"] not in str(kept)


def test_it_is_changed_for_a_new_pair_of_the_same_sign_in(first, refresh, status, run):
    answer = refresh(first["refresh_token"])
    second = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert second.keys() == first.keys()
    assert second["refresh_token"] != first["refresh_token"]
    assert status(first["access_token"]) == status(second["access_token"]) == 200
    assert len(run(database.fetch_all, select(sign_ins))) == 1
    assert refresh(second["refresh_token"]).status_code == 200


def test_a_repeat_within_ten_seconds_does_no_harm(first, refresh, status, moved_clock):
    second = refresh(first["refresh_token"]).json()
    moved_clock.forward(10)
    answer = refresh(first["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (409, "invalid_grant")
    assert status(second["access_token"]) == 200
    assert refresh(second["refresh_token"]).status_code == 200


def test_a_later_repeat_ends_the_sign_in(first, refresh, status, moved_clock, run):
    second = refresh(first["refresh_token"]).json()
    moved_clock.forward(10.1)
    answer = refresh(first["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert status(first["access_token"]) == status(second["access_token"]) == 401
    assert refresh(second["refresh_token"]).status_code == 400
    assert run(database.fetch_val, select(sign_ins.c.ended_why)) == "refresh token used twice"


def test_a_clock_that_is_put_back_gives_a_thief_no_grace(first, refresh, moved_clock):
    second = refresh(first["refresh_token"]).json()
    moved_clock.forward(-3600)
    assert refresh(first["refresh_token"]).status_code == 400
    assert refresh(second["refresh_token"]).status_code == 400


def test_it_falls_with_its_sign_in(first, refresh, anonymous, run, ann):
    client_like(anonymous, {"Authorization": f"Bearer {first['access_token']}"}).post("/api/logout")
    assert refresh(first["refresh_token"]).json()["error"] == "invalid_grant"


def test_it_falls_with_its_account(first, refresh, run, ann):
    run(accounts.deactivate, ann.emp_no)
    assert refresh(first["refresh_token"]).status_code == 400


def test_it_falls_at_the_cap(first, refresh, moved_clock):
    token = first["refresh_token"]
    for _ in range(11):
        moved_clock.forward(3600)
        token = refresh(token).json()["refresh_token"]
    moved_clock.forward(3600)
    assert refresh(token).json()["error"] == "invalid_grant"


def test_it_is_no_access_token_and_an_access_token_is_no_refresh_token(first, refresh, status):
    assert status(first["refresh_token"]) == 401
    assert refresh(first["access_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"refresh_token": "x"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": ""}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": ["x", "y"]}, "invalid_request"),
        ({"grant_type": ["refresh_token"] * 2, "refresh_token": "x"}, "invalid_request"),
        ({"grant_type": "password", "refresh_token": "x"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "ä\0" * 999}, "invalid_grant"),
    ],
)
def test_errors_are_those_of_oauth(anonymous, form, error):
    answer = client_like(anonymous, API).post("/api/refresh", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["detail"]


def test_twenty_at_once_have_one_winner(first, refresh, run):
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(refresh, [first["refresh_token"]] * 20))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    assert len(run(database.fetch_all, select(refresh_tokens))) == 2


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"{}", "application/json"), (b"refresh_token=%ff", None), (b"&".join([b"a=1"] * 60), None)],
)
def test_a_body_that_is_no_form_is_an_invalid_request(anonymous, content, kind):
    headers = {"Content-Type": kind or "application/x-www-form-urlencoded"}
    answer = anonymous.post("/api/refresh", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
