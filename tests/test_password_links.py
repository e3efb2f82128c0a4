"""Setting a password with a one-time link: for the three clients, once, and without a trace of the token."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from tests import accounts
from tests.conftest import API, BROWSER, EMAIL, HTMX, client_like, log_in, session_of, without_title
from tests.test_change_password import NEW, living, stored_hash
from tests.test_commands import refused
from tests.test_links import by, made, token_in
from webapp import employees as staff
from webapp import request_log, settings
from webapp.app import app
from webapp.auth import links, password_rules, passwords
from webapp.cli import main
from webapp.database import database
from webapp.request_log import RequestLog
from webapp.tables import attempts, audit, employees

NOT_GOOD = "This link has expired, has been used or is incomplete"


@pytest.fixture
def token(run, ann):
    """The token of a link for Ann."""
    return token_in(made(run, ann))


def opened(client, token):
    """Open a link, and return its page."""
    page = client.get(f"/auth/link?token={token}")
    assert "location" not in page.headers
    assert "set-cookie" not in page.headers
    assert page.headers.get_list("referrer-policy") == ["no-referrer"]
    return page


def set_password(client, token, **fields):
    return client.post("/auth/link", data={"token": token, "new_password": NEW, **fields})


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

    def test_its_form_carries_the_token_and_its_address_does_not(self, anonymous, token):
        """ASVS 14.2.1."""
        page = opened(anonymous, token)
        assert page.status_code == 200
        assert page.text.count(token) == page.text.count(f'<input type="hidden" name="token" value="{token}">') == 1
        assert 'action="/auth/link"' in page.text
        assert page.headers["cache-control"] == "no-store"

    def test_a_browser_without_sec_fetch_site_sends_the_form_with_an_origin(self, anonymous, token):
        """With no-referrer alone it would send `Origin: null`, as another site's page may (Fetch, 3.2)."""
        after_the_scripts = opened(anonymous, token).text.rpartition("</script>")[2]
        assert re.match(r'\s*<meta name="referrer" content="origin">\s*</head>', after_the_scripts)

    def test_it_shows_nobody_elses_name_and_leaves_them_logged_in(self, anonymous, token, run):
        from tests.conftest import add_employee

        log_in(anonymous, username=add_employee(run, "bob@example.com", first_name="Bob").email)
        anonymous.get("/auth/home")
        page = opened(anonymous, token)
        assert EMAIL in page.text
        assert "data-user" not in page.text
        assert anonymous.get("/api/me").json()["email"] == "bob@example.com"

    def test_looking_at_it_does_not_use_it(self, anonymous, token):
        """Whoever checks mail for harm opens links, too."""
        for headers in (BROWSER, HTMX, API):
            scanner = client_like(anonymous, headers)
            scanner.get(f"/auth/link?token={token}")
            scanner.head(f"/auth/link?token={token}")
            scanner.get(f"/auth/link?token={token}", headers={"Sec-Purpose": "prefetch"})
        assert opened(anonymous, token).status_code == 200
        assert set_password(anonymous, token).status_code == 303

    def test_it_works_where_another_program_has_followed_it_first(self, anonymous, token):
        """Word and Excel follow a link and give the last address to the browser, which has none of their cookies."""
        office = client_like(anonymous, BROWSER)
        last = office.get(f"/auth/link?token={token}", follow_redirects=True).url
        assert anonymous.get(last).status_code == 200

    def test_htmx_gets_the_form_alone(self, anonymous, token):
        fragment = without_title(opened(client_like(anonymous, HTMX), token))
        assert '<form id="set_password"' in fragment
        assert f'name="token" value="{token}"' in fragment

    def test_api_is_told_what_to_send(self, anonymous):
        body = client_like(anonymous, API).get("/api/link").json()
        assert "new_password" in body["detail"]
        assert body["rules"] == password_rules.in_words()


class TestUsed:
    def test_browser_is_logged_in(self, anonymous, token, ann):
        answer = set_password(anonymous, token)
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/home")
        assert "Your password is set" in anonymous.get("/auth/home").text
        assert anonymous.get("/api/me").json()["email"] == EMAIL

    def test_htmx_is_logged_in(self, anonymous, token):
        htmx = client_like(anonymous, HTMX)
        answer = set_password(htmx, token)
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
        set_password(anonymous, token)
        assert len(living(run)) == 1
        assert browser.get("/api/me").status_code == api.get("/api/me").status_code == 401
        assert log_in(client_like(anonymous, BROWSER)).status_code == 422
        assert log_in(client_like(anonymous, BROWSER), password=NEW).status_code == 303

    def test_whoever_was_logged_in_there_before_no_longer_is(self, anonymous, token, run):
        from tests.conftest import add_employee

        bob = add_employee(run, "bob@example.com")
        log_in(anonymous, username=bob.email)
        before = client_like(anonymous, {**API, "Authorization": f"Bearer {session_of(anonymous)}"})
        set_password(anonymous, token)
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
        set_password(anonymous, token)
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
        page = set_password(anonymous, token, new_password=new)
        fragment = set_password(client_like(anonymous, HTMX), token, new_password=new)
        body = set_by_json(anonymous, token, new_password=new)
        assert (page.status_code, fragment.status_code, body.status_code) == (422, 422, 400)
        assert "<title>Error: " in page.text
        assert fragment.headers["hx-retarget"] == "#set_password"
        for answer in (page, fragment, body):
            assert said in answer.text
        for answer in (page, fragment):
            assert f'<input type="hidden" name="token" value="{token}">' in answer.text
            assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
        assert token not in body.text
        assert stored_hash(run) == before
        assert set_password(anonymous, token).status_code == 303


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
        htmx = client_like(anonymous, HTMX)
        for answer in (
            opened(anonymous, dead),
            set_password(anonymous, dead),
            opened(htmx, dead),
            set_password(htmx, dead),
            set_by_json(anonymous, dead),
        ):
            assert answer.status_code == 410
            assert NOT_GOOD in answer.text
            assert "Get a new one from an administrator" in answer.text
            assert dead not in answer.text
            assert "set-cookie" not in answer.headers
        assert stored_hash(run) == before
        assert anonymous.get("/api/me").status_code == 401

    def test_its_page_says_what_it_is(self, anonymous):
        assert "<h1>Link expired</h1>" in opened(anonymous, "a.b.c").text

    @pytest.mark.parametrize("token", ["", "%00", "a b", "x" * 501, "ä", "%ff", "<b>"])
    def test_what_has_not_the_shape_of_a_token(self, anonymous, token):
        assert opened(anonymous, token).status_code == set_password(anonymous, token).status_code == 410

    def test_a_link_that_was_copied_badly_shows_nobodys_form(self, anonymous, token):
        assert opened(anonymous, token).status_code == 200
        assert opened(anonymous, f"{token})").status_code == 410

    @pytest.mark.parametrize("headers", [BROWSER, HTMX], ids=["browser", "htmx"])
    def test_a_page_that_is_opened_again_without_its_token_says_what_to_do(self, anonymous, headers):
        answer = client_like(anonymous, headers).get("/auth/link")
        assert answer.status_code == 410
        assert "Open the link again in the mail or message" in answer.text

    def test_without_a_link(self, anonymous):
        assert anonymous.post("/auth/link", data={"new_password": NEW}).status_code == 410
        assert set_by_json(anonymous, "").status_code == 410


class TestWhichLinkItIs:
    """The form says it, and nothing that tabs share."""

    @pytest.fixture
    def bob(self, run, anonymous):
        from tests.conftest import add_employee

        return add_employee(run, "bob@example.com", first_name="Bob")

    def form_token(self, page):
        return re.search(r'name="token" value="([^"]+)"', page.text)[1]

    @pytest.mark.parametrize("headers", [BROWSER, HTMX], ids=["browser", "htmx"])
    def test_two_links_in_two_tabs_never_mix(self, anonymous, run, ann, bob, headers):
        tab = client_like(anonymous, headers)
        for_ann, for_bob = (opened(tab, token_in(made(run, who))) for who in (ann, bob))
        for page, email in ((for_ann, EMAIL), (for_bob, bob.email)):
            assert set_password(tab, self.form_token(page)).status_code < 400
            assert tab.get("/api/me").json()["email"] == email

    def test_a_dead_link_disturbs_no_other(self, anonymous, run, ann, bob):
        page = opened(anonymous, token_in(made(run, ann)))
        for dead in ("a.b.c", "", "x" * 600):
            assert opened(anonymous, dead).status_code == set_password(anonymous, dead).status_code == 410
        assert set_password(anonymous, self.form_token(page)).status_code == 303
        assert anonymous.get("/api/me").json()["email"] == EMAIL

    def test_a_dead_link_takes_no_message_from_another_page(self, anonymous, token):
        set_password(anonymous, token)
        assert "Your password is set" not in opened(anonymous, token).text
        assert "Your password is set" in anonymous.get("/auth/home").text

    def test_who_is_logged_in_stays_so_until_the_form_is_good(self, anonymous, run, ann, bob):
        log_in(anonymous, username=bob.email)
        token = token_in(made(run, ann))
        opened(anonymous, token)
        set_password(anonymous, token, new_password="short")
        set_password(anonymous, "a.b.c")
        assert anonymous.get("/api/me").json()["email"] == bob.email

    @pytest.mark.parametrize("path", ["/auth/link", "/api/link"])
    def test_the_form_says_it_once_and_alone(self, anonymous, run, ann, bob, path):
        """Several answers to which link is meant are none."""
        token, other = (token_in(made(run, who)) for who in (ann, bob))
        before = [run(staff.hash_of, who.emp_no) for who in (ann, bob)]
        for query, tokens in (
            (f"?token={token}", []),
            (f"?token={token}", [token]),
            (f"?token={other}", [token]),
            ("?token=", [token]),
            ("?%74oken=x", [token]),
            ("", [token, token]),
            ("", [token, other]),
            ("", ["", token]),
        ):
            answer = anonymous.post(path + query, data={"token": tokens, "new_password": NEW})
            assert (answer.status_code, answer.headers.get("location")) == (410, None), (query, tokens)
            assert token not in answer.text
        assert [run(staff.hash_of, who.emp_no) for who in (ann, bob)] == before

    def test_an_older_versions_cookie_says_nothing(self, anonymous, token):
        anonymous.cookies["link"] = token
        assert anonymous.post("/auth/link", data={"new_password": NEW}).status_code == 410


class TestAskedAgainWhenItIsUsed:
    """ASVS 2.3.3, 2.3.4: hashing takes its time, in which all that a link depends on may change."""

    @pytest.fixture
    def boss(self, run, anonymous):
        from tests.conftest import add_employee

        return add_employee(run, "boss@example.com", scopes=("super:*",))

    @pytest.fixture
    def meanwhile(self, monkeypatch):
        """Let something happen after the link was read, while the new password is hashed."""
        hash_password = passwords.hash_password

        def set_up(happens, *arguments):
            async def hash_slowly(password):
                await happens(*arguments)
                return await hash_password(password)

            monkeypatch.setattr(passwords, "hash_password", hash_slowly)

        return set_up

    @pytest.mark.parametrize(
        "change",
        [
            lambda ann, boss, _: (accounts.change_scopes, ann.emp_no, ("super:*",)),
            lambda ann, boss, _: (change_email, ann.emp_no),
            lambda ann, boss, _: (accounts.deactivate, ann.emp_no),
            lambda ann, boss, _: (accounts.change_password, ann.emp_no, passwords.hash_now("another one of them")),
            lambda ann, boss, _: (accounts.deactivate, boss.emp_no),
            lambda ann, boss, _: (accounts.change_scopes, boss.emp_no, ("user:read", "user:write")),
            lambda ann, boss, _: (accounts.change_scopes, boss.emp_no, ("user:read", "admin:write")),
            lambda ann, boss, clock: (later, clock),
        ],
        ids=[
            *("more scopes", "another email", "deactivated", "another password"),
            *("maker deactivated", "maker no longer an administrator", "maker may do less", "too old"),
        ],
    )
    @pytest.mark.parametrize("by_json", [False, True], ids=["browser", "json"])
    def test_it_is_dead(self, anonymous, run, ann, boss, meanwhile, moved_clock, change, by_json):
        happens, *arguments = change(ann, boss, moved_clock)
        token = token_in(made(run, ann, by(boss)))
        meanwhile(happens, *arguments)
        answer = set_by_json(anonymous, token) if by_json else set_password(anonymous, token)
        assert answer.status_code == 410
        assert "set-cookie" not in answer.headers
        assert living(run) == []
        assert not passwords.check_now(NEW, run(staff.hash_of, ann.emp_no))
        assert "password set with a link" not in actions(run)

    def test_what_it_does_not_depend_on_may_change(self, anonymous, run, ann, boss, meanwhile):
        token = token_in(made(run, ann, by(boss)))
        meanwhile(accounts.change_password, boss.emp_no, passwords.hash_now("another one of them"))
        assert set_password(anonymous, token).status_code == 303


async def later(clock):
    clock.forward(settings.LINK_MAX_SECONDS)


async def change_email(emp_no):
    await database.execute(update(employees).where(employees.c.emp_no == emp_no).values(email="new@example.com"))


def actions(run):
    return [row["action"] for row in run(database.fetch_all, select(audit))]


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
        client = client_like(anonymous, {**headers, "Sec-Fetch-Site": "cross-site"})
        assert client.post(path, data={"token": token, "new_password": NEW}).status_code == 403


def test_the_request_log_has_no_token(anonymous, token, capsys, caplog):
    """ASVS 16.2.5."""
    client = client_like(anonymous, BROWSER)
    client._transport.app = RequestLog(app)
    caplog.set_level("DEBUG")
    opened(client, token)
    set_password(client, token)
    request_log.write()
    printed = capsys.readouterr().out
    assert [line.split()[4] for line in printed.splitlines()] == ["/auth/link"] * 2
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

    def test_it_is_an_invitation_for_somebody_without_a_password(self, anonymous, ann, run, capsys):
        run(accounts.change_password, ann.emp_no, passwords.UNUSABLE)
        anonymous.portal.call(database.disconnect)
        assert main(["password-link", EMAIL]) == 0
        assert "Good once, within 7 days" in capsys.readouterr().out
        anonymous.portal.call(database.connect)

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            *((604800, "7 days"), (172800, "2 days"), (90000, "25 hours"), (86400, "24 hours")),
            *((3600, "60 minutes"), (900, "15 minutes"), (150, "2 minutes"), (90, "a minute"), (60, "a minute")),
        ],
    )
    def test_the_lifetime_is_said_in_words(self, seconds, words):
        assert links.in_words(seconds) == words


def test_the_strength_of_a_link(token):
    """ASVS 6.5.4: nobody signs one without the key, whose HMAC has 256 bits."""
    assert len(re.split(r"\.", token)[-1]) == 43
    assert passwords.LONGEST >= 128
