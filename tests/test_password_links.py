"""Setting a password with a one-time link: for the three clients, once, and without a trace of the token."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from tests import accounts
from tests.conftest import API, BROWSER, EMAIL, HTMX, client_like, log_in, session_of, without_title
from tests.test_change_password import NEW, living, stored_hash
from tests.test_commands import refused
from tests.test_links import made, token_in
from webapp import request_log, settings
from webapp.app import app
from webapp.auth import links, password_rules, passwords
from webapp.cli import main
from webapp.database import database
from webapp.request_log import RequestLog
from webapp.tables import attempts, audit

NOT_GOOD = "This link is not good, or no longer"


@pytest.fixture
def token(run, ann):
    """The token of a link for Ann."""
    return token_in(made(run, ann))


def opened(client, token):
    """Open a link as a browser does, and return the page that it leads to."""
    moved = client.get(f"/auth/link?token={token}")
    assert (moved.status_code, moved.headers["location"]) == (303, "/auth/link")
    return client.get("/auth/link")


def set_password(client, **fields):
    return client.post("/auth/link", data={"new_password": NEW, **fields})


def set_by_json(anonymous, token, **fields):
    client = client_like(anonymous, API)
    return client.post("/api/link", data={"token": token, "new_password": NEW, **fields})


class TestOpened:
    def test_browser_sees_the_rules_before_typing(self, anonymous, token):
        """ASVS 6.2.1, 6.2.6, 6.2.7."""
        text = opened(anonymous, token).text
        assert "<title>Set your password" in text
        assert password_rules.in_words() in text
        assert 'aria-describedby="new_password-hint"' in text
        assert f'value="{EMAIL}" autocomplete="username"' in text
        assert 'autocomplete="new-password"' in text

    def test_the_token_is_in_no_page_and_no_later_address(self, anonymous, token):
        """ASVS 14.2.1."""
        page = opened(anonymous, token)
        assert token not in page.text
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["cache-control"] == "no-store"

    def test_the_cookie_that_holds_it_is_for_this_site_alone(self, anonymous, token):
        """ASVS 3.3.1 to 3.3.4."""
        client = client_like(anonymous, BROWSER, base_url="https://testserver")
        cookie = client.get(f"/auth/link?token={token}").headers["set-cookie"].lower()
        assert cookie.startswith("__host-link=")
        assert "; httponly; max-age=3600; path=/; samesite=lax; secure" in cookie
        assert client.get("/auth/link").status_code == 200

    def test_looking_at_it_does_not_use_it(self, anonymous, token):
        """Whoever checks mail for harm opens links, too."""
        for headers in (BROWSER, HTMX, API):
            scanner = client_like(anonymous, headers)
            scanner.get(f"/auth/link?token={token}")
            scanner.head(f"/auth/link?token={token}")
            scanner.get("/auth/link")
        opened(anonymous, token)
        assert set_password(anonymous).status_code == 303

    def test_htmx_gets_the_form_alone(self, anonymous, token):
        opened(anonymous, token)
        fragment = client_like(anonymous, HTMX, cookies=dict(anonymous.cookies)).get("/auth/link")
        assert '<form id="set_password"' in without_title(fragment)

    def test_api_is_told_what_to_send(self, anonymous):
        body = client_like(anonymous, API).get("/api/link").json()
        assert "new_password" in body["detail"]
        assert body["rules"] == password_rules.in_words()


class TestUsed:
    def test_browser_is_logged_in(self, anonymous, token, ann):
        opened(anonymous, token)
        answer = set_password(anonymous)
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/home")
        assert "Your password is set" in anonymous.get("/auth/home").text
        assert "link" not in anonymous.cookies
        assert anonymous.get("/api/me").json()["email"] == EMAIL

    def test_htmx_is_logged_in(self, anonymous, token):
        opened(anonymous, token)
        htmx = client_like(anonymous, HTMX, cookies=dict(anonymous.cookies))
        answer = set_password(htmx)
        assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/auth/home")
        assert htmx.get("/admin/me").status_code == 200

    def test_api_gets_tokens_and_no_cookie(self, anonymous, token):
        answer = set_by_json(anonymous, token)
        assert answer.json().keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
        assert "set-cookie" not in answer.headers
        bearer = {**API, "Authorization": f"Bearer {answer.json()['access_token']}"}
        assert client_like(anonymous, bearer).get("/api/me").status_code == 200

    def test_every_earlier_sign_in_has_ended(self, anonymous, token, run, browser, api):
        """ASVS 6.4.3, 7.4.3."""
        opened(anonymous, token)
        set_password(anonymous)
        assert len(living(run)) == 1
        assert browser.get("/api/me").status_code == api.get("/api/me").status_code == 401
        assert log_in(client_like(anonymous, BROWSER)).status_code == 422
        assert log_in(client_like(anonymous, BROWSER), password=NEW).status_code == 303

    def test_whoever_was_logged_in_there_before_no_longer_is(self, anonymous, token, run):
        from tests.conftest import add_employee

        bob = add_employee(run, "bob@example.com")
        log_in(anonymous, username=bob.email)
        before = client_like(anonymous, {**API, "Authorization": f"Bearer {session_of(anonymous)}"})
        opened(anonymous, token)
        set_password(anonymous)
        assert anonymous.get("/api/me").json()["email"] == EMAIL
        assert before.get("/api/me").status_code == 401

    def test_it_is_noted_without_password_and_token(self, anonymous, token, run, ann):
        """ASVS 16.2.1, 16.2.5."""
        set_by_json(anonymous, token)
        rows = run(database.fetch_all, select(audit).order_by(audit.c.id))
        assert [(row["action"], row["emp_no"]) for row in rows] == [
            ("password link made", ann.emp_no),
            ("password set with a link", ann.emp_no),
        ]
        told = str([tuple(row._mapping.values()) for row in rows])
        assert NEW not in told
        assert token not in told
        assert [row["outcome"] for row in run(database.fetch_all, select(attempts))] == ["by link"]

    def test_failures_before_are_forgotten(self, anonymous, token):
        for _ in range(4):
            log_in(anonymous, password="wrong")
        opened(anonymous, token)
        set_password(anonymous)
        for _ in range(4):
            assert log_in(anonymous, password="wrong").status_code == 422
        assert log_in(anonymous, password=NEW).status_code == 303


class TestWeakPassword:
    """ASVS 6.2.1, 6.2.4, 6.2.11: the link stays good."""

    @pytest.mark.parametrize(
        ("new", "said"),
        [("", "Enter a new password"), ("short", "15 to 1,000"), ("Ann Lee Ann Lee", "beside your name")],
    )
    def test_each_client_is_told_in_its_form(self, anonymous, token, run, new, said):
        before = stored_hash(run)
        opened(anonymous, token)
        page = set_password(anonymous, new_password=new)
        fragment = set_password(client_like(anonymous, HTMX, cookies=dict(anonymous.cookies)), new_password=new)
        body = set_by_json(anonymous, token, new_password=new)
        assert (page.status_code, fragment.status_code, body.status_code) == (422, 422, 400)
        assert "<title>Error: " in page.text
        assert fragment.headers["hx-retarget"] == "#set_password"
        for answer in (page, fragment, body):
            assert said in answer.text
            assert token not in answer.text
        assert stored_hash(run) == before
        assert set_password(anonymous).status_code == 303


class TestNotGood:
    @pytest.fixture(params=["used", "too old", "deactivated", "not ours"])
    def dead(self, request, anonymous, token, run, ann, moved_clock):
        """The token of a link that is no longer good, or never was."""
        if request.param == "used":
            assert set_by_json(anonymous, token, new_password="eight red kettles dance").status_code == 200
        elif request.param == "too old":
            moved_clock.forward(86401)
        elif request.param == "deactivated":
            run(accounts.deactivate, ann.emp_no)
        else:
            # Not its last sign, some of whose bits count for nothing.
            return token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]
        return token

    def test_each_client_is_told_what_to_do_next(self, anonymous, dead, run):
        """ASVS 6.4.1, 6.5.1, 7.4.2."""
        before = stored_hash(run)
        opened(anonymous, dead)
        htmx = client_like(anonymous, HTMX, cookies=dict(anonymous.cookies))
        for answer in (
            anonymous.get("/auth/link"),
            set_password(anonymous),
            htmx.get("/auth/link"),
            set_password(htmx),
            set_by_json(anonymous, dead),
        ):
            assert answer.status_code == 410
            assert NOT_GOOD in answer.text
            assert "Get a new one from an administrator" in answer.text
        assert stored_hash(run) == before
        assert anonymous.get("/api/me").status_code == 401

    def test_its_page_says_what_it_is(self, anonymous):
        assert "<h1>No longer good</h1>" in opened(anonymous, "a.b.c").text

    @pytest.mark.parametrize("token", ["", "%00", "a b", "x" * 501, "ä"])
    def test_what_has_not_the_shape_of_a_token(self, anonymous, token):
        """ASVS 14.2.1: it leaves the address too, since it may be a good one with a sign too many."""
        assert opened(anonymous, token).status_code == 410
        assert "link" not in anonymous.cookies

    def test_a_link_that_was_copied_badly_shows_nobody_elses_form(self, anonymous, token):
        assert opened(anonymous, token).status_code == 200
        assert opened(anonymous, f"{token})").status_code == 410

    def test_without_a_link(self, anonymous):
        assert anonymous.get("/auth/link").status_code == set_password(anonymous).status_code == 410
        assert set_by_json(anonymous, "").status_code == 410


def test_of_two_at_once_one_wins(anonymous, token, run):
    """ASVS 6.5.1."""
    with ThreadPoolExecutor(5) as threads:
        statuses = list(threads.map(lambda _: set_by_json(anonymous, token).status_code, range(5)))
    assert sorted(statuses) == [200, 410, 410, 410, 410]
    assert len(living(run)) == 1


@pytest.mark.parametrize("path", ["/auth/link", "/api/link"])
def test_another_sites_page_cannot_log_anybody_in(anonymous, api, token, path):
    """ASVS 3.5.1."""
    for headers in (BROWSER, {**API, "Authorization": api.headers["Authorization"]}):
        client = client_like(anonymous, {**headers, "Sec-Fetch-Site": "cross-site"}, cookies={"link": token})
        assert client.post(path, data={"token": token, "new_password": NEW}).status_code == 403


def test_the_request_log_has_no_token(anonymous, token, capsys, caplog):
    """ASVS 16.2.5."""
    client = client_like(anonymous, BROWSER)
    client._transport.app = RequestLog(app)
    caplog.set_level("DEBUG")
    opened(client, token)
    set_password(client)
    request_log.write()
    printed = capsys.readouterr().out
    assert [line.split()[4] for line in printed.splitlines()] == ["/auth/link"] * 3
    by_us = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    assert token not in printed + str(by_us)


class TestCommand:
    def test_it_prints_a_link_that_is_good(self, anonymous, ann, stopped, capsys, run):
        assert main(["password-link", EMAIL.upper()]) == 0
        link, what = capsys.readouterr().out.splitlines()
        assert what == f"Good once, within 24 hours; give it to {EMAIL} only"
        anonymous.portal.call(database.connect)
        assert link.startswith("http://127.0.0.1:8000/auth/link?token=")
        assert set_by_json(anonymous, token_in(link)).status_code == 200
        anonymous.portal.call(database.disconnect)

    def test_nobody_has_this_email(self, stopped, capsys):
        assert "no employee with the email" in refused(capsys, "password-link", "nobody@example.com")

    def test_a_deactivated_account_gets_none(self, anonymous, ann, run, capsys):
        run(accounts.deactivate, ann.emp_no)
        anonymous.portal.call(database.disconnect)
        assert "deactivated" in refused(capsys, "password-link", EMAIL)
        anonymous.portal.call(database.connect)

    def test_an_address_that_is_not_known_is_asked_for(self, stopped, capsys, monkeypatch):
        monkeypatch.setattr(settings, "PORT", 0)
        assert "set PUBLIC_URL" in refused(capsys, "password-link", EMAIL)

    @pytest.mark.parametrize(("seconds", "words"), [(86400, "24 hours"), (3600, "60 minutes"), (90, "a minute")])
    def test_the_lifetime_is_said_in_words(self, monkeypatch, seconds, words):
        monkeypatch.setattr(settings, "LINK_MAX_SECONDS", seconds)
        assert links.lifetime() == words


def test_the_strength_of_a_link(token):
    """ASVS 6.5.4: nobody signs one without the key, whose HMAC has 256 bits."""
    assert len(re.split(r"\.", token)[-1]) == 43
    assert passwords.LONGEST >= 128
