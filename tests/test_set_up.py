"""The first administrator makes their account in a browser: once, with what the first start prints."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import insert, select, update

from tests.conftest import (
    API,
    BROWSER,
    EMAIL,
    HTMX,
    PASSWORD,
    add_employee,
    client_like,
    log_in,
    session_of,
    without_title,
)
from webapp import audit_entries, directory, request_log, server, settings
from webapp import employees as staff
from webapp.app import app
from webapp.audit import Action, Actor
from webapp.auth import links, password_rules, passwords, set_up
from webapp.auth.scopes import SCOPES
from webapp.database import database
from webapp.request_log import RequestLog
from webapp.tables import audit, employees, known_browsers, set_up_tokens

ADA = {"email": "Ada@Example.com", "first_name": "Ada", "last_name": "Byron", "new_password": PASSWORD}
OVER = "This set-up address does not work, or no longer"


@pytest.fixture
def token(run):
    """What the first start prints."""
    return run(set_up.new_token)


def opened(client, token):
    """Open the printed address and return the page."""
    page = client.get(f"/auth/set-up?token={token}")
    assert page.status_code == 200
    assert not client.cookies
    return page


def fill_in(client, token, **fields):
    return client.post("/auth/set-up", data={**ADA, "token": token, **fields})


def token_in(page):
    """Return the token that a form carries."""
    (token,) = re.findall(r'<input type="hidden" name="token" value="([^"]*)">', page.text)
    return token


def by_json(anonymous, token, **fields):
    return client_like(anonymous, API).post("/api/set-up", data={**ADA, "token": token, **fields})


def everybody(run):
    return run(database.fetch_all, select(employees))


class TestOpened:
    def test_browser(self, anonymous, token):
        """ASVS 6.2.1, 6.2.6, 6.2.7, 14.2.1."""
        page = opened(anonymous, token)
        assert "<title>Set up Latchkey" in page.text
        assert password_rules.in_words() in page.text
        for field in ("username", "given-name", "family-name", "new-password"):
            assert f'autocomplete="{field}"' in page.text
        assert token_in(page) == token
        assert page.headers.get_list("referrer-policy") == ["no-referrer"]

    def test_htmx_gets_the_form_alone(self, anonymous, token):
        page = opened(client_like(anonymous, HTMX), token)
        assert '<form id="set_up"' in without_title(page)
        assert token_in(page) == token

    def test_programs_are_told_what_to_send(self, anonymous, token):
        body = anonymous.get(f"/auth/set-up?token={token}", headers={"Accept": "application/json"}).json()
        assert "new_password to /api/set-up" in body["detail"]

    def test_looking_at_it_does_not_use_it(self, anonymous, token):
        """A program that follows links first, another tab, HEAD: the address is still good for the person."""
        for client in (client_like(anonymous, BROWSER), client_like(anonymous, API)):
            opened(client, token)
            head = client.head(f"/auth/set-up?token={token}")
            assert (head.status_code, head.headers.get("set-cookie")) == (200, None)
        assert fill_in(anonymous, token_in(opened(anonymous, token))).status_code == 303

    def test_two_tabs_have_a_token_each(self, anonymous, token, run, moved_clock):
        """What the second tab opens, or a dead address, changes nothing in the first."""
        other = run(set_up.new_token)
        first, second = opened(anonymous, token), opened(anonymous, other)
        assert anonymous.get(f"/auth/set-up?token={'x' * 43}").status_code == 404
        assert (token_in(first), token_in(second)) == (token, other)
        assert fill_in(anonymous, token_in(first)).status_code == 303
        assert fill_in(anonymous, token_in(second), email="mallory@example.com").status_code == 404

    @pytest.mark.parametrize(
        "query", ["", "?", "?token=", "?token={}&token={}", "?token={}x", "?token={}%00", "?token={}%0a", "?Token={}", "?token[]={}"]
    )  # fmt: skip
    def test_one_well_formed_token_or_none(self, anonymous, token, query):
        answer = anonymous.get(f"/auth/set-up{query.replace('{}', token)}")
        assert (answer.status_code, answer.headers.get_list("referrer-policy")) == (404, ["no-referrer"])
        assert OVER in answer.text
        assert token not in answer.text
        assert not anonymous.cookies

    def test_the_form_alone_says_which_token(self, anonymous, token):
        """Neither the address nor a cookie of an earlier version counts."""
        client = client_like(anonymous, BROWSER, cookies={"set-up": token})
        assert client.post(f"/auth/set-up?token={token}", data=ADA).status_code == 404
        assert client.post("/auth/set-up", data={**ADA, "token": [token, token]}).status_code == 404


class TestMade:
    def test_browser_is_logged_in_and_may_do_everything(self, anonymous, token, run):
        answer = fill_in(anonymous, token)
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/home")
        assert "Your account is ready" in anonymous.get("/auth/home").text
        me = anonymous.get("/api/me").json()
        assert (me["emp_no"], me["email"], me["first_name"], me["last_name"]) == (1, "ada@example.com", "Ada", "Byron")
        assert tuple(me["scopes"]) == SCOPES
        assert log_in(client_like(anonymous, BROWSER), username="ada@example.com").status_code == 303

    def test_htmx(self, anonymous, token):
        htmx = client_like(anonymous, HTMX)
        answer = fill_in(htmx, token)
        assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/auth/home")
        assert htmx.get("/admin/me").status_code == 200

    def test_api(self, anonymous, token):
        answer = by_json(anonymous, token)
        assert answer.json().keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
        bearer = {**API, "Authorization": f"Bearer {answer.json()['access_token']}"}
        assert client_like(anonymous, bearer).get("/api/me").json()["email"] == "ada@example.com"

    def test_it_is_noted(self, anonymous, token, run):
        """ASVS 16.2.1, 16.2.5."""
        by_json(anonymous, token)
        (row,) = run(database.fetch_all, select(audit))
        assert (row["action"], row["emp_no"], row["actor"]) == ("first administrator set up", 1, None)
        assert PASSWORD not in str(tuple(row._mapping.values()))

    def test_the_token_is_kept_as_a_hash(self, token, run):
        """ASVS 6.5.2."""
        (row,) = run(database.fetch_all, select(set_up_tokens))
        assert token not in str(tuple(row._mapping.values()))
        assert len(token) == 43


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "nobody"}, "Enter an email address such as name@example.com"),
        ({"email": ""}, "Enter your email"),
        ({"first_name": " "}, "Enter your first name"),
        ({"last_name": "=1+1"}, "does not begin with ="),
        ({"last_name": "x" * 51}, "at most 50 characters"),
        ({"new_password": ""}, "Enter a password"),
        ({"new_password": "short"}, "15 to 1,000 characters"),
        ({"new_password": "Ada Byron Ada Byron"}, "beside your name"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_is_kept(anonymous, token, run, fields, said):
    """ASVS 2.2.1, 6.2.4, 6.2.11."""
    page, fragment, body = (
        fill_in(anonymous, token, **fields),
        fill_in(client_like(anonymous, HTMX), token, **fields),
        by_json(anonymous, token, **fields),
    )
    assert (page.status_code, fragment.status_code, body.status_code) == (422, 422, 400)
    for answer in (page, fragment, body):
        assert said in answer.text
    assert "<title>Error: " in page.text
    if "email" not in fields:
        assert 'value="Ada@Example.com"' in page.text
    assert fragment.headers["hx-retarget"] == "#set_up"
    assert everybody(run) == []
    assert token_in(page) == token_in(fragment) == token
    assert fill_in(anonymous, token).status_code == 303


class TestOver:
    @pytest.fixture(params=["used", "an administrator is there", "too old", "another one's", "none"])
    def dead(self, request, anonymous, token, run, moved_clock):
        """A token with which nothing can be set up."""
        if request.param == "used":
            assert by_json(anonymous, token).status_code == 200
        elif request.param == "an administrator is there":
            add_employee(run, EMAIL, scopes=("super:*",))
        elif request.param == "too old":
            moved_clock.forward(settings.LINK_MAX_SECONDS)
        elif request.param == "another one's":
            return "x" * 43
        else:
            return ""
        return token

    def test_there_is_nothing_here(self, anonymous, dead, run):
        """ASVS 6.3.2, 6.5.1."""
        before = len(everybody(run))
        htmx = client_like(anonymous, HTMX)
        mallory = {"email": "mallory@example.com"}
        for answer in (
            anonymous.get(f"/auth/set-up?token={dead}"),
            fill_in(anonymous, dead, **mallory),
            htmx.get(f"/auth/set-up?token={dead}"),
            fill_in(htmx, dead, **mallory),
            by_json(anonymous, dead, **mallory),
        ):
            assert answer.status_code == 404
            assert OVER in answer.text
            assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
        assert len(everybody(run)) == before

    def test_of_two_at_once_one_wins(self, anonymous, run, token):
        """ASVS 2.3.4, 6.5.1: with one token, or with those of two servers that started at once."""
        tokens = [token, token, run(set_up.new_token), run(set_up.new_token)]
        with ThreadPoolExecutor(4) as threads:
            statuses = list(
                threads.map(
                    lambda number: by_json(anonymous, tokens[number], email=f"e{number}@example.com").status_code,
                    range(4),
                )
            )
        assert sorted(statuses) == [200, 404, 404, 404]
        assert len(everybody(run)) == 1

    def test_who_comes_in_between_is_no_accident(self, anonymous, run, token, monkeypatch):
        """Both have been let in by the first look; the transaction decides."""
        looked = set_up.ensure_open

        async def looks(token):
            return None

        monkeypatch.setattr(set_up, "ensure_open", looks)
        assert by_json(anonymous, token).status_code == 200
        assert by_json(anonymous, token, email="mallory@example.com").status_code == 404
        monkeypatch.setattr(set_up, "ensure_open", looked)
        assert len(everybody(run)) == 1


def test_nothing_is_half_done(anonymous, run, token, monkeypatch):
    from webapp.auth import signins

    async def fails(*_):
        raise RuntimeError("no")

    with monkeypatch.context() as broken:
        broken.setattr(signins, "open_sign_in", fails)
        with pytest.raises(RuntimeError):
            by_json(anonymous, token)
    assert everybody(run) == []
    assert by_json(anonymous, token).status_code == 200


@pytest.mark.parametrize("path", ["/auth/set-up", "/api/set-up"])
def test_another_sites_page_cannot_set_up(anonymous, run, token, path):
    """ASVS 3.5.1."""
    client = client_like(anonymous, {**BROWSER, "Sec-Fetch-Site": "cross-site"}, cookies={"set-up": token})
    assert client.post(path, data={**ADA, "token": token}).status_code == 403
    assert everybody(run) == []


def test_the_request_log_has_no_token(anonymous, token, capsys):
    """ASVS 16.2.5."""
    client = client_like(anonymous, BROWSER)
    client._transport.app = RequestLog(app)
    opened(client, token)
    fill_in(client, token, email="nobody")
    request_log.write()
    logged = capsys.readouterr().out
    assert "/auth/set-up 200" in logged
    assert token not in logged


NO_PASSWORD = {"password_hash": passwords.UNUSABLE}
RULER = {"scopes": ("user:read", "super:*")}
# What people write into a database to lock an account, and what other programs do.
NOBODYS_HASHES = (
    "",
    "!",
    f"!$2b$12${'a' * 53}",
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
    "$2b$12$cut",
    "x" * 60,
)
LIKE_A_RULER = [
    ("only employees", {}),
    ("an administrator of less", {"scopes": ("admin:read", "admin:write")}),
    ("one without a password", {**RULER, **NO_PASSWORD}),
    *((f"one whom no password lets in: {text}", {**RULER, "password_hash": text}) for text in NOBODYS_HASHES),
    ("one who is deactivated", {**RULER, "is_active": False}),
    ("a scope of another name", {"scopes": ("xsuper:*", "super:*x")}),
]


def add(run, email=EMAIL, **details):
    """Add an employee as they may have come to be."""
    given = {name: details.pop(name) for name in ("password_hash", "is_active") if name in details}
    one = add_employee(run, email, **details)
    if given:
        run(database.execute, update(employees).where(employees.c.emp_no == one.emp_no).values(**given))
    return one


class TestEmployeesAreThere:
    @pytest.mark.parametrize(
        "details", [details for _, details in LIKE_A_RULER], ids=[name for name, _ in LIKE_A_RULER]
    )
    def test_it_works_until_an_administrator_can_log_in(self, anonymous, token, run, details):
        add(run, **details)
        assert token_in(opened(anonymous, token)) == token
        assert by_json(anonymous, token).status_code == 200
        ada = run(staff.with_email, "ada@example.com")[0]
        assert (ada.emp_no, ada.scopes) == (1, SCOPES)
        assert by_json(anonymous, run(set_up.new_token), email="mallory@example.com").status_code == 404

    def test_the_lowest_number_that_is_free_is_theirs(self, anonymous, token, run):
        names = {"password_hash": "x" * 60, "first_name": "A", "last_name": "B", "scopes": "", "is_active": True}
        for number in (1, 2, 4):
            row = insert(employees).values(emp_no=number, email=f"e{number}@example.com", changed=1.0, **names)
            run(database.execute, row)
        assert by_json(anonymous, token).status_code == 200
        assert run(staff.with_email, "ada@example.com")[0].emp_no == 3
        assert add(run, "next@example.com").emp_no == 10001

    @pytest.mark.parametrize("details", [{}, {**NO_PASSWORD}, {"is_active": False}, {**RULER, **NO_PASSWORD}])
    def test_who_is_an_employee_already_becomes_the_administrator(self, anonymous, token, run, details):
        """As somebody who was imported, and opens the address afterwards: under their own number."""
        add(run, "other@example.com")
        one = add(run, "ada@example.com", hire_date=date(2010, 5, 6), **details)
        assert fill_in(anonymous, token).status_code == 303
        me = anonymous.get("/api/me").json()
        assert (me["emp_no"], me["email"], me["first_name"]) == (one.emp_no, "ada@example.com", "Ada")
        assert (tuple(me["scopes"]), me["hire_date"]) == (SCOPES, "2010-05-06")
        assert len(everybody(run)) == 2
        assert [entry.emp_no for entry in run(directory.page, "byron").entries] == [one.emp_no]
        (row,) = run(database.fetch_all, select(audit))
        assert (row["action"], row["emp_no"]) == ("first administrator set up", one.emp_no)
        (entry,) = run(audit_entries.entries, audit.c.emp_no == one.emp_no, 1)
        assert "First name: Ann → Ada" in entry.changes
        noted = json.loads(row["details"])
        assert noted["first_name"] == ["Ann", "Ada"]
        assert noted["scopes"] == [" ".join(one.scopes), " ".join(SCOPES)]
        assert noted.get("is_active") == ([False, True] if "is_active" in details else None)

    def test_what_they_had_before_is_good_no_longer(self, anonymous, token, run, api):
        """ASVS 7.4.3: their sign-ins end, and the password is the new one."""
        assert api.get("/api/me").status_code == 200
        new = "seven green umbrellas sing"
        assert by_json(anonymous, token, email=EMAIL, new_password=new).status_code == 200
        assert api.get("/api/me").status_code == 401
        assert log_in(client_like(anonymous, BROWSER)).status_code == 422
        assert log_in(client_like(anonymous, BROWSER), password=new).status_code == 303

    def test_no_browser_of_before_is_known_any_longer(self, anonymous, browser, token, run):
        """As after every other change of a password: who had the account before has no failures of their own."""
        answer = by_json(anonymous, token, email=EMAIL, new_password="seven green umbrellas sing")
        assert answer.status_code == 200
        assert run(database.fetch_all, select(known_browsers)) == []

    def test_whom_a_token_had_added_is_mailed_links_from_now_on(self, anonymous, token, run):
        add(run, "ada@example.com", awaits_invitation=True)
        assert by_json(anonymous, token).status_code == 200
        ada = run(staff.with_email, "ada@example.com")[0]
        assert run(links.make, ada, Actor.of_command(), Action.LINK_MAILED).expires_in == settings.MAILED_LINK_SECONDS

    def test_the_sign_in_before_in_that_browser_ends(self, browser, token, run):
        before = session_of(browser)
        assert fill_in(browser, token).status_code == 303
        assert client_like(browser, {**API, "Authorization": f"Bearer {before}"}).get("/api/me").status_code == 401

    def test_who_is_added_meanwhile_is_no_accident(self, anonymous, token, run, monkeypatch):
        async def finds_nobody(**_):
            return None

        add(run, "ada@example.com")
        monkeypatch.setattr(set_up, "promote", finds_nobody)
        answer = fill_in(anonymous, token)
        assert (answer.status_code, token_in(answer)) == (422, token)
        assert "has just been added" in answer.text
        assert by_json(anonymous, token).status_code == 400
        monkeypatch.undo()
        assert fill_in(anonymous, token).status_code == 303

    def test_an_administrator_who_comes_to_be_meanwhile_closes_it(self, anonymous, token, run, monkeypatch):
        """Both looks before let it pass; the transaction asks once more."""

        async def looks(token):
            add_ruler = {
                "password_hash": passwords.hash_now(PASSWORD),
                "first_name": "Eve",
                "last_name": "First",
                "scopes": SCOPES,
            }
            await staff.create(email="eve@example.com", **add_ruler)

        monkeypatch.setattr(set_up, "ensure_open", looks)
        assert by_json(anonymous, token).status_code == 404
        assert [row["email"] for row in everybody(run)] == ["eve@example.com"]


@pytest.mark.parametrize("site", ["", "https://tool.example.com"])
def test_the_printed_address_is_of_the_site(stopped, monkeypatch, site):
    import asyncio

    monkeypatch.setattr(settings, "PUBLIC_URL", site)
    address = asyncio.run(server.set_up_address("http://127.0.0.1:1234"))
    assert address.startswith(f"{site or 'http://127.0.0.1:1234'}/auth/set-up?token=")
