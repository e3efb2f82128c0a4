"""Routes are closed unless they are declared open, and behave on methods and paths that they do not know."""

import re

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from tests.conftest import API, BROWSER, HTMX, client_like, log_in
from webapp.app import app
from webapp.auth.access import closed_unless_open, open_to_all

OPEN = {
    "/": {"GET"},
    "/auth/login": {"GET"},
    "/auth/token": {"POST"},
    "/auth/logout": {"POST"},
    "/api/login": {"POST"},
    "/api/logout": {"POST"},
    "/api/refresh": {"POST"},
    "/auth/link": {"GET", "POST"},
    "/api/link": {"GET", "POST"},
    "/auth/forgot": {"GET", "POST"},
    "/api/forgot": {"GET", "POST"},
    "/auth/set-up": {"GET", "POST"},
    "/api/set-up": {"POST"},
    "/healthz": {"GET"},
    "/static": {"GET"},
    "/.well-known/change-password": {"GET"},
}
THREE = pytest.mark.parametrize(("headers", "closed"), [(BROWSER, 303), (HTMX, 401), (API, 303)], ids="bha")


def every_route():
    for route in app.routes:
        path = re.sub(r"\{\w+(:\w+)?\}", "1", route.path)
        for method in sorted(getattr(route, "methods", None) or {"GET"}):
            yield path, method


@THREE
def test_every_route_is_closed_unless_it_is_listed_here(anonymous, headers, closed):
    client = client_like(anonymous, headers)
    for path, method in every_route():
        if method in OPEN.get(path, ()) or (method == "HEAD" and "GET" in OPEN.get(path, ())):
            continue
        status = client.request(method, path).status_code
        assert status == (401 if path.startswith("/api/") else closed), f"{method} {path}"


def test_the_routes_of_the_issue_are_there():
    assert set(every_route()) >= {
        *((path, method) for path, methods in OPEN.items() for method in methods),
        ("/auth/home", "GET"),
        ("/admin/me", "GET"),
        ("/api/me", "GET"),
    }


def test_a_route_that_says_nothing_is_closed(monkeypatch, anonymous, browser):
    async def secret(request):
        return PlainTextResponse("secret")

    monkeypatch.setattr(
        app.router, "routes", closed_unless_open([Route("/secret", secret), Route("/api/secret", secret)])
    )
    assert anonymous.get("/secret").status_code == 303
    assert client_like(anonymous, API).get("/api/secret").status_code == 401
    assert browser.get("/secret").text == "secret"


def test_what_cannot_be_closed_must_be_declared_open():
    mounted = PlainTextResponse("files")
    with pytest.raises(TypeError, match="open_to_all"):
        closed_unless_open([Mount("/files", mounted)])
    assert closed_unless_open([Mount("/files", open_to_all(mounted))])


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/api/nope",
        "/auth/login/",
        "/static/",
        "/static/nope",
        "/static/../run.py",
        "/static/%2e%2e/run.py",
        "/static/%00",
        "/.git/HEAD",
        "/.env",
        "/docs",
        "//evil.example",
    ],
)
@pytest.mark.parametrize("headers", [BROWSER, HTMX, API], ids=["browser", "htmx", "api"])
def test_unknown_paths_are_404_in_the_clients_form(anonymous, headers, path):
    answer = client_like(anonymous, headers).get(f"http://testserver{path}")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "MKCOL", "GETT"])
def test_unknown_methods_are_405_and_name_the_known(browser, method):
    answer = browser.request(method, "/auth/home")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert "does not take that method" in answer.text


def test_head_has_no_body(browser):
    answer = browser.head("/admin/me")
    assert (answer.status_code, answer.content) == (200, b"")


def test_static_files_are_served_to_everybody(anonymous):
    assert "htmx" in anonymous.get("/static/htmx.min.js").text
    for file in ("style.css", "icon.svg"):
        assert anonymous.get(f"/static/{file}").status_code == 200


def test_password_managers_find_where_a_password_is_changed(anonymous, browser):
    for client in (anonymous, browser):
        answer = client.get("/.well-known/change-password")
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/password")
    assert anonymous.get("/.well-known/other").status_code == 404


def test_healthz_says_no_more_than_that_it_is_well(anonymous, monkeypatch):
    assert anonymous.get("/healthz").json() == {"status": "ok"}

    async def gone(*_):
        raise OSError("connection to 10.0.0.1 refused")

    monkeypatch.setattr("webapp.api.database.fetch_val", gone)
    answer = client_like(anonymous, API).get("/healthz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "10.0.0.1" not in answer.text


def test_only_files_may_be_kept_by_others(browser):
    found, missing = browser.get("/static/style.css"), browser.get("/static/nope")
    assert found.headers["cache-control"].startswith("public")
    assert missing.status_code == 404
    assert missing.headers["cache-control"] == "no-store"
    assert missing.headers["vary"] == "HX-Request, Accept, Cookie"


LOGINS = [
    ("/auth/token", "Basic eDp5"),
    ("/api/login", "Basic eDp5"),
    ("/auth/token", "Bearer junk"),
    ("/api/login", "Bearer junk"),
]


@pytest.mark.parametrize(("path", "authorization"), LOGINS)
def test_no_header_lets_another_site_log_in(anonymous, ann, path, authorization):
    client = client_like(anonymous, {**BROWSER, "Sec-Fetch-Site": "cross-site", "Authorization": authorization})
    answer = log_in(client, path)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_living_token_in_the_header_may_come_from_anywhere_but_not_log_in(api):
    api.headers["Sec-Fetch-Site"] = "cross-site"
    assert log_in(api, "/api/login").status_code == 403
    assert api.post("/api/sign-ins/end-others").status_code == 200


def test_a_login_ends_no_sign_in_of_a_header(api):
    assert log_in(api).status_code == 200
    assert api.get("/api/me").status_code == 200


def test_next_survives_a_failed_login_whole(anonymous, ann):
    path = "/admin/me?x=" + "b" * 1000
    assert f'value="{path}"' in log_in(anonymous, password="wrong", next=path).text
