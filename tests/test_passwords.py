"""Passwords: every character counts, every answer takes the same time, hashing leaves the loop alone."""

import os
import threading

import bcrypt
import pytest
from sqlalchemy import select

from tests import accounts
from tests.conftest import EMAIL, PASSWORD, add_employee, log_in
from webapp import settings
from webapp.auth import passwords
from webapp.database import database
from webapp.tables import employees


@pytest.mark.parametrize(
    "password", ["x" * 73, "x" * 1000, "😀" * 64, " spaced  out ", "nul\0inside", "größe", "+&=%;"]
)
def test_any_password_counts_in_full(anonymous, run, password):
    add_employee(run, password=password)
    assert log_in(anonymous, password=password).status_code == 303
    for other in (password[:-1], password + "x", password.swapcase() + "!"):
        assert log_in(anonymous, password=other).status_code == 422


def test_raw_utf8_in_a_form_counts_as_what_it_is(anonymous, run):
    """What `curl -d` sends is not percent-encoded."""
    add_employee(run, password="größe größe")
    body = f"username={EMAIL}&password=größe größe".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert anonymous.post("/auth/token", content=body, headers=headers).status_code == 303


@pytest.mark.parametrize(("email", "password"), [(EMAIL, "wrong"), ("nobody@example.com", PASSWORD), (EMAIL, PASSWORD)])
def test_every_login_costs_one_hash(anonymous, ann, monkeypatch, email, password):
    costs = []
    check = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda word, hashed: costs.append(hashed[4:6]) or check(word, hashed))
    log_in(anonymous, username=email, password=password)
    assert costs == [b"04"]


def test_a_cheap_hash_is_renewed_at_the_next_login(anonymous, run, ann, monkeypatch):
    def stored():
        return run(database.fetch_val, select(employees.c.password_hash))

    before = stored()
    log_in(anonymous)
    assert stored() == before
    monkeypatch.setattr(settings, "BCRYPT_ROUNDS", 5)
    log_in(anonymous, password="wrong")
    assert stored() == before
    log_in(anonymous)
    assert stored().startswith("hmac-sha256$2b$05$")
    assert log_in(anonymous).status_code == 303


def test_hashes_are_made_at_the_cost_of_the_setting():
    made = passwords.hash_now("x")
    assert made.startswith("hmac-sha256$2b$04$")
    assert bcrypt.checkpw(passwords.prepared("x"), made.removeprefix("hmac-sha256").encode())


def test_hashing_has_a_thread_a_core_at_the_lowest_priority():
    def where():
        return threading.current_thread().name, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    name, priority = passwords.executor.submit(where).result()
    assert name.startswith("bcrypt")
    assert priority == 19
    assert passwords.executor._max_workers == os.cpu_count()
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < 19


def test_no_hash_is_nobodys():
    assert passwords.check_now("", None) is False


@pytest.mark.parametrize("active", [True, False])
def test_a_cheap_hash_costs_as_much_as_none(anonymous, run, ann, monkeypatch, active):
    """The tests' hashes have cost 4: 2**4 + 2**4 + 2**5 + 2**6 is 2**7."""
    monkeypatch.setattr(settings, "BCRYPT_ROUNDS", 7)
    spent = []
    check = bcrypt.checkpw
    monkeypatch.setattr(
        bcrypt, "checkpw", lambda word, hashed: spent.append(2 ** int(hashed[4:6])) or check(word, hashed)
    )
    if not active:
        run(accounts.deactivate, ann.emp_no)
    log_in(anonymous, password="wrong")
    known, spent[:] = sum(spent), []
    log_in(anonymous, username="nobody@example.com")
    assert known == sum(spent) == 2**7


def test_an_unusable_hash_refuses_every_password_in_the_usual_time(monkeypatch):
    spent = []
    monkeypatch.setattr(passwords.bcrypt, "checkpw", lambda _, hashed: spent.append(hashed) or False)
    assert not passwords.check_now("", passwords.UNUSABLE)
    assert [passwords.cost_of(hashed.decode()) for hashed in spent] == [settings.BCRYPT_ROUNDS]


@pytest.mark.parametrize("password", ["", "x", passwords.UNUSABLE])
def test_no_password_has_the_unusable_hash(password):
    assert not passwords.check_now(password, passwords.UNUSABLE)
