"""Which credential of a request counts: of several headers and cookies the good one, and each kind in its place."""

from datetime import date, timedelta
from functools import partial

import jwt
import pytest
from sqlalchemy import select

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
)
from tests.pace import seconds_of
from webapp.auth.keys import SIGNING_KEY
from webapp.cookies import read_values
from webapp.database import Unavailable, database
from webapp.origins import is_own
from webapp.tables import sign_ins

COOKIE = "latchkey-session"
GARBAGE = ["garbage", "a.b.c", "", "eyJhbGciOiJIUzI1NiJ9.e30.x", '"', "=", "\x85", "\xff" * 50, "%00"]
NOT_OURS = [
    "Basic dXNlcjpwdw==",
    "basic x",
    'Digest username="ann", realm="x"',
    "Negotiate YIIJ",
    "NTLM TlRM",
    "Token x",
    "x",
    "",
    "   ",
    ",",
    "Bearerx",
    "BearerToken x",
    "Bearer,x",
    "Basic Bearer",
    "\xff\xfe",
]


@pytest.fixture
def anns(browser):
    """The token of a browser in which Ann is logged in."""
    return session_of(browser)


@pytest.fixture
def anns_other(anonymous, browser):
    """The token of another browser in which Ann is logged in."""
    client = client_like(anonymous, BROWSER)
    log_in(client)
    return session_of(client)


@pytest.fixture
def bobs(anonymous, run):
    """The token of a browser in which Bob is logged in."""
    add_employee(run, "bob@example.com")
    client = client_like(anonymous, BROWSER)
    log_in(client, username="bob@example.com")
    return session_of(client)


@pytest.fixture
def personal(api):
    """A personal access token of Ann's."""
    form = {"name": "backup", "scopes": "user:read", "ends": str(date.today() + timedelta(days=30))}
    return api.post("/api/tokens", data=form).json()["access_token"]


@pytest.fixture
def ask(anonymous):
    """Ask for the employee's own details with these headers."""

    def ask(*headers, path="/api/me", client=API, method="GET"):
        pairs = [(name, value.encode("latin-1")) for name, value in headers]
        return client_like(anonymous, client).request(method, path, headers=pairs)

    return ask


def cookie(*tokens):
    """Return a Cookie header with each of the tokens under the session's name."""
    return ("cookie", "; ".join(f"{COOKIE}={token}" for token in tokens))


def changed(token, **claims):
    """Return a token with other claims, rightly signed."""
    before = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(before | claims, SIGNING_KEY, "HS256", headers=jwt.get_unverified_header(token))


def expired(token):
    """Return the same session's token as it was an hour ago."""
    now = jwt.decode(token, options={"verify_signature": False})["iat"]
    return changed(token, iat=now - 3600, exp=now - 1800)


def sets_session(answer):
    """Return whether an answer sets or removes the session cookie."""
    return any(COOKIE in value for value in answer.headers.get_list("set-cookie"))


class TestOtherSchemes:
    @pytest.mark.parametrize("authorization", NOT_OURS)
    def test_the_cookie_counts(self, ask, anns, authorization):
        assert ask(("authorization", authorization), cookie(anns)).status_code == 200

    @pytest.mark.parametrize("authorization", NOT_OURS)
    def test_alone_they_are_no_credential(self, ask, authorization):
        answer = ask(("authorization", authorization))
        assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
        assert answer.headers["www-authenticate"] == "Bearer"

    def test_a_browser_behind_basic_auth_logs_in_and_stays_so(self, anonymous, ann):
        client = client_like(anonymous, {**BROWSER, "Authorization": "Basic dXNlcjpwdw=="})
        assert log_in(client).status_code == 303
        assert client.get("/admin/me").status_code == 200
        assert client.post("/auth/logout").status_code == 303
        assert client.get("/admin/me").status_code == 303

    def test_the_cookie_beside_them_is_guarded_against_other_sites(self, ask, anns):
        headers = (("authorization", "Basic YTpi"), cookie(anns), ("sec-fetch-site", "cross-site"))
        assert ask(*headers, path="/api/logout", method="POST").status_code == 403


class TestBearer:
    @pytest.mark.parametrize("before", ["Bearer ", "Bearer   ", "bearer  ", "BEARER "])
    @pytest.mark.parametrize("after", ["", " ", "   "])
    def test_spaces_around_the_token(self, ask, anns, before, after):
        assert ask(("authorization", f"{before}{anns}{after}")).status_code == 200

    @pytest.mark.parametrize("others", [["Basic YTpi"], ["", "Negotiate x"], ["x"] * 20])
    def test_the_one_among_others_counts(self, ask, anns, others):
        bearer = ("authorization", f"Bearer {anns}")
        headers = [("authorization", other) for other in others]
        assert ask(bearer, *headers).status_code == 200
        assert ask(*headers, bearer).status_code == 200

    def test_two_are_none(self, ask, anns, anns_other):
        for second in (anns, anns_other, "garbage", ""):
            headers = [("authorization", f"Bearer {token}") for token in (anns, second)]
            assert ask(*headers).status_code == 401
            assert ask(*reversed(headers), cookie(anns)).status_code == 401

    @pytest.mark.parametrize("bad", ["Bearer", "bearer ", "Bearer x", "Bearer\tx", "Bearer a.b.c", "Bearer  , Basic x"])
    def test_a_bad_one_never_falls_back_to_the_cookie(self, ask, anns, bad):
        answer = ask(("authorization", bad), ("authorization", "Basic YTpi"), cookie(anns))
        assert (answer.status_code, answer.json()["detail"]) == (401, "Could not validate credentials")
        assert not sets_session(answer)


class TestSeveralCookies:
    @pytest.mark.parametrize("others", [["garbage"], ["", "x"], ["a.b.c"] * 4])
    def test_the_good_one_counts_wherever_it_stands(self, ask, anns, others):
        for tokens in ([anns, *others], [*others, anns], [others[0], anns, *others[1:]]):
            for headers in (
                [cookie(*tokens)],
                [cookie(token) for token in tokens],
                [("cookie", "a=b"), cookie(*tokens)],
            ):
                answer = ask(*headers, path="/admin/me", client=BROWSER)
                assert answer.status_code == 200
                assert not sets_session(answer)

    def test_dead_ones_beside_it_say_nothing(self, ask, anns, anns_other, bobs, browser):
        browser.post("/auth/logout")
        for tokens in (
            [anns, anns_other],
            [anns_other, anns],
            [expired(bobs), anns_other],
            [anns_other, expired(anns)],
        ):
            answer = ask(cookie(*tokens))
            assert answer.status_code == 200
            assert not sets_session(answer)

    def test_at_most_five_are_tried(self, ask, anns):
        assert ask(cookie(*["x"] * 4, anns)).status_code == 200
        assert ask(cookie(*["x"] * 5, anns)).status_code == 401
        assert ask(*[cookie("x")] * 5, cookie(anns)).status_code == 401

    def test_other_names_do_not_count_as_one_of_five(self, ask, anns):
        others = "; ".join(
            f"{name}{number}=x" for name in ("latchkey-session", "session", "__Host-") for number in range(5)
        )
        assert ask(("cookie", f"{others}; x{COOKIE}=x; y={COOKIE}=x; {COOKIE}={anns}")).status_code == 200

    def test_two_good_ones_of_one_person_are_good(self, ask, anns, anns_other):
        for tokens in ([anns, anns_other], [anns_other, anns]):
            assert ask(cookie(*tokens)).json()["email"] == EMAIL

    def test_two_good_ones_of_two_people_are_none(self, ask, anns, bobs, anns_other):
        for tokens in ([anns, bobs], [bobs, anns], [anns, anns_other, bobs]):
            answer = ask(cookie(*tokens))
            assert (answer.status_code, answer.json()["detail"]) == (401, "Could not validate credentials")
            page = ask(cookie(*tokens), path="/admin/me", client=BROWSER)
            assert page.status_code == 303
            assert not sets_session(page)
            assert ask(cookie(*tokens), path="/auth/login", client=BROWSER).status_code == 200

    def test_a_login_beside_two_people_ends_both_sessions_and_is_then_the_one(self, ask, anonymous, anns, bobs):
        client = client_like(anonymous, BROWSER)
        form = {"username": EMAIL, "password": PASSWORD}
        answer = client.post("/auth/token", data=form, headers=[cookie(bobs, anns)])
        assert answer.status_code == 303
        assert ask(cookie(anns)).status_code == ask(cookie(bobs)).status_code == 401
        assert ask(cookie(bobs, session_of(client))).json()["email"] == EMAIL

    def test_of_two_renewed_in_turn_the_younger_counts(self, ask, anns, moved_clock):
        younger = changed(anns, iat=int(moved_clock.now()) + 1000, exp=int(moved_clock.now()) + 2800)
        moved_clock.forward(1001)
        assert sets_session(ask(cookie(anns), path="/admin/me", client=BROWSER))
        for tokens in ([anns, younger], [younger, anns]):
            assert not sets_session(ask(cookie(*tokens), path="/admin/me", client=BROWSER))

    def test_a_good_one_counts_where_the_database_cannot_tell_of_another(self, ask, anns, anns_other, monkeypatch):
        ask(cookie(anns))

        async def away(sid):
            raise Unavailable("gone")

        monkeypatch.setattr("webapp.auth.signins.load", away)
        assert ask(cookie(anns_other, anns)).status_code == 200
        assert ask(cookie(anns_other, "x")).status_code == 503

    def test_an_expired_one_still_names_the_email_in_the_dialog(self, ask, anns):
        for tokens in ([expired(anns), "x"], ["x", "", expired(anns)]):
            answer = ask(cookie(*tokens), path="/auth/relogin", client=HTMX)
            assert answer.status_code == 200
            assert f'value="{EMAIL}"' in answer.text


@pytest.mark.parametrize("token", GARBAGE)
class TestForeignCookie:
    """What we did not sign is another application's: nobody's session has ended, and it is not ours to remove."""

    def test_browser(self, ask, token):
        answer = ask(cookie(token), path="/admin/me", client=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/login?next=/admin/me")
        assert not sets_session(answer)
        assert message(answer) == "Please log in to continue"

    def test_htmx(self, ask, token):
        answer = ask(cookie(token), path="/admin/me", client=HTMX)
        assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/auth/login?next=/auth/home")
        assert "x-session" not in answer.headers
        assert not sets_session(answer)

    def test_api(self, ask, token):
        answer = ask(cookie(token))
        assert (answer.status_code, answer.json()) == (401, {"detail": "Could not validate credentials"})
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert not sets_session(answer)

    def test_logout(self, ask, token):
        answer = ask(cookie(token), path="/auth/logout", client=BROWSER, method="POST")
        assert answer.status_code == 303
        assert not sets_session(answer)
        assert message(answer) == "This session has not been logged in before"


def message(answer):
    """Return the message that an answer leaves for the next page."""
    from webapp.cookies import messages

    return messages.loads(answer.cookies["latchkey-message"])


def test_a_message_is_found_beside_a_foreign_one(anonymous):
    left = anonymous.get("/admin/me").cookies["latchkey-message"]
    for value in (f"latchkey-message=x; latchkey-message={left}", f"latchkey-message={left}; latchkey-message=x"):
        page = client_like(anonymous, BROWSER).get("/auth/login", headers=[("cookie", value)])
        assert "Please log in to continue" in page.text
    page = client_like(anonymous, BROWSER).get("/auth/login", headers=[("cookie", "latchkey-message=x")])
    assert "set-cookie" not in page.headers


class TestTokenFromTheFuture:
    """The clock was ahead and has been put right: the session comes back by itself when it has caught up."""

    @pytest.fixture
    def ahead(self, anns, moved_clock):
        now = int(moved_clock.now())
        return changed(anns, iat=now + 600, exp=now + 2400)

    def test_its_cookie_stays(self, ask, ahead, moved_clock):
        answer = ask(cookie(ahead), path="/admin/me", client=BROWSER)
        assert answer.status_code == 303
        assert message(answer) == "Please log in to continue"
        assert not sets_session(answer)
        assert ask(cookie(ahead)).status_code == 401
        moved_clock.forward(600)
        assert ask(cookie(ahead)).status_code == 200

    def test_a_logout_ends_it(self, ask, ahead, moved_clock):
        answer = ask(cookie(ahead), path="/auth/logout", client=BROWSER, method="POST")
        assert message(answer) == "You are logged out"
        assert sets_session(answer)
        moved_clock.forward(600)
        assert ask(cookie(ahead)).status_code == 401


class TestKindAndPlace:
    """A program's token in the cookie would be renewed without its refresh token (ASVS 9.2.2)."""

    @pytest.mark.parametrize("kind", ["api", "token"])
    def test_a_programs_token_is_refused_in_the_cookie(self, ask, api, personal, kind, moved_clock, run):
        token = personal if kind == "token" else api.headers["Authorization"].removeprefix("Bearer ")
        moved_clock.forward(1000)
        assert ask(("authorization", f"Bearer {token}")).status_code == 200
        answer = ask(cookie(token))
        assert (answer.status_code, answer.json()) == (401, {"detail": "Could not validate credentials"})
        page = ask(cookie(token), path="/admin/me", client=BROWSER)
        assert page.status_code == 303
        assert message(page) == "Please log in to continue"
        assert [one for one in page.headers.get_list("set-cookie") if COOKIE in one] == [
            f'{COOKIE}=""; HttpOnly; Max-Age=0; Path=/; SameSite=lax'
        ]
        assert ask(cookie(token), path="/auth/logout", client=BROWSER, method="POST").status_code == 303
        assert ask(("authorization", f"Bearer {token}")).status_code == 200, "it was not the browser's to end"

    def test_beside_it_the_browsers_own_counts(self, ask, api, anns):
        token = api.headers["Authorization"].removeprefix("Bearer ")
        for tokens in ([token, anns], [anns, token]):
            answer = ask(cookie(*tokens), path="/admin/me", client=BROWSER)
            assert answer.status_code == 200
            assert not sets_session(answer)

    def test_an_expired_one_has_no_dialog_in_the_cookie(self, ask, api, moved_clock):
        token = api.headers["Authorization"].removeprefix("Bearer ")
        moved_clock.forward(1801)
        answer = ask(cookie(token), path="/auth/relogin", client=HTMX)
        assert (answer.status_code, answer.text) == (401, "")

    def test_a_browsers_token_may_come_in_the_header_where_nothing_renews_it(self, ask, anns, moved_clock):
        moved_clock.forward(1000)
        answer = ask(("authorization", f"Bearer {anns}"), path="/admin/me", client=BROWSER)
        assert answer.status_code == 200
        assert not sets_session(answer)
        both = ask(("authorization", f"Bearer {anns}"), cookie(anns), path="/admin/me", client=BROWSER)
        assert not sets_session(both)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        (b"s=a", ["a"]),
        (b" s=a ;\ts=b\t", ["a", "b"]),
        (b"s=a;s=b; s=;s", ["a", "b", ""]),
        (b"s=s=a", ["s=a"]),
        (b"xs=a; x=s=b; y; =s=c; S=d; s =e; s[]=f", []),
        (b"s=a=b", ["a=b"]),
        (b's="a b"', ['"a b"']),
        (b"s=1;s=2;s=3;s=4;s=5;s=6", ["1", "2", "3", "4", "5"]),
        (b";;;", []),
        (b"", []),
    ],
)
def test_the_cookies_of_one_name(header, values):
    assert read_values(b"s=", [header]) == values


def test_long_headers_are_read_quickly():
    """On the event loop's thread, before anybody is known."""
    cookies = [b"s=" + b";" * 32_000, b"s=;" * 10_000, b"as=;" * 8_000, b"s" * 32_000, b" " * 32_000 + b"s="]
    names = ["http://" + one * (32_000 // len(one)) for one in ("\xe9", "\xe9.", "a.", "[", "@", "\xe9" * 40 + ".")]
    scope = {"type": "http", "scheme": "http", "headers": [(b"host", b"\xe9" * 32_000)]}
    for work in [
        *(partial(read_values, b"s=", [header]) for header in cookies),
        *(partial(is_own, scope, name) for name in names),
    ]:
        assert seconds_of(work, 0.005) < 0.005


def test_each_cookie_is_asked_for_once(ask, anns, run, monkeypatch):
    asked = []

    async def load(sid):
        asked.append(sid)

    monkeypatch.setattr("webapp.auth.signins.load", load)
    unknown = [changed(anns, sid=f"{number}" * 22) for number in range(9)]
    assert ask(cookie(*unknown)).status_code == 401
    assert len(asked) == 5
    assert run(database.fetch_val, select(sign_ins.c.ended)) is None
