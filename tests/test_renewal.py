"""Whoever works stays logged in, whoever does not is out after half an hour, and nothing outlives the cap."""

from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from sqlalchemy import func, select, update
from starlette.requests import Request

from tests.conftest import BROWSER, CONNECTION, client_like, log_in, session_of
from webapp.auth import signins
from webapp.auth.renewal import is_ordinary
from webapp.database import database
from webapp.tables import sign_ins


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_idle_past_the_tokens_life_is_out(moved_clock, browser):
    moved_clock.forward(1800)
    assert browser.get("/admin/me").status_code == 303


def test_working_for_hours_is_not(moved_clock, browser, run):
    for _ in range(20):
        moved_clock.forward(1799)
        assert browser.get("/admin/me").status_code == 200
    assert run(database.fetch_val, select(func.count()).select_from(sign_ins)) == 1


def test_a_young_token_is_left_alone(moved_clock, browser):
    moved_clock.forward(895)
    assert "set-cookie" not in browser.get("/admin/me").headers
    moved_clock.forward(10)
    assert browser.get("/admin/me").headers["set-cookie"].startswith("latchkey-session=ey")


def test_the_new_token_is_of_the_same_sign_in(moved_clock, browser):
    before = claims_of(session_of(browser))
    moved_clock.forward(1000)
    browser.get("/admin/me")
    after = claims_of(session_of(browser))
    assert after["sid"] == before["sid"]
    assert after["exp"] == before["exp"] + 1000


def test_nothing_outlives_the_cap(moved_clock, browser):
    began = moved_clock.time
    while browser.get("/admin/me").status_code == 200:
        moved_clock.forward(600)
        assert moved_clock.time < began + 50_000
    assert moved_clock.time - began == 43_200
    assert browser.get("/admin/me").status_code == 303


def test_a_token_at_the_cap_is_not_renewed_again(moved_clock, browser):
    for _ in range(30):
        moved_clock.forward(1439)
        last = browser.get("/admin/me")
    assert last.status_code == 200
    assert "set-cookie" not in last.headers


def test_a_logout_answer_never_carries_a_new_cookie(moved_clock, browser):
    moved_clock.forward(1000)
    cookies = browser.post("/auth/logout").headers.get_list("set-cookie")
    assert [cookie for cookie in cookies if cookie.startswith("latchkey-session=")] == [
        'latchkey-session=""; HttpOnly; Max-Age=0; Path=/; SameSite=lax'
    ]


def test_an_answer_that_sets_the_session_itself_is_left_alone():
    request = Request({"type": "http", "scheme": "http", "headers": []})
    own = {"status": 200, "headers": [(b"set-cookie", b"latchkey-session=ey; Path=/")]}
    assert not is_ordinary(own, request)
    assert is_ordinary({"status": 200, "headers": [(b"set-cookie", b"latchkey-message=x; Path=/")]}, request)


def test_logging_in_again_sets_one_cookie(moved_clock, browser):
    moved_clock.forward(1000)
    cookies = log_in(browser).headers.get_list("set-cookie")
    assert len([cookie for cookie in cookies if cookie.startswith("latchkey-session=")]) == 1


@pytest.mark.parametrize(("path", "method"), [("/nope", "GET"), ("/auth/home", "POST"), ("/static/style.css", "GET")])
def test_only_ordinary_answers_carry_it(moved_clock, browser, path, method):
    moved_clock.forward(1000)
    assert "set-cookie" not in browser.request(method, path).headers


def test_a_header_token_is_never_renewed(moved_clock, api):
    moved_clock.forward(1000)
    answer = api.get("/api/me")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


def test_twenty_parallel_requests_at_the_half_life_all_pass_and_leave_one_sign_in(moved_clock, anonymous, browser, run):
    moved_clock.forward(901)
    token = session_of(browser)
    clients = [client_like(anonymous, BROWSER, cookies={"latchkey-session": token}) for _ in range(20)]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda client: client.get("/admin/me"), clients))
    assert {answer.status_code for answer in answers} == {200}
    assert all("latchkey-session=ey" in answer.headers["set-cookie"] for answer in answers)
    assert run(database.fetch_val, select(func.count()).select_from(sign_ins)) == 1
    moved_clock.forward(1700)
    for answer in answers:
        renewed = {"latchkey-session": answer.cookies["latchkey-session"]}
        assert client_like(anonymous, BROWSER, cookies=renewed).get("/admin/me").status_code == 200


def test_a_sign_in_that_another_worker_has_ended_is_not_renewed(moved_clock, browser, run):
    browser.get("/admin/me")
    moved_clock.forward(1000)
    run(database.execute, update(sign_ins).values(ended=moved_clock.time))
    assert "set-cookie" not in browser.get("/admin/me").headers


def test_without_the_database_the_answer_is_the_same_but_for_the_cookie(moved_clock, browser, monkeypatch):

    browser.get("/admin/me")
    moved_clock.forward(1000)

    async def gone(*_):
        raise ConnectionRefusedError("gone")

    monkeypatch.setattr(CONNECTION, "acquire", gone)
    answer = browser.get("/admin/me")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


def test_a_token_never_outlives_its_sign_in(moved_clock, browser, run):
    run(database.execute, update(sign_ins).values(ends=moved_clock.time + 100))
    sign_in = run(signins.load, claims_of(session_of(browser))["sid"])
    assert signins.token_for(sign_in).expires_in <= 100
