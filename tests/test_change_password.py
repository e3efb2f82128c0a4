"""Change one's own password: for the three clients, against guessing, and all or nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import bcrypt
import pytest
from sqlalchemy import select, update

from tests.conftest import API, BROWSER, EMAIL, HTMX, PASSWORD, client_like, log_in, session_of, without_title
from webapp.auth import password_rules, signins
from webapp.database import database
from webapp.tables import attempts, audit, employees, sign_ins

NEW = "seven green umbrellas sing"


def change(client, path="/auth/password", **fields):
    return client.post(path, data={"current_password": PASSWORD, "new_password": NEW, **fields})


def stored_hash(run):
    return run(database.fetch_val, select(employees.c.password_hash))


def living(run):
    return run(database.fetch_all, select(sign_ins).where(sign_ins.c.ended.is_(None)))


class TestTheForm:
    def test_browser_sees_the_rules_before_typing(self, browser):
        """ASVS 6.2.1, 6.2.5 to 6.2.7: one new password, any character, managers are helped."""
        text = browser.get("/auth/password").text
        assert "<title>Change password" in text
        assert password_rules.in_words() in text
        assert 'aria-describedby="new_password-hint"' in text
        assert f'value="{EMAIL}" autocomplete="username"' in text
        assert text.count('type="password"') == 2
        assert 'autocomplete="current-password"' in text
        assert 'autocomplete="new-password"' in text
        assert "maxlength" not in text
        assert "pattern" not in text

    def test_htmx_gets_the_form_alone(self, htmx):
        assert '<form id="change_password"' in without_title(htmx.get("/auth/password"))

    def test_api_is_told_what_to_send(self, api):
        body = api.get("/api/password").json()
        assert "new_password" in body["detail"]
        assert body["rules"] == password_rules.in_words()

    def test_my_info_leads_there(self, browser):
        assert 'href="/auth/password"' in browser.get("/admin/me").text


class TestChanged:
    def test_browser_stays_logged_in_with_a_new_token(self, browser):
        """ASVS 7.2.4."""
        before = session_of(browser)
        answer = change(browser)
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/sign-ins")
        assert session_of(browser) != before
        assert "every other sign-in of yours has ended" in browser.get("/auth/sign-ins").text

    def test_htmx_goes_to_the_page_that_says_so(self, htmx):
        answer = change(htmx)
        assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/auth/sign-ins")
        page = client_like(htmx, BROWSER, cookies=dict(htmx.cookies))
        assert "every other sign-in of yours has ended" in page.get("/auth/sign-ins").text

    def test_api_gets_a_new_token_and_refresh_token(self, anonymous, api):
        body = change(api, "/api/password").json()
        assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
        assert api.get("/api/me").status_code == 401
        api.headers["Authorization"] = f"Bearer {body['access_token']}"
        assert api.get("/api/me").status_code == 200
        again = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        assert client_like(anonymous, API).post("/api/refresh", data=again).status_code == 200

    def test_json_by_cookie_keeps_the_cookie_good(self, browser):
        answer = change(browser, "/api/password")
        assert answer.json()["access_token"] == session_of(browser)
        assert browser.get("/api/me").status_code == 200

    def test_the_old_password_is_dead_and_the_new_one_good(self, browser, anonymous):
        """ASVS 6.2.2."""
        change(browser)
        assert log_in(anonymous).status_code == 422
        assert log_in(anonymous, password=NEW).status_code == 303

    def test_every_other_sign_in_and_its_refresh_token_has_ended(self, anonymous, run, browser, api, htmx):
        """ASVS 7.4.3."""
        tomorrow = (date.today() + timedelta(days=2)).isoformat()
        made = browser.post("/api/tokens", data={"name": "cron", "scopes": "user:read", "ends": tomorrow})
        program = client_like(anonymous, {**API, "Authorization": f"Bearer {made.json()['access_token']}"})
        assert program.get("/api/me").status_code == 200
        refresh = log_in(client_like(anonymous, API), "/api/login").json()["refresh_token"]
        old = session_of(browser)
        change(browser)
        (one,) = living(run)
        assert one["kind"] == "browser"
        assert api.get("/api/me").status_code == htmx.get("/api/me").status_code == 401
        assert client_like(anonymous, BROWSER, cookies={"latchkey-session": old}).get("/admin/me").status_code == 303
        again = {"grant_type": "refresh_token", "refresh_token": refresh}
        assert client_like(anonymous, API).post("/api/refresh", data=again).status_code == 400
        assert program.get("/api/me").status_code == 401

    def test_any_password_of_128_characters_counts_in_full(self, browser, anonymous):
        """ASVS 6.2.5, 6.2.8, 6.2.9."""
        long = " ÄÖ😀 any seven words at all\0" + "".join(chr(0x4E00 + number) for number in range(100))
        assert change(browser, new_password=long).status_code == 303
        assert log_in(anonymous, password=long[:-1]).status_code == 422
        assert log_in(anonymous, password=long).status_code == 303

    def test_it_is_noted_without_the_passwords(self, browser, run, ann):
        """ASVS 16.2.1, 16.2.5."""
        change(browser)
        (row,) = run(database.fetch_all, select(audit))
        assert (row["action"], row["actor"], row["emp_no"]) == ("password changed", ann.emp_no, ann.emp_no)
        assert NEW not in str(tuple(row._mapping.values()))


WRONG = {
    "the current one is wrong": ({"current_password": "wrong"}, "This is not your current password", "invalid_grant"),
    "the current one is missing": ({"current_password": ""}, "Enter your current password", "invalid_request"),
    "the new one is missing": ({"new_password": ""}, "Enter a new password", "invalid_request"),
    "short": ({"new_password": "14 characters."}, "15 to 1,000 characters", "invalid_request"),
    "long": ({"new_password": "x" * 1001}, "at most 1,000 characters", "invalid_request"),
    "common": ({"new_password": "letmeinletmein1"}, "easy to guess", "invalid_request"),
    "the same": ({"new_password": PASSWORD}, "other than your current one", "invalid_request"),
    "one's own": ({"new_password": "ann.lee@example.com"}, "beside your name", "invalid_request"),
}


@pytest.mark.parametrize(("fields", "said", "error"), WRONG.values(), ids=WRONG)
class TestRefused:
    """ASVS 6.2.1, 6.2.3, 6.2.4, 6.2.11."""

    @pytest.fixture(autouse=True)
    def nothing_changes(self, run, ann):
        before = stored_hash(run)
        yield
        assert stored_hash(run) == before

    def test_browser(self, browser, fields, said, error):
        answer = change(browser, **fields)
        assert answer.status_code == 422
        assert "<title>Error: " in answer.text
        assert 'class="field-problem"' in answer.text
        assert said in answer.text
        assert NEW not in answer.text
        assert browser.get("/admin/me").status_code == 200

    def test_htmx(self, htmx, fields, said, error):
        answer = change(htmx, **fields)
        assert answer.status_code == 422
        assert answer.headers["hx-retarget"] == "#change_password"
        assert said in without_title(answer)

    def test_api(self, api, fields, said, error):
        answer = change(api, "/api/password", **fields)
        assert (answer.status_code, answer.json()["error"]) == (400, error)
        assert said in answer.json()["detail"]
        assert api.get("/api/me").status_code == 200


def test_no_credential(anonymous):
    assert change(anonymous).headers["location"] == "/auth/login"
    assert change(client_like(anonymous, HTMX)).status_code == 401
    assert change(client_like(anonymous, API), "/api/password").status_code == 401


def test_another_sites_page_cannot_change_it(browser, run):
    """ASVS 3.5.1."""
    before = stored_hash(run)
    answer = browser.post(
        "/auth/password",
        data={"current_password": PASSWORD, "new_password": NEW},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 403
    assert stored_hash(run) == before


def test_a_personal_token_cannot_change_it(browser, run):
    run(database.execute, update(sign_ins).values(kind="token"))
    from webapp.auth.held import held

    held.sign_ins.clear()
    program = client_like(browser, {**BROWSER, "Authorization": f"Bearer {session_of(browser)}"})
    assert program.get("/auth/password").status_code == 403
    assert change(program).status_code == 403


@pytest.mark.parametrize(
    ("headers", "path"), [(BROWSER, "/auth/password"), (HTMX, "/auth/password"), (API, "/api/password")], ids="bha"
)
def test_a_stolen_session_cannot_guess_the_password(browser, headers, path, monkeypatch):
    """ASVS 6.3.1: the same limits as for logins, before anything is hashed."""
    thief = client_like(browser, headers, cookies=dict(browser.cookies))
    assert {change(thief, path, current_password=f"guess {number}").status_code for number in range(5)} <= {400, 422}

    def hashed(*_):
        raise AssertionError("hashed")

    monkeypatch.setattr(bcrypt, "checkpw", hashed)
    answer = change(thief, path)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
    assert "Try again in 15 minutes" in answer.text


def test_guesses_here_and_at_the_login_of_the_same_browser_count_together(browser, anonymous):
    anonymous.cookies["latchkey-browser"] = browser.cookies["latchkey-browser"]
    for number in range(3):
        change(browser, current_password=f"guess {number}")
        log_in(anonymous, password="wrong")
    assert log_in(anonymous).status_code == 429


def test_what_is_refused_for_the_new_password_is_no_guess(browser):
    for _ in range(6):
        assert change(browser, new_password="short").status_code == 422
    assert change(browser).status_code == 303


def test_each_try_is_shown_in_my_sign_ins(browser, run):
    change(browser, current_password="wrong")
    change(browser)
    rows = run(database.fetch_all, select(attempts.c.outcome).order_by(attempts.c.id))
    assert [row[0] for row in rows] == ["logged in", "wrong", "changed"]
    assert "Password changed" in browser.get("/auth/sign-ins").text


def test_of_two_at_once_one_wins(browser, api, run):
    news = {NEW: (browser, "/auth/password"), "nine purple bicycles hum": (api, "/api/password")}
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda new: change(*news[new], new_password=new), news))
    assert sorted(answer.status_code in (200, 303) for answer in answers) == [False, True]
    assert len(living(run)) == 1
    assert len(run(database.fetch_all, select(audit))) == 1


def test_a_sign_in_that_has_ended_meanwhile_changes_nothing(browser, run, monkeypatch):
    """ASVS 7.4.1."""
    before = stored_hash(run)
    check = password_rules.problem_of

    async def ended_meanwhile(*arguments):
        await database.execute(update(sign_ins).values(ended=1.0))
        return await check(*arguments)

    monkeypatch.setattr(password_rules, "problem_of", ended_meanwhile)
    assert change(browser).headers["location"].startswith("/auth/login")
    assert stored_hash(run) == before


def test_nothing_is_half_done_where_the_new_sign_in_fails(browser, run, monkeypatch):
    before = stored_hash(run)

    async def fails(*_):
        raise RuntimeError("no")

    with monkeypatch.context() as broken:
        broken.setattr(signins, "open_sign_in", fails)
        with pytest.raises(RuntimeError):
            change(browser)
    assert stored_hash(run) == before
    assert browser.get("/admin/me").status_code == 200
