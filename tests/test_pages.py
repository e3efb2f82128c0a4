"""What the pages and the JSON show."""

from datetime import date

import pytest
from starlette.exceptions import HTTPException
from starlette.routing import Route

from tests.conftest import API, BROWSER, EMAIL, HTMX, add_employee, client_like, log_in, without_title
from webapp.answers import SENTENCES
from webapp.app import app

DETAILS = {
    "birth_date": date(1990, 2, 28),
    "gender": "F",
    "hire_date": date(2020, 1, 2),
    "first_name": "Zoë",
    "last_name": "<O'Brien> {{7*7}}",
}


@pytest.fixture
def zoe(anonymous, run):
    employee = add_employee(run, "zoe@example.com", **DETAILS)
    client = client_like(anonymous, BROWSER)
    log_in(client, username=employee.email)
    return client


def test_my_info_page(zoe):
    text = zoe.get("/admin/me").text
    assert text.startswith("<!doctype html>")
    for shown in ("zoe@example.com", "1990-02-28", "Zoë", "&lt;O&#39;Brien&gt; {{7*7}}", "Female", "2020-01-02"):
        assert shown in text


def test_my_info_fragment(htmx):
    text = htmx.get("/admin/me").text
    assert text.startswith('<title>My Info – Latchkey</title>\n<div id="my_info"')
    assert EMAIL in text
    assert text.count("Not given") == 3


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/me", API),
        ("/api/me", BROWSER),
        ("/admin/me", {"Accept": "application/json"}),
        ("/admin/me", {"X-Expected-Format": "application/json"}),
    ],
)
def test_my_info_as_json(zoe, path, headers):
    assert zoe.get(path, headers=headers).json() == {
        "emp_no": 10001,
        "email": "zoe@example.com",
        "birth_date": "1990-02-28",
        "first_name": "Zoë",
        "last_name": "<O'Brien> {{7*7}}",
        "gender": "F",
        "hire_date": "2020-01-02",
        "scopes": ["user:read", "user:write"],
        "preferred_name": None,
        "about": None,
    }


def test_dates_that_are_not_known_are_null(api):
    body = api.get("/api/me").json()
    assert (body["birth_date"], body["gender"], body["hire_date"]) == (None, None, None)


@pytest.mark.parametrize("path", ["/", "/auth/home"])
def test_home_has_its_three_ways(browser, path):
    text = browser.get(path).text
    assert "Welcome, Ann" in text
    assert 'href="/admin/me"' in text
    assert 'href="/api/me"' in text
    assert 'action="/auth/logout"' in text
    assert without_title(browser.get(path, headers=HTMX)).startswith("<section")
    assert browser.get(path, headers={"Accept": "application/json"}).json()["links"]["my_info"] == "/api/me"


@pytest.mark.parametrize("path", ["/", "/auth/login"])
def test_login_page(anonymous, path):
    text = anonymous.get(f"{path}?next=/admin/me").text
    assert '<form id="login" class="card" method="post" action="/auth/token"' in text
    assert 'name="next" value="/admin/me"' in text
    assert 'autocomplete="username"' in text
    assert 'autocomplete="current-password"' in text
    assert "<title>Log in" in text
    assert without_title(client_like(anonymous, HTMX).get(path)).startswith('<form id="login"')
    assert "/api/login" in anonymous.get(path, headers={"Accept": "application/json"}).json()["detail"]


@pytest.mark.parametrize("path", ["/admin/me", "/auth/home", "/auth/login", "/api/me", "/nope"])
def test_personal_answers_are_not_kept(browser, path):
    headers = browser.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["vary"] == "HX-Request, Accept, Cookie"


@pytest.mark.parametrize("path", ["/auth/login", "/api/me", "/nope", "/static/style.css", "/healthz"])
def test_security_headers_are_on_every_answer(anonymous, path):
    headers = anonymous.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "strict-transport-security" not in headers
    secure = client_like(anonymous, BROWSER, base_url="https://testserver").get(path).headers
    assert secure["strict-transport-security"] == "max-age=31536000; includeSubDomains"


def test_nothing_inline_in_any_page(zoe, anonymous):
    for text in (zoe.get("/").text, zoe.get("/admin/me").text, anonymous.get("/auth/login").text, zoe.get("/x").text):
        assert "<style" not in text
        assert "style=" not in text
        assert "hx-on" not in text
        assert "onclick" not in text
        assert text.count("<script") == text.count('<script src="/static/')


def test_only_what_the_pages_use_may_be_loaded_and_from_this_site(browser):
    """ASVS 3.4.3."""
    policy = dict(rule.split(" ", 1) for rule in browser.get("/").headers["content-security-policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert policy.pop("base-uri") == policy.pop("frame-ancestors") == "'none'"
    assert policy == dict.fromkeys(("script-src", "style-src", "img-src", "connect-src", "form-action"), "'self'")


def test_a_refused_form_is_told_in_the_title_of_page_and_fragment(anonymous, ann, browser):
    for client, path, title in (
        (anonymous, "/auth/token", "Error: Log in – Latchkey"),
        (browser, "/auth/tokens", "Error: My sign-ins – Latchkey"),
    ):
        for headers in ({}, HTMX):
            assert f"<title>{title}</title>" in client.post(path, data={"username": "x"}, headers=headers).text


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("text/html", "text/html"),
        ("*/*", "text/html"),
        ("", "text/html"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("text/html, application/json;q=0.9", "text/html"),
        ("application/*", "application/json"),
        ("application/json;q=x, text/html;q=0.1", "text/html"),
        ("application/json;q=0", "text/html"),
        ("image/png", "text/html"),
        (";;;,,,q=", "text/html"),
        ("APPLICATION/JSON; charset=utf-8", "application/json"),
    ],
)
def test_accept(browser, accept, kind):
    assert browser.get("/admin/me", headers={"Accept": accept}).headers["content-type"].startswith(kind)


def test_expected_format_as_a_form_field(anonymous, ann):
    answer = log_in(anonymous, **{"x-expected-format": "application/json"})
    assert answer.json()["token_type"] == "bearer"
    wrong = log_in(anonymous, password="wrong", **{"x-expected-format": "application/json"})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")


LOCAL = ["/admin/me", "/admin/me?a=1&b=%2F", "/x y", "/ä", "/a#b", "/a?b=//c", "/a#//b", "/a?b=\\c", "/..", "/%2f%2fevil.example",
         "/%5c%5cevil.example", "/\uff0fevil.example", "/@evil.example", "/https:evil.example", "/?next=https://evil.example/", "/a%20b", "/%c3%a4",
         "/%2509/evil.example", "/a;b=c", "/:80/", "/" + "a" * 1999]  # fmt: skip
FOREIGN = [
    "", "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "https:evil.example", "javascript:alert(1)",
    "data:text/html,x", "evil.example", "/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "/\r\nSet-Cookie: a=b",
    "///evil.example", "/\x00", "http:///evil.example", "@evil.example", ".evil.example", "/\u2028/evil.example", "/" + "a" * 3000,
    "/a//b", "/.//evil.example", "/..//evil.example", "/%2e//evil.example", "/%2E%2e//evil.example", "/a/..//evil.example", "/a//",
    "/a/\\evil.example", "/.\\evil.example", "/a\\..\\\\evil.example", "/auth/home//evil.example?x", "/.//evil.example#x", "/.//?x", "/%09/evil.example", "/%0a/evil.example",
    "/%0D%0ASet-Cookie: a=b", "/%00", "/a%1f", "/a%7F", "/%c2%85", "/%e2%80%a8", "/\x85", "/\x7f", "/\x9b31m", "/a\tb", "/\u202egro.live", "/\u200b/evil.example",
    "?x", "#x",
]  # fmt: skip


@pytest.mark.parametrize("headers", [BROWSER, HTMX], ids=["browser", "htmx"])
def test_next_is_always_a_page_of_this_site(anonymous, ann, headers):
    client = client_like(anonymous, headers)
    name = "location" if headers is BROWSER else "hx-redirect"
    for path in LOCAL:
        assert log_in(client, next=path).headers[name].startswith(path[:2].replace("ä", "%").replace("\uff0f", "%"))
    for path in FOREIGN:
        assert log_in(client, next=path).headers[name] == "/auth/home", path


def test_message_of_somebody_else_is_not_shown(anonymous):
    for value in ("Pay here", "IlBheSI.x.y", "", "a.b.c"):
        anonymous.cookies["latchkey-message"] = value
        assert "Pay" not in anonymous.get("/auth/login").text


@pytest.mark.parametrize("status", [*SENTENCES, 418])
def test_each_error_has_a_page_with_its_number_its_sentence_and_a_way_home(anonymous, monkeypatch, status):
    async def refused(request):
        raise HTTPException(status)

    monkeypatch.setattr(app.router, "routes", [Route("/refused", refused)])
    answer = anonymous.get("/refused")
    assert answer.status_code == status
    assert f"<title>Error {status} – Latchkey</title>" in answer.text
    assert SENTENCES.get(status, SENTENCES[400]).replace("'", "&#39;") in answer.text
    assert '<a class="button" href="/">Home</a>' in answer.text
    assert answer.text.count("<h1>") == 1
