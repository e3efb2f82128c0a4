"""Log in again in place: what the server answers to the dialog of a page whose session has expired."""

import json

import pytest

from tests import accounts
from tests.conftest import API, BROWSER, EMAIL, HTMX, PASSWORD, add_employee, client_like, log_in, session_of
from webapp import cookies
from webapp.auth import signins
from webapp.database import Unavailable
from webapp.employees import with_email
from webapp.pages import relogin

IN_DIALOG = {**HTMX, "HX-Target": "relogin"}
LIFE = 1800


@pytest.fixture
def expired(moved_clock, htmx):
    """A page of Ann's whose session has expired a second ago."""
    moved_clock.forward(LIFE + 1)
    return htmx


@pytest.fixture
def dialog(anonymous, expired):
    """The same page's dialog."""
    return client_like(anonymous, IN_DIALOG, cookies=dict(expired.cookies))


def test_the_dialog_knows_the_email(expired):
    answer = expired.get("/auth/relogin")
    assert answer.status_code == 200
    assert f'value="{EMAIL}"' in answer.text
    assert 'hx-target="#relogin"' in answer.text
    assert "<title>" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_nobody_learns_the_email_without_the_signed_cookie(anonymous, expired):
    """Who was logged in is told to the browser that holds the token, and to nobody else (ASVS 14.2.6)."""
    token = session_of(expired)
    header, payload, signature = token.split(".")
    for cookie in (None, "", "garbage", f"{header}.{payload}.{signature[:-4]}AAAA", f"{header}.{payload}."):
        client = client_like(anonymous, HTMX, cookies={} if cookie is None else {"latchkey-session": cookie})
        answer = client.get("/auth/relogin")
        assert (answer.status_code, answer.text) == (401, "")
        assert answer.headers["hx-redirect"].startswith("/auth/login")
        assert answer.headers.get("x-session") in (None, "ended")
    in_header = client_like(anonymous, {**HTMX, "Authorization": f"Bearer {token}"})
    assert EMAIL not in in_header.get("/auth/relogin").text


def test_a_form_that_cannot_be_brought_is_said_on_the_page(dialog, monkeypatch):
    async def away(request):
        raise Unavailable("gone")

    monkeypatch.setattr(relogin, "email_of_expired", away)
    answer = dialog.get("/auth/relogin")
    assert (answer.status_code, answer.headers["hx-retarget"]) == (503, "#flash")


def test_no_address_carries_a_name(anonymous, dialog):
    answer = dialog.get(f"/auth/relogin?username={EMAIL}&u=x@example.com")
    assert "x@example.com" not in answer.text


@pytest.mark.parametrize("end", ["sign-in", "account", "a week"])
def test_a_sign_in_that_has_ended_meanwhile_goes_to_the_login_page(expired, run, moved_clock, end):
    if end == "sign-in":
        run(signins.end_where, signins.sign_ins.c.ended.is_(None), "ended by a command")
    elif end == "account":
        run(accounts.deactivate, run(with_email, EMAIL)[0].emp_no)
    else:
        moved_clock.forward(cookies.KEPT_EXPIRED_SECONDS + 1)
    answer = expired.get("/auth/relogin")
    assert (answer.status_code, answer.headers["x-session"], answer.text) == (401, "ended", "")
    assert answer.headers["hx-redirect"] == "/auth/login?next=/auth/home"


def test_a_page_or_a_program_is_sent_to_the_login_page(anonymous, expired):
    for headers in (BROWSER, API):
        client = client_like(anonymous, headers, cookies=dict(expired.cookies))
        answer = client.get("/auth/relogin")
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/login")


def test_a_session_that_lives_again_needs_no_login(htmx, ann):
    answer = htmx.get("/auth/relogin")
    assert (answer.status_code, answer.text) == (204, "")
    assert json.loads(answer.headers["hx-trigger"]) == {"session:restored": {"user": ann.identity}}


def test_logging_in_again_tells_the_page_who_it_is(anonymous, dialog, ann):
    answer = log_in(dialog)
    assert (answer.status_code, answer.text) == (204, "")
    assert json.loads(answer.headers["hx-trigger"]) == {"session:restored": {"user": str(ann.emp_no)}}
    assert "hx-redirect" not in answer.headers
    assert (
        client_like(anonymous, HTMX, cookies={"latchkey-session": answer.cookies["latchkey-session"]})
        .get("/admin/me")
        .is_success
    )


def test_the_message_of_the_interruption_is_gone_with_it(expired, dialog):
    assert "latchkey-message=" in expired.get("/admin/me").headers["set-cookie"]
    assert 'latchkey-message=""' in log_in(dialog).headers["set-cookie"]


def test_another_employee_is_named_as_such(dialog, run, ann):
    bob = add_employee(run, "bob@example.com")
    told = json.loads(log_in(dialog, username="bob@example.com").headers["hx-trigger"])
    assert told["session:restored"]["user"] == bob.identity != ann.identity


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"password": "wrong"}, "Incorrect username or password"),
        ({"password": ""}, "Enter your password"),
        ({"username": ""}, "Enter your email"),
    ],
)
def test_a_wrong_password_stays_in_the_dialog(dialog, fields, sentence):
    answer = log_in(dialog, **fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert answer.headers["hx-retarget"] == "#relogin"
    assert 'id="login"' not in answer.text
    assert f'value="{fields.get("username", EMAIL)}"' in answer.text
    wrong = "relogin-username" if "username" in fields else "relogin-password"
    (focused,) = [line for line in answer.text.splitlines() if " autofocus" in line]
    assert f'id="{wrong}"' in focused


def test_too_many_attempts_stay_in_the_dialog(dialog):
    """The dialog's login is throttled like any other (ASVS 6.3.1)."""
    for _ in range(5):
        assert log_in(dialog, password="wrong").status_code == 422
    answer = log_in(dialog)
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)
    assert "Too many attempts" in answer.text
    assert 'id="relogin-problem"' in answer.text


def test_a_login_from_another_site_is_refused_in_the_dialog_too(dialog):
    """A dialog is no way around the guard against cross-site logins (ASVS 3.5.1)."""
    answer = dialog.post(
        "/auth/token", data={"username": EMAIL, "password": PASSWORD}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert (answer.status_code, answer.headers["hx-retarget"]) == (403, "#relogin-problem")
    assert "latchkey-session" not in answer.headers.get("set-cookie", "")


def test_a_page_that_was_left_open_over_the_weekend_goes_on_in_place(htmx, moved_clock):
    moved_clock.forward(3 * 86400)
    assert htmx.get("/admin/me").headers["x-session"] == "expired"
    assert f'value="{EMAIL}"' in htmx.get("/auth/relogin").text


def test_the_cookie_outlives_its_token_by_a_week_and_proves_nothing_then(anonymous, expired):
    """An expired token is refused everywhere, whatever the browser keeps (ASVS 7.3.1)."""
    assert expired.get("/admin/me").status_code == 401
    assert client_like(anonymous, API, cookies=dict(expired.cookies)).get("/api/me").status_code == 401
    assert session_of(expired)


def test_a_logout_tells_the_other_tabs(htmx):
    assert htmx.post("/auth/logout").headers["hx-trigger"] == "session:ended"


def test_only_a_page_of_somebody_has_the_dialog(anonymous, browser, ann):
    text = browser.get("/admin/me").text
    assert f'<body data-user="{ann.emp_no}">' in text
    assert '<dialog id="relogin"' in text
    assert "<dialog" not in anonymous.get("/auth/login").text
