"""One-time links: what makes one good, and all that makes it worthless."""

import asyncio
import hashlib
import json
import re

import pytest
from itsdangerous import URLSafeSerializer
from sqlalchemy import select, update

from tests import accounts
from tests.conftest import add_employee
from webapp import audit, settings
from webapp.auth import links, passwords
from webapp.auth.links import LinkNotGood
from webapp.database import database
from webapp.tables import audit as audit_log
from webapp.tables import employees

COMMAND = audit.Actor(None, audit.How.COMMAND, "root")


def made(run, employee, made_by=COMMAND, action=audit.Action.LINK_MADE):
    """Return the address of a new link."""
    return run(links.make, employee, made_by, action).address


def by(maker):
    """Return an administrator as who makes a link."""
    return audit.Actor(maker.emp_no, audit.How.PAGE, "10.0.0.1")


def token_in(address):
    return address.partition("?token=")[2]


def is_good(run, address):
    try:
        return bool(run(links.read, token_in(address)))
    except LinkNotGood:
        return False


def test_a_link_leads_to_its_employee_as_often_as_it_is_looked_at(run, ann):
    address = made(run, ann)
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/auth/link\?token=[\w.-]+", address)
    for _ in range(3):
        employee, password_hash = run(links.read, token_in(address))
        assert employee == ann
        assert passwords.cost_of(password_hash) == 4


def test_a_link_has_neither_email_nor_hash_in_it(run, ann):
    """ASVS 14.2.1."""
    password_hash = run(database.fetch_val, select(employees.c.password_hash))
    told = links.tokens.loads_unsafe(token_in(made(run, ann)))
    assert ann.email not in str(told)
    assert password_hash not in str(told)


@pytest.mark.parametrize(
    ("password_hash", "action", "name", "seconds"),
    [
        (None, audit.Action.LINK_MADE, "LINK_MAX_SECONDS", 86400),
        (passwords.UNUSABLE, audit.Action.LINK_MADE, "INVITATION_SECONDS", 604800),
        (None, audit.Action.LINK_MAILED, "MAILED_LINK_SECONDS", 900),
        (passwords.UNUSABLE, audit.Action.LINK_MAILED, "MAILED_LINK_SECONDS", 900),
    ],
    ids=["administrator's", "invitation", "mailed", "mailed without a password yet"],
)
def test_how_long_a_link_is_good(run, ann, moved_clock, password_hash, action, name, seconds):
    """ASVS 6.4.1, 6.5.5."""
    assert getattr(settings, name) == seconds
    if password_hash:
        run(accounts.change_password, ann.emp_no, password_hash)
    link = run(links.make, ann, COMMAND, action)
    assert link.expires_in == seconds
    (row,) = run(database.fetch_all, select(audit_log))
    assert json.loads(row["details"]) == {"good_for_seconds": seconds}
    moved_clock.forward(seconds - 1)
    assert is_good(run, link.address)
    moved_clock.forward(2)
    assert not is_good(run, link.address)


@pytest.mark.parametrize(
    "change",
    [
        lambda ann: (accounts.change_password, ann.emp_no, passwords.hash_now("another one of them")),
        lambda ann: (accounts.deactivate, ann.emp_no),
        lambda ann: (database.execute, update(employees).values(email="new@example.com")),
        lambda ann: (accounts.change_scopes, ann.emp_no, (*ann.scopes, "super:*")),
    ],
    ids=["another password", "deactivated", "another email", "more scopes"],
)
def test_a_link_ends_with_what_it_was_made_for(run, ann, change):
    """ASVS 6.5.1."""
    address = made(run, ann)
    run(*change(ann))
    assert not is_good(run, address)


def test_a_link_is_for_one_employee(run, ann):
    bob = add_employee(run, "bob@example.com")
    run(accounts.change_password, bob.emp_no, passwords.hash_now("another one of them"))
    assert is_good(run, made(run, ann))


class TestItsMaker:
    """ASVS 8.2.1: an administrator who leaves takes no link along."""

    @pytest.fixture
    def boss(self, run, anonymous):
        return add_employee(run, "boss@example.com", scopes=("admin:write", "user:read", "user:write"))

    @pytest.mark.parametrize(
        "change",
        [
            lambda boss: (accounts.deactivate, boss.emp_no),
            lambda boss: (accounts.change_scopes, boss.emp_no, ("user:read", "user:write", "admin:read")),
            lambda boss: (accounts.change_scopes, boss.emp_no, ("user:read", "admin:write")),
            lambda boss: (accounts.change_scopes, boss.emp_no, ()),
        ],
        ids=["deactivated", "no longer an administrator", "may do less than the employee", "may do nothing"],
    )
    def test_must_still_be_allowed_to_make_it(self, run, ann, boss, change):
        address, by_command = made(run, ann, by(boss)), made(run, ann)
        run(*change(boss))
        assert not is_good(run, address)
        assert is_good(run, by_command)

    def test_may_change_otherwise(self, run, ann, boss):
        address = made(run, ann, by(boss))
        run(accounts.change_password, boss.emp_no, passwords.hash_now("another one of them"))
        run(database.execute, update(employees).where(employees.c.emp_no == boss.emp_no).values(email="x@example.com"))
        run(accounts.change_scopes, boss.emp_no, ("super:*",))
        assert is_good(run, address)

    def test_who_does_not_exist_makes_none(self, run, ann):
        for number in (None, 99999):
            assert not is_good(run, made(run, ann, audit.Actor(number, audit.How.PAGE, "")))

    def test_may_be_its_employee(self, run, boss):
        address = made(run, boss, by(boss))
        assert is_good(run, address)
        run(accounts.change_scopes, boss.emp_no, ("user:read", "user:write"))
        assert not is_good(run, address)


class TestReadForUse:
    @pytest.mark.parametrize("who", ["employee", "maker"])
    def test_nothing_that_it_depends_on_changes_meanwhile(self, run, ann, who):
        """ASVS 2.3.4: on each engine, the change waits until the link has been used."""
        boss = add_employee(run, "boss@example.com", scopes=("super:*",))
        token = token_in(made(run, ann, by(boss)))
        changed = {"employee": ann, "maker": boss}[who]

        async def use():
            async with database.transaction():
                await links.read(token, lock=True)
                change = asyncio.create_task(accounts.deactivate(changed.emp_no))
                waiting = (await asyncio.wait({change}, timeout=0.1))[1]
                await links.read(token, lock=True)
            await change
            return waiting

        assert run(use)
        with pytest.raises(LinkNotGood):
            run(links.read, token)


def test_a_link_of_an_older_version_is_dead(run, ann):
    """Its token does not say who made it."""
    emp_no, ends, mark, _ = links.tokens.loads(token_in(made(run, ann)))
    with pytest.raises(LinkNotGood):
        run(links.read, links.tokens.dumps([emp_no, ends, mark]))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "x" * 600,
        "ä",
        "W10.x",
        URLSafeSerializer("somebody else's key", salt="latchkey.password-link").dumps([10001]),
    ],
)
def test_what_we_have_not_signed_is_no_link(run, ann, token):
    with pytest.raises(LinkNotGood):
        run(links.read, token)


def test_what_we_have_signed_for_something_else_is_no_link(run, ann):
    """ASVS 9.2.2."""
    key, mark = links.SIGNING_KEY, links.tokens.loads_unsafe(token_in(made(run, ann)))[1]
    other = URLSafeSerializer(key, salt="latchkey.message", signer_kwargs={"digest_method": hashlib.sha256})
    with pytest.raises(LinkNotGood):
        run(links.read, other.dumps(mark))


def test_no_link_is_made_for_somebody_who_may_not_come_in(run, ann):
    run(accounts.deactivate, ann.emp_no)
    with pytest.raises(LinkNotGood):
        made(run, ann)
    assert run(database.fetch_all, select(audit_log)) == []


def test_a_link_that_is_made_is_noted_without_the_link(run, ann):
    """ASVS 16.2.1, 16.2.5."""
    address = made(run, ann)
    (row,) = run(database.fetch_all, select(audit_log))
    assert (row["action"], row["emp_no"], row["how"]) == ("password link made", ann.emp_no, "command line")
    assert token_in(address) not in str(tuple(row._mapping.values()))


@pytest.mark.parametrize(
    ("changes", "site"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"HOST": "0.0.0.0", "PORT": 80}, "http://127.0.0.1:80"),  # noqa: S104
        ({"HOST": "::"}, "http://[::1]:8000"),
        ({"PUBLIC_URL": "https://tool.example.com"}, "https://tool.example.com"),
    ],
)
def test_the_site_is_the_one_of_the_settings(monkeypatch, changes, site):
    for name, value in changes.items():
        monkeypatch.setattr(settings, name, value)
    assert links.site() == site
