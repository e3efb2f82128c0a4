"""The outcome table: each situation for each of the three clients."""

import pytest
from starlette.testclient import TestClient

from tests.conftest import API, BROWSER, EMAIL, HTMX, PASSWORD, Client, add_employee, client_like, log_in, without_title
from webapp import answers
from webapp.app import app

WRONG = {"username": EMAIL, "password": "wrong"}


def message_shown(client):
    """Open the login page and return the message that is carried over to it."""
    page = client_like(client, BROWSER)
    page.cookies = client.cookies
    text = page.get("/auth/login").text
    return text.split('<p class="message">')[1].split("</p>")[0] if '<p class="message">' in text else None


class TestNoCredential:
    def test_browser_is_sent_to_the_login_page(self, anonymous):
        answer = anonymous.get("/admin/me?tab=1")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/auth/login?next=/admin/me%3Ftab%3D1"
        assert message_shown(anonymous) == "Please log in to continue"

    def test_message_is_shown_once(self, anonymous):
        anonymous.get("/admin/me")
        assert "Please log in to continue" in anonymous.get("/auth/login").text
        assert "Please log in to continue" not in anonymous.get("/auth/login").text

    def test_htmx_leaves_its_page_for_the_login_page(self, anonymous):
        answer = client_like(anonymous, HTMX).get("/admin/me")
        assert answer.status_code == 401
        assert answer.headers["hx-redirect"] == "/auth/login?next=/auth/home"
        assert answer.headers["hx-reswap"] == "none"
        assert "x-session" not in answer.headers
        assert answer.content == b""

    def test_api(self, anonymous):
        answer = client_like(anonymous, API).get("/api/me")
        assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
        assert answer.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize(
        "url", ["http://evil.example/auth/home", "http://testserver@evil.example/", "http://[", ""]
    )
    def test_next_of_htmx_is_a_page_of_this_site(self, anonymous, url):
        answer = client_like(anonymous, {**HTMX, "HX-Current-URL": url}).get("/admin/me")
        assert answer.headers["hx-redirect"] == "/auth/login"

    def test_no_login_page_in_a_history_restore(self, anonymous):
        answer = client_like(anonymous, {**HTMX, "HX-History-Restore-Request": "true"}).get("/admin/me")
        assert answer.status_code == 303

    def test_next_is_for_get_only(self, anonymous):
        """There is no closed POST yet, so the rule is asked directly."""
        from starlette.requests import Request

        from webapp.next_page import login_page

        scope = {"type": "http", "method": "POST", "path": "/admin/me", "query_string": b"", "headers": []}
        assert login_page(Request(scope)) == "/auth/login"


@pytest.mark.parametrize("token", ["garbage", "a.b.c", ""], ids=["garbage", "three parts", "empty"])
class TestBadCredential:
    def test_browser(self, anonymous, token):
        anonymous.cookies["latchkey-session"] = token
        answer = anonymous.get("/admin/me")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/auth/login?next=/admin/me"
        assert "latchkey-session=" not in answer.headers["set-cookie"]
        assert message_shown(anonymous) == "Please log in to continue"

    def test_htmx(self, anonymous, token):
        answer = client_like(anonymous, HTMX, cookies={"latchkey-session": token}).get("/admin/me")
        assert answer.status_code == 401
        assert answer.headers["hx-redirect"] == "/auth/login?next=/auth/home"
        assert "x-session" not in answer.headers
        assert "latchkey-session=" not in answer.headers["set-cookie"]

    def test_api(self, anonymous, token):
        answer = client_like(anonymous, {**API, "Authorization": f"Bearer {token}"}).get("/api/me")
        assert (answer.status_code, answer.json()) == (401, {"detail": "Could not validate credentials"})
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'

    def test_bad_header_never_falls_back_to_a_good_cookie(self, browser, token):
        answer = browser.get("/api/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        assert browser.get("/api/me").status_code == 200

    def test_open_pages_stay_open(self, anonymous, token):
        anonymous.cookies["latchkey-session"] = token
        assert anonymous.get("/auth/login").status_code == 200
        assert anonymous.get("/").status_code == 200


@pytest.mark.parametrize("authorization", ["Bearer", "bearer", "Bearer  x"])
def test_a_bearer_without_a_good_token_is_a_bad_credential(browser, authorization):
    assert browser.get("/api/me", headers={"Authorization": authorization}).status_code == 401


def test_two_authorization_headers_are_a_bad_credential(api):
    good = api.headers["Authorization"]
    assert api.get("/api/me", headers=[("Authorization", good), ("Authorization", good)]).status_code == 401


class TestExpiredCredential:
    def test_browser(self, moved_clock, browser):
        moved_clock.forward(1800)
        answer = browser.get("/admin/me")
        assert answer.status_code == 303
        assert "latchkey-session=" not in answer.headers["set-cookie"]
        assert message_shown(browser) == "Your session has ended. Please log in to continue"

    def test_htmx(self, moved_clock, htmx):
        moved_clock.forward(1800)
        answer = htmx.get("/admin/me")
        assert (answer.status_code, answer.headers["x-session"]) == (401, "expired")
        assert answer.headers["hx-redirect"] == "/auth/login?next=/auth/home"
        assert "latchkey-session=" not in answer.headers["set-cookie"]

    def test_api(self, moved_clock, api):
        moved_clock.forward(1799)
        assert api.get("/api/me").status_code == 200
        moved_clock.forward(1)
        assert api.get("/api/me").status_code == 401


class TestWrongPassword:
    def test_browser_sees_the_form_again(self, anonymous, ann):
        answer = anonymous.post("/auth/token", data={**WRONG, "next": "/admin/me"})
        assert answer.status_code == 422
        assert "Incorrect username or password" in answer.text
        assert "<title>Error: " in answer.text
        assert f'value="{EMAIL}"' in answer.text
        assert 'name="next" value="/admin/me"' in answer.text
        assert "wrong" not in answer.text.replace("problem", "")
        assert "set-cookie" not in answer.headers

    def test_htmx_gets_the_form_alone(self, anonymous, ann):
        answer = client_like(anonymous, HTMX).post("/auth/token", data=WRONG)
        assert answer.status_code == 422
        assert without_title(answer).startswith('<form id="login"')
        assert "Incorrect username or password" in answer.text
        assert (answer.headers["hx-retarget"], answer.headers["hx-reswap"]) == ("#login", "outerHTML")

    @pytest.mark.parametrize("path", ["/auth/token", "/api/login"])
    def test_api(self, anonymous, ann, path):
        answer = client_like(anonymous, API).post(path, data=WRONG)
        assert answer.status_code == 400
        assert answer.json() == {"detail": "Incorrect username or password", "error": "invalid_grant"}

    def test_unknown_and_inactive_are_told_the_same(self, anonymous, run, ann):
        from sqlalchemy import update

        from webapp.database import database
        from webapp.tables import employees as table

        client = client_like(anonymous, API)
        wrong = client.post("/api/login", data=WRONG)
        unknown = client.post("/api/login", data={"username": "nobody@example.com", "password": PASSWORD})
        run(database.execute, update(table).values(is_active=False))
        inactive = log_in(client, "/api/login")
        assert wrong.status_code == unknown.status_code == inactive.status_code == 400
        assert wrong.content == unknown.content == inactive.content
        assert wrong.headers.keys() == unknown.headers.keys() == inactive.headers.keys()


class TestMissingField:
    def test_browser_sees_what_to_mend_beside_the_field(self, anonymous):
        answer = anonymous.post("/auth/token", data={"username": EMAIL})
        assert answer.status_code == 422
        assert '<p class="field-problem" id="password-problem">Enter your password</p>' in answer.text
        assert "username-problem" not in answer.text

    def test_htmx(self, anonymous):
        answer = client_like(anonymous, HTMX).post("/auth/token", data={})
        assert answer.status_code == 422
        assert "Enter your email" in answer.text
        assert "Enter your password" in answer.text

    def test_api(self, anonymous):
        answer = client_like(anonymous, API).post("/api/login", data={"username": " "})
        assert answer.status_code == 400
        assert answer.json() == {
            "detail": "Enter your email. Enter your password",
            "error": "invalid_request",
            "fields": {"username": "Enter your email", "password": "Enter your password"},
        }


class TestLoggedIn:
    def test_browser(self, anonymous, ann):
        answer = log_in(anonymous)
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/home")
        attributes = answer.headers["set-cookie"].lower()
        assert attributes.startswith("latchkey-session=ey")
        assert "; httponly; max-age=606600; path=/; samesite=lax" in attributes
        assert answer.content == b""

    def test_htmx(self, anonymous, ann):
        client = client_like(anonymous, HTMX)
        answer = log_in(client, next="/admin/me")
        assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/admin/me")
        assert client.get("/api/me").status_code == 200

    def test_token_endpoint_answers_json_without_a_wish(self, anonymous, ann):
        client = client_like(anonymous, API)
        answer = log_in(client)
        body = answer.json()
        assert answer.status_code == 200
        assert body.keys() == {"access_token", "token_type", "expires_in"}
        assert (body["token_type"], body["expires_in"]) == ("bearer", 1800)
        assert client.cookies["latchkey-session"] == body["access_token"]
        assert answer.headers["cache-control"] == "no-store"

    def test_api_login_sets_no_cookie(self, anonymous, ann):
        answer = log_in(client_like(anonymous, API), "/api/login")
        assert answer.json()["token_type"] == "bearer"
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"

    def test_https_cookie_is_secure_and_of_this_host(self, anonymous, ann):
        client = client_like(anonymous, BROWSER, base_url="https://testserver")
        answer = log_in(client)
        assert answer.headers["set-cookie"].startswith("__Host-latchkey-session=")
        assert "; Secure" in answer.headers["set-cookie"]
        assert client.get("/admin/me").status_code == 200

    def test_plain_cookie_is_not_taken_over_https(self, anonymous, browser):
        client = client_like(anonymous, BROWSER, base_url="https://testserver")
        client.cookies["latchkey-session"] = browser.cookies["latchkey-session"]
        assert client.get("/admin/me").status_code == 303

    def test_email_in_any_case(self, anonymous, ann):
        assert log_in(anonymous, username=f" {EMAIL.upper()} ").status_code == 303

    def test_logging_in_again_ends_the_sign_in_before(self, anonymous, browser):
        before = client_like(anonymous, {**API, "Authorization": f"Bearer {browser.cookies['latchkey-session']}"})
        assert before.get("/api/me").status_code == 200
        log_in(browser)
        assert before.get("/api/me").status_code == 401
        assert browser.get("/api/me").status_code == 200

    @pytest.mark.parametrize(("headers", "status"), [(BROWSER, 303), (HTMX, 204)])
    def test_login_page_sends_home(self, browser, headers, status):
        answer = browser.get("/auth/login", headers=headers)
        assert answer.status_code == status
        assert (answer.headers.get("location") or answer.headers.get("hx-redirect")) == "/auth/home"


class TestLoggedOut:
    def test_browser(self, anonymous, browser):
        token = browser.cookies["latchkey-session"]
        answer = browser.post("/auth/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/login")
        assert "latchkey-session" not in browser.cookies
        assert "You are logged out" in browser.get("/auth/login").text
        stolen = client_like(anonymous, BROWSER, cookies={"latchkey-session": token})
        assert stolen.get("/admin/me").status_code == 303

    def test_htmx(self, htmx):
        answer = htmx.post("/auth/logout")
        assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/auth/login")
        assert "latchkey-session" not in htmx.cookies

    @pytest.mark.parametrize("path", ["/api/logout", "/auth/logout"])
    def test_api(self, api, path):
        assert api.post(path, headers={"Accept": "application/json"}).status_code == 200
        assert api.get("/api/me").status_code == 401

    def test_header_leaves_the_cookie_alone(self, browser, api):
        token = api.headers["Authorization"]
        browser.post("/api/logout", headers={"Authorization": token})
        assert browser.get("/api/me").status_code == 200

    @pytest.mark.parametrize("cookie", [None, "garbage"])
    def test_without_a_session(self, anonymous, cookie):
        if cookie:
            anonymous.cookies["latchkey-session"] = cookie
        answer = anonymous.post("/auth/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/login")
        assert message_shown(anonymous) == "This session has not been logged in before"

    def test_without_a_session_htmx(self, anonymous):
        answer = client_like(anonymous, HTMX).post("/auth/logout")
        assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/auth/login")

    def test_without_a_session_api(self, anonymous):
        answer = client_like(anonymous, API).post("/api/logout")
        assert (answer.status_code, answer.json()) == (200, {"detail": "This session has not been logged in before"})


CROSS_SITE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://testserver.evil.example"},
    {"Origin": "http://testserver:8000"},
    {"Origin": "http://["},
]


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
class TestCrossSite:
    def test_logout_by_cookie_is_refused(self, anonymous, browser, headers):
        client = client_like(anonymous, {**API, **headers}, cookies=dict(browser.cookies))
        assert client.post("/auth/logout").status_code == 403
        assert browser.get("/admin/me").status_code == 200

    @pytest.mark.parametrize("path", ["/auth/token", "/api/login"])
    def test_login_is_refused(self, anonymous, ann, headers, path):
        client = client_like(anonymous, {**API, **headers})
        answer = log_in(client, path)
        assert answer.status_code == 403
        assert answer.json()["detail"].startswith("This came from another site")
        assert not client.cookies

    def test_header_is_exempt(self, api, headers):
        assert api.post("/api/logout", headers=headers).status_code == 200


def test_cross_site_answers_in_the_clients_form(anonymous, ann):
    page = client_like(anonymous, {**BROWSER, "Sec-Fetch-Site": "cross-site"}).post("/auth/logout")
    fragment = client_like(anonymous, {**HTMX, "Sec-Fetch-Site": "cross-site"}).post("/auth/logout")
    assert page.status_code == fragment.status_code == 403
    assert page.text.startswith("<!doctype html>")
    assert fragment.text.startswith('<p class="problem"')
    assert (fragment.headers["hx-retarget"], fragment.headers["hx-reswap"]) == ("#flash", "innerHTML")


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "none"}, {"Origin": "http://testserver"}, {}])
def test_own_site_and_programs_may_write(anonymous, browser, headers):
    client = client_like(anonymous, {**API, **headers}, cookies=dict(browser.cookies))
    assert client.post("/auth/logout").status_code == 303


class TestFailure:
    @pytest.fixture
    def broken(self, monkeypatch):
        def explode(*_):
            raise RuntimeError("SELECT secret FROM inside")

        monkeypatch.setattr(answers, "message_in", explode, raising=False)
        monkeypatch.setattr("webapp.auth.login.read_form", explode)

    @pytest.mark.parametrize("headers", [BROWSER, HTMX, API], ids=["browser", "htmx", "api"])
    def test_every_client_gets_a_number_and_no_trace(self, anonymous, broken, headers, caplog):
        client = client_like(anonymous, headers, raise_server_exceptions=False)
        answer = log_in(client)
        number = answer.headers["x-request-id"]
        assert answer.status_code == 500
        assert number in answer.text
        assert number in caplog.text
        assert "SELECT" not in answer.text
        assert "Traceback" not in answer.text
        assert "content-security-policy" in answer.headers
        assert {BROWSER["Accept"]: "<!doctype html>", HTMX["Accept"]: "<p class", "*/*": '{"detail":'}[
            headers["Accept"]
        ] in answer.text[:20]


class TestScopeMissing:
    @pytest.fixture(autouse=True)
    def admin_route(self, monkeypatch):
        from starlette.authentication import requires
        from starlette.responses import PlainTextResponse
        from starlette.routing import Route

        @requires("admin:read")
        async def people(request):
            return PlainTextResponse("everybody")

        from webapp.auth.access import closed_unless_open

        routes = closed_unless_open([Route("/people", people), Route("/api/people", people)])
        monkeypatch.setattr(app.router, "routes", [*app.router.routes, *routes])

    def test_browser(self, browser):
        answer = browser.get("/people")
        assert answer.status_code == 403
        assert "<title>Error 403 – Latchkey</title>" in answer.text

    def test_htmx(self, htmx):
        answer = htmx.get("/people")
        assert (answer.status_code, answer.headers["hx-retarget"]) == (403, "#flash")
        assert answer.text.startswith('<p class="problem"')

    def test_api(self, api):
        answer = api.get("/api/people")
        assert answer.status_code == 403
        assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
        assert "Ask an administrator" in answer.json()["detail"]

    def test_not_logged_in_comes_first(self, anonymous):
        assert anonymous.get("/people").status_code == 303

    def test_with_the_scope(self, anonymous, run, ann):
        add_employee(run, "boss@example.com", scopes=("admin:read",))
        log_in(anonymous, username="boss@example.com")
        assert anonymous.get("/people").text == "everybody"


def test_client_of_this_file_checks_every_answer():
    """The three clients look for hashes in all that they get; here they find one."""
    assert issubclass(Client, TestClient)
    client = Client(BROWSER)
    with pytest.raises(AssertionError):
        client.get("/auth/login?next=/$2b$04$abc")
