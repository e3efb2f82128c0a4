"""My sign-ins: what is shown, what can be ended, and personal access tokens."""

from datetime import UTC, datetime, timedelta

import pytest

from tests import accounts
from tests.conftest import API, BROWSER, HTMX, add_employee, client_like, log_in, without_title
from webapp import clock
from webapp.auth import authority
from webapp.user_agents import in_words

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def rows_of(client):
    return client.get("/api/sign-ins").json()["sign_ins"]


def in_days(days):
    return (datetime.fromtimestamp(clock.now(), UTC) + timedelta(days=days)).date().isoformat()


@pytest.fixture
def bob(anonymous, run):
    """Another employee, logged in."""
    employee = add_employee(run, "bob@example.com", first_name="Bob")
    client = client_like(anonymous, BROWSER)
    log_in(client, username=employee.email)
    return client


def make_token(client, path="/api/tokens", **fields):
    return client.post(path, data={"name": "backup", "scopes": "user:read", "ends": in_days(30), **fields})


def with_token(anonymous, answer):
    return client_like(anonymous, {**API, "Authorization": f"Bearer {answer.json()['access_token']}"})


class TestShown:
    def test_each_living_sign_in_this_device_first(self, anonymous, browser, api, bob, moved_clock):
        firefox = client_like(anonymous, {**BROWSER, "user-agent": FIREFOX})
        log_in(firefox)
        moved_clock.forward(60)
        rows = rows_of(firefox)
        assert [row["this_device"] for row in rows] == [True, False, False]
        assert rows[0]["client"] == "Firefox on Linux"
        assert rows[0]["address"] == "testclient"
        assert rows[0]["opened"] != rows[0]["last_used"]
        assert {row["kind"] for row in rows} == {"browser", "api"}
        assert rows[0].keys() == {
            "id", "kind", "name", "scopes", "opened", "last_used", "ends", "address", "client", "this_device",
        }  # fmt: skip

    def test_as_a_page(self, anonymous, browser, api):
        text = browser.get("/auth/sign-ins").text
        assert text.startswith("<!doctype html>")
        assert text.count('<li class="row">') == 2
        assert text.count("This device") == 1
        assert text.count("/end-others") == 2
        assert '<time datetime="20' in text
        assert 'href="/auth/sign-ins"' in browser.get("/admin/me").text

    def test_as_a_fragment(self, htmx):
        assert without_title(htmx.get("/auth/sign-ins")).startswith('<div id="sign_ins"')

    def test_ended_and_idle_ones_are_not(self, anonymous, browser, api, moved_clock):
        other = client_like(anonymous, BROWSER)
        log_in(other)
        assert len(rows_of(browser)) == 3
        other.post("/auth/logout")
        assert len(rows_of(browser)) == 2
        moved_clock.forward(1700)
        browser.get("/admin/me")
        log_in(other)
        moved_clock.forward(1799)
        browser.get("/admin/me")
        moved_clock.forward(1)
        assert [row["kind"] for row in rows_of(browser)] == ["browser", "api"]

    @pytest.mark.parametrize("user_agent", ["", "curl/8.5.0", "nonsense", "<script>", "\xff"])
    def test_any_user_agent_has_words(self, user_agent):
        assert in_words(user_agent)


class TestEnded:
    @pytest.fixture
    def other(self, anonymous, browser):
        """A second browser of Ann's, and the id of its sign-in."""
        client = client_like(anonymous, BROWSER)
        log_in(client)
        return client, next(row["id"] for row in rows_of(client) if row["this_device"])

    def test_in_a_browser(self, browser, other):
        client, sid = other
        answer = browser.post(f"/auth/sign-ins/{sid}/end")
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/sign-ins")
        assert "That sign-in has ended" in browser.get("/auth/sign-ins").text
        assert client.get("/admin/me").status_code == 303

    def test_in_an_htmx_page_the_row_goes_and_it_is_said(self, browser, other):
        client, sid = other
        assert f"/auth/sign-ins/{sid}/end" in browser.get("/auth/sign-ins").text
        answer = browser.post(f"/auth/sign-ins/{sid}/end", headers=HTMX)
        assert answer.status_code == 200
        assert without_title(answer).startswith('<div id="sign_ins"')
        assert sid not in answer.text
        said = '<div id="flash" hx-swap-oob="innerHTML"><p class="message">That sign-in has ended</p></div>'
        assert answer.text.endswith(said)
        assert client.get("/admin/me").status_code == 303

    def test_by_a_program(self, api, other):
        client, sid = other
        assert api.post(f"/api/sign-ins/{sid}/end").json() == {"detail": "That sign-in has ended"}
        assert client.get("/admin/me").status_code == 303
        assert api.post(f"/api/sign-ins/{sid}/end").status_code == 404

    def test_of_somebody_else_is_not_found(self, browser, bob):
        sid = rows_of(bob)[0]["id"]
        for path in (f"/auth/sign-ins/{sid}/end", f"/api/sign-ins/{sid}/end"):
            assert browser.post(path).status_code == 404
        assert bob.get("/admin/me").status_code == 200

    @pytest.mark.parametrize("sid", ["x", "A" * 22, "%00", "'--", "a" * 3000])
    def test_unknown_ones_are_not_found(self, browser, sid):
        assert browser.post(f"/auth/sign-ins/{sid}/end").status_code == 404

    def test_ones_own_is_a_logout(self, browser):
        answer = browser.post(f"/auth/sign-ins/{rows_of(browser)[0]['id']}/end")
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/login")
        assert "latchkey-session" not in browser.cookies

    @pytest.mark.parametrize(
        ("headers", "status"), [(BROWSER, 303), (HTMX, 200), ({"Accept": "application/json"}, 200)]
    )
    def test_all_others(self, browser, other, api, bob, headers, status):
        assert browser.post("/auth/sign-ins/end-others", headers=headers).status_code == status
        assert other[0].get("/admin/me").status_code == 303
        assert api.get("/api/me").status_code == 401
        assert [row["this_device"] for row in rows_of(browser)] == [True]
        assert bob.get("/admin/me").status_code == 200


class TestPersonalAccessToken:
    def test_is_shown_once(self, browser, htmx):
        page = make_token(browser, "/auth/tokens")
        fragment = make_token(htmx, "/auth/tokens", name="other")
        assert page.status_code == fragment.status_code == 200
        assert page.text.count('<code class="secret">ey') == 1
        assert without_title(fragment).startswith('<div id="sign_ins"')
        again = browser.get("/auth/sign-ins").text
        assert "backup" in again
        assert "secret" not in again

    def test_may_do_what_was_chosen_until_its_last_day(self, anonymous, browser, moved_clock):
        answer = make_token(browser)
        assert answer.status_code == 201
        program = with_token(anonymous, answer)
        moved_clock.forward(29 * 86400)
        assert program.get("/api/me").status_code == 200
        assert [row["scopes"] for row in rows_of(program)] == [["user:read"]]
        moved_clock.forward(2 * 86400)
        assert program.get("/api/me").status_code == 401

    def test_never_does_more_than_its_owner_may_now(self, anonymous, browser, run, ann):
        from webapp.auth.held import held

        program = with_token(anonymous, make_token(browser))
        assert program.get("/api/me").status_code == 200
        run(accounts.change_scopes, ann.emp_no, ("user:write",))
        assert program.get("/api/me").status_code == 403
        (scopes,) = [sign_in.scopes for sign_in in held.sign_ins.values() if sign_in.kind == "token"]
        assert scopes == ("authenticated",)

    def test_is_ended_like_the_others(self, anonymous, browser):
        answer = make_token(browser)
        program = with_token(anonymous, answer)
        assert program.get("/api/me").status_code == 200
        browser.post(f"/auth/sign-ins/{answer.json()['id']}/end")
        assert program.get("/api/me").status_code == 401

    def test_makes_no_further_tokens_and_ends_nothing(self, anonymous, browser):
        program = with_token(anonymous, make_token(browser))
        sid = rows_of(browser)[0]["id"]
        assert make_token(program).status_code == 403
        refused = program.post("/api/sign-ins/end-others")
        assert (refused.status_code, refused.json()["detail"]) == (403, authority.NOT_BY_A_TOKEN)
        assert program.post(f"/api/sign-ins/{sid}/end").status_code == 403
        assert browser.get("/admin/me").status_code == 200
        page = program.get("/auth/sign-ins").text
        assert "Make a personal" not in page

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": " "}, "name"),
            ({"name": "x" * 51}, "name"),
            ({"name": "a\nb"}, "name"),
            ({"name": ["a", "b"]}, "name"),
            ({"scopes": []}, "scopes"),
            ({"scopes": "super:*"}, "scopes"),
            ({"scopes": ["user:read", "admin:read"]}, "scopes"),
            ({"scopes": "authenticated"}, "scopes"),
            ({"ends": ""}, "ends"),
            ({"ends": "tomorrow"}, "ends"),
            ({"ends": "2020-01-01"}, "ends"),
            ({"ends": "9999-12-31"}, "ends"),
            ({"ends": "2030-02-30"}, "ends"),
        ],
    )
    def test_what_is_wrong_is_said_beside_the_field(self, browser, htmx, fields, field):
        page = make_token(browser, "/auth/tokens", **fields)
        assert page.status_code == 422
        assert f'<a href="#{field}">' in page.text
        fragment = make_token(htmx, "/auth/tokens", **fields)
        assert (fragment.status_code, fragment.headers["hx-retarget"]) == (422, "#sign_ins")
        answer = make_token(browser, "/api/tokens", **fields)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert [*answer.json()["fields"]] == [field]
        assert len(rows_of(browser)) == 2
