"""The first administrator makes their account in a browser: once, with what the first start prints."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from tests.conftest import API, BROWSER, EMAIL, HTMX, PASSWORD, add_employee, client_like, log_in, without_title
from webapp import request_log, server, settings
from webapp.app import app
from webapp.auth import password_rules, set_up
from webapp.auth.scopes import SCOPES
from webapp.database import database
from webapp.request_log import RequestLog
from webapp.tables import audit, employees, set_up_tokens

ADA = {"email": "Ada@Example.com", "first_name": "Ada", "last_name": "Byron", "new_password": PASSWORD}
OVER = "There is nothing to set up with this address"


@pytest.fixture
def token(run):
    """What the first start prints."""
    return run(set_up.new_token)


def opened(client, token):
    """Open the printed address as a browser does, and return the page that it leads to."""
    moved = client.get(f"/auth/set-up?token={token}")
    assert (moved.status_code, moved.headers["location"]) == (303, "/auth/set-up")
    return client.get("/auth/set-up")


def fill_in(client, **fields):
    return client.post("/auth/set-up", data={**ADA, **fields})


def by_json(anonymous, token, **fields):
    return client_like(anonymous, API).post("/api/set-up", data={**ADA, "token": token, **fields})


def everybody(run):
    return run(database.fetch_all, select(employees))


def with_cookies_of(client, headers):
    return client_like(client, headers, cookies=dict(client.cookies))


class TestOpened:
    def test_browser(self, anonymous, token):
        """ASVS 6.2.1, 6.2.6, 6.2.7, 14.2.1."""
        page = opened(anonymous, token)
        assert "<title>Set up Latchkey" in page.text
        assert password_rules.in_words() in page.text
        for field in ("username", "given-name", "family-name", "new-password"):
            assert f'autocomplete="{field}"' in page.text
        assert token not in page.text

    def test_htmx_gets_the_form_alone(self, anonymous, token):
        opened(anonymous, token)
        assert '<form id="set_up"' in without_title(with_cookies_of(anonymous, HTMX).get("/auth/set-up"))

    def test_programs_are_told_what_to_send(self, anonymous, token):
        opened(anonymous, token)
        body = anonymous.get("/auth/set-up", headers={"Accept": "application/json"}).json()
        assert "new_password to /api/set-up" in body["detail"]

    def test_looking_at_it_does_not_use_it(self, anonymous, token):
        opened(client_like(anonymous, BROWSER), token)
        opened(anonymous, token)
        assert fill_in(anonymous).status_code == 303


class TestMade:
    def test_browser_is_logged_in_and_may_do_everything(self, anonymous, token, run):
        opened(anonymous, token)
        answer = fill_in(anonymous)
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/home")
        assert "Your account is made" in anonymous.get("/auth/home").text
        assert "set-up" not in anonymous.cookies
        me = anonymous.get("/api/me").json()
        assert (me["emp_no"], me["email"], me["first_name"], me["last_name"]) == (
            10001,
            "ada@example.com",
            "Ada",
            "Byron",
        )
        assert tuple(me["scopes"]) == SCOPES
        assert log_in(client_like(anonymous, BROWSER), username="ada@example.com").status_code == 303

    def test_htmx(self, anonymous, token):
        opened(anonymous, token)
        htmx = with_cookies_of(anonymous, HTMX)
        answer = fill_in(htmx)
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
        assert (row["action"], row["emp_no"], row["actor"]) == ("first administrator set up", 10001, None)
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
    opened(anonymous, token)
    page, fragment, body = (
        fill_in(anonymous, **fields),
        fill_in(with_cookies_of(anonymous, HTMX), **fields),
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
    assert fill_in(anonymous).status_code == 303


class TestOver:
    @pytest.fixture(params=["used", "somebody is there", "too old", "another one's", "none"])
    def dead(self, request, anonymous, token, run, moved_clock):
        """A token with which nothing can be set up."""
        if request.param == "used":
            assert by_json(anonymous, token).status_code == 200
        elif request.param == "somebody is there":
            add_employee(run, EMAIL)
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
        anonymous.get(f"/auth/set-up?token={dead}")
        htmx = with_cookies_of(anonymous, HTMX)
        mallory = {"email": "mallory@example.com"}
        for answer in (
            anonymous.get("/auth/set-up"),
            fill_in(anonymous, **mallory),
            htmx.get("/auth/set-up"),
            fill_in(htmx, **mallory),
            by_json(anonymous, dead, **mallory),
        ):
            assert answer.status_code == 404
            assert OVER in answer.text
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
    request_log.write()
    assert token not in capsys.readouterr().out


@pytest.mark.parametrize("site", ["", "https://tool.example.com"])
def test_the_printed_address_is_of_the_site(stopped, monkeypatch, site):
    import asyncio

    monkeypatch.setattr(settings, "PUBLIC_URL", site)
    address = asyncio.run(server.set_up_address("http://127.0.0.1:1234"))
    assert address.startswith(f"{site or 'http://127.0.0.1:1234'}/auth/set-up?token=")
