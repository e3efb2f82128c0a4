"""A session ends when people say so, also where their own copy of its token has expired."""

import jwt
import pytest
from sqlalchemy import select

from tests.conftest import (
    API,
    BROWSER,
    CONNECTION,
    EMAIL,
    HTMX,
    PASSWORD,
    add_employee,
    client_like,
    log_in,
    session_of,
)
from webapp.audit import Actor
from webapp.auth import links
from webapp.auth.keys import SIGNING_KEY
from webapp.database import database
from webapp.employees import with_email
from webapp.tables import sign_ins

LIFE = 1800
NOT_BEFORE = "This session has not been logged in before"


@pytest.fixture
def stolen(anonymous, browser, moved_clock):
    """A copy of Ann's session that requests have kept alive, while the token in her own browser has expired."""
    thief = client_like(anonymous, BROWSER, cookies=dict(browser.cookies))
    for _ in range(2):
        moved_clock.forward(LIFE - 600)
        assert thief.get("/admin/me").status_code == 200
    return thief


@pytest.fixture
def program(anonymous, ann):
    """What a program got by its login, and again by its first refresh."""
    first = log_in(client_like(anonymous, API), "/api/login").json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    return first, client_like(anonymous, API).post("/api/refresh", data=form).json()


@pytest.fixture
def post(anonymous):
    """Post a body to /api/logout without any credential."""
    return lambda **options: client_like(anonymous, API).post("/api/logout", **options)


@pytest.fixture
def status(anonymous):
    """What a program's pair of tokens is worth: its access token's and its refresh token's status."""

    def ask(pair):
        client = client_like(anonymous, {**API, "Authorization": f"Bearer {pair['access_token']}"})
        form = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
        return client.get("/api/me").status_code, client.post("/api/refresh", data=form).status_code

    return ask


def reasons(run):
    """Return why sign-ins have ended."""
    return [row["ended_why"] for row in run(database.fetch_all, select(sign_ins.c.ended_why).order_by("opened"))]


class TestExpiredToken:
    @pytest.mark.parametrize("headers", [BROWSER, HTMX, {"Accept": "application/json"}])
    def test_a_logout_ends_its_session(self, anonymous, browser, stolen, run, headers):
        answer = browser.post("/auth/logout", headers=headers)
        assert answer.status_code in (200, 204, 303)
        assert "latchkey-session" not in browser.cookies
        assert stolen.get("/admin/me").status_code == 303
        assert reasons(run) == ["logged out"]
        if "application/json" in headers["Accept"] and "text/html" not in headers["Accept"]:
            assert answer.json() == {"detail": "You are logged out"}
        else:
            assert "You are logged out" in browser.get("/auth/login", headers=BROWSER).text

    def test_a_login_in_the_same_browser_ends_it(self, browser, stolen, run):
        assert log_in(browser).status_code == 303
        assert stolen.get("/admin/me").status_code == 303
        assert browser.get("/admin/me").status_code == 200
        assert reasons(run) == ["logged in again", None]

    def test_a_login_of_somebody_else_in_the_same_browser_ends_it(self, browser, stolen, run):
        add_employee(run, "bob@example.com")
        log_in(browser, username="bob@example.com")
        assert stolen.get("/admin/me").status_code == 303

    def test_a_login_in_the_dialog_ends_it(self, anonymous, browser, stolen):
        dialog = client_like(anonymous, {**HTMX, "HX-Target": "relogin"}, cookies=dict(browser.cookies))
        assert log_in(dialog).status_code == 204
        assert stolen.get("/admin/me").status_code == 303

    @pytest.mark.parametrize("authorization", ["Bearer {}", "Bearer x", "Bearer"])
    def test_a_login_that_replaces_its_cookie_ends_it_whatever_the_header_says(self, browser, stolen, authorization):
        header = {"Authorization": authorization.format(session_of(browser))}
        form = {"username": EMAIL, "password": PASSWORD}
        assert browser.post("/auth/token", data=form, headers=header).status_code == 303
        assert stolen.get("/admin/me").status_code == 303
        assert browser.get("/admin/me").status_code == 200

    def test_a_login_with_it_in_the_header_ends_it(self, anonymous, browser, stolen):
        """The docs page sends its token so."""
        docs = client_like(anonymous, {"Accept": "application/json", "Authorization": f"Bearer {session_of(browser)}"})
        assert log_in(docs).status_code == 200
        assert stolen.get("/admin/me").status_code == 303

    def test_a_login_ends_no_programs_session(self, browser, program, status):
        for headers in (
            {"Authorization": f"Bearer {program[0]['access_token']}"},
            {"Cookie": f"latchkey-session={program[0]['access_token']}"},
        ):
            browser.post("/auth/token", data={"username": EMAIL, "password": PASSWORD}, headers=headers)
        assert status(program[1]) == (200, 200)

    def test_a_wrong_password_ends_nothing(self, browser, stolen):
        assert log_in(browser, password="wrong").status_code == 422
        assert stolen.get("/admin/me").status_code == 200

    def test_a_password_link_of_somebody_else_ends_it(self, browser, stolen, run):
        bob = add_employee(run, "bob@example.com")
        token = run(links.make, bob, Actor.of_command()).address.partition("token=")[2]
        browser.get(f"/auth/link?token={token}")
        new = "violet anvil harbour tuesday"
        assert browser.post("/auth/link", data={"token": token, "new_password": new}).status_code == 303
        assert stolen.get("/admin/me").status_code == 303

    @pytest.mark.parametrize("path", ["/api/logout", "/auth/logout"])
    def test_in_the_header(self, anonymous, program, status, moved_clock, path):
        moved_clock.forward(LIFE + 1)
        client = client_like(
            anonymous, {"Accept": "application/json", "Authorization": f"Bearer {program[0]['access_token']}"}
        )
        answer = client.post(path)
        assert (answer.status_code, answer.json()) == (200, {"detail": "You are logged out"})
        assert status(program[1]) == (401, 400)
        assert client.post(path).json() == {"detail": NOT_BEFORE}

    def test_another_employees_number_in_it_ends_nothing(self, browser, run, ann, status, anonymous):
        claims = jwt.decode(session_of(browser), options={"verify_signature": False})
        header = jwt.get_unverified_header(session_of(browser))
        forged = jwt.encode(claims | {"sub": str(ann.emp_no + 1)}, SIGNING_KEY, "HS256", headers=header)
        answer = client_like(anonymous, {**API, "Authorization": f"Bearer {forged}"}).post("/api/logout")
        assert answer.json() == {"detail": NOT_BEFORE}
        assert browser.get("/admin/me").status_code == 200

    def test_without_the_database_it_is_not_claimed(self, browser, stolen, monkeypatch):
        async def gone(*_):
            raise ConnectionRefusedError("gone")

        monkeypatch.setattr(CONNECTION, "acquire", gone)
        answer = browser.post("/auth/logout")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "latchkey-session" in browser.cookies
        monkeypatch.undo()


class TestRevocation:
    """RFC 7009: a program's refresh token is enough to end its session."""

    @pytest.mark.parametrize("which", [0, 1], ids=["used", "unused"])
    @pytest.mark.parametrize(
        "form",
        [{}, {"token_type_hint": "refresh_token"}, {"token_type_hint": "access_token"}, {"token_type_hint": "?"}],
    )
    def test_a_refresh_token_ends_its_session(self, program, post, status, which, form):
        answer = post(data={"token": program[which]["refresh_token"], **form})
        assert (answer.status_code, answer.json()) == (200, {"detail": "You are logged out"})
        assert status(program[1]) == (401, 400)

    @pytest.mark.parametrize("field", ["token", "refresh_token"])
    @pytest.mark.parametrize("as_json", [False, True])
    def test_its_field_and_its_form(self, program, post, status, field, as_json):
        fields = {field: program[1]["refresh_token"]}
        assert post(**{"json" if as_json else "data": fields}).status_code == 200
        assert status(program[1]) == (401, 400)

    def test_an_access_token_too_also_expired(self, program, post, status, moved_clock):
        moved_clock.forward(LIFE + 1)
        assert post(data={"token": program[0]["access_token"]}).json() == {"detail": "You are logged out"}
        assert status(program[1]) == (401, 400)

    def test_a_refresh_token_long_after_its_last_use(self, program, post, status, moved_clock):
        moved_clock.forward(10 * LIFE)
        assert post(data={"token": program[1]["refresh_token"]}).json() == {"detail": "You are logged out"}
        assert status(program[1]) == (401, 400)

    @pytest.mark.parametrize("token", ["x", "a.b.c", "ä\0" * 999, "' OR 1=1 --", " ", "\U0001f600", "x" * 20_000])
    def test_garbage_is_no_harm(self, program, post, status, token):
        answer = post(data={"token": token, "refresh_token": token})
        assert (answer.status_code, answer.json()) == (200, {"detail": NOT_BEFORE})
        assert status(program[1]) == (200, 200)

    @pytest.mark.parametrize("text", ['{"token": "\\ud800"}', '{"token": null}', '{"token": 1}', "{}"])
    def test_odd_json_is_no_harm(self, post, text):
        answer = post(content=text, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()) == (200, {"detail": NOT_BEFORE})

    @pytest.mark.parametrize(
        ("content", "kind", "status_code"),
        [
            (b"token=x&token=y", None, 400),
            (b"token=%ff", None, 400),
            (b"&".join([b"a=1"] * 60), None, 400),
            (b"[1]", "application/json", 400),
            (b"{", "application/json", 400),
            (b'{"token": {}}', "application/json", 400),
            (b'{"token": ["x", "y"]}', "application/json", 400),
            (b'{"token": "x", "token": "y"}', "application/json", 400),
            (b"token=x", "text/plain", 415),
            (b"--x--", "multipart/form-data; boundary=x", 415),
        ],
    )
    def test_a_malformed_body_ends_nothing(self, anonymous, api, content, kind, status_code):
        headers = {"Content-Type": kind or "application/x-www-form-urlencoded"}
        answer = api.post("/api/logout", content=content, headers=headers)
        assert answer.status_code == status_code
        assert answer.json()["detail"]
        assert api.get("/api/me").status_code == 200

    @pytest.mark.parametrize(
        "kind", ["application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data"]
    )
    def test_no_body_has_no_wrong_type(self, api, kind):
        """Many clients name a type with every POST."""
        assert api.post("/api/logout", headers={"Content-Type": kind}).json() == {"detail": "You are logged out"}
        assert api.get("/api/me").status_code == 401

    def test_header_and_refresh_token_each_end_theirs(self, api, program, status, run):
        answer = api.post("/api/logout", data={"token": program[1]["refresh_token"]})
        assert answer.json() == {"detail": "You are logged out"}
        assert api.get("/api/me").status_code == 401
        assert status(program[1]) == (401, 400)
        assert reasons(run) == ["logged out"] * 2

    def test_a_refresh_token_leaves_other_sessions_alone(self, browser, api, program, post):
        post(data={"token": program[1]["refresh_token"]})
        assert browser.get("/admin/me").status_code == 200
        assert api.get("/api/me").status_code == 200

    def test_without_the_database_it_is_not_claimed(self, program, post, monkeypatch):
        async def gone(*_):
            raise ConnectionRefusedError("gone")

        monkeypatch.setattr(CONNECTION, "acquire", gone)
        for token in (program[1]["refresh_token"], program[1]["access_token"], "garbage"):
            assert post(data={"token": token}).status_code == 503

    def test_a_page_of_another_site_cannot_send_it(self, program, post, status):
        answer = post(data={"token": program[1]["refresh_token"]}, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403
        assert status(program[1]) == (200, 200)


def test_a_browser_with_two_sessions_of_one_person_is_logged_out_of_both(anonymous, browser, run):
    other = client_like(anonymous, BROWSER)
    log_in(other)
    cookies = "; ".join(f"latchkey-session={session_of(client)}" for client in (browser, other))
    client_like(anonymous, BROWSER).post("/auth/logout", headers=[("cookie", cookies)])
    assert browser.get("/admin/me").status_code == other.get("/admin/me").status_code == 303
    assert run(with_email, EMAIL)
