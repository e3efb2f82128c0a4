"""Which addresses are this site's own: for writes of older browsers, and for the page that a fragment is for."""

import pytest

from tests.conftest import API, BROWSER, EMAIL, HTMX, PASSWORD, client_like
from webapp import origins, refusals, settings
from webapp.app import app
from webapp.proxies import Proxies

PUBLIC = "https://latchkey.example.com"


def is_own(address, host="site.example", scheme="http"):
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    return origins.is_own({"type": "http", "scheme": scheme, "headers": headers}, address)


@pytest.mark.parametrize(
    ("scheme", "host", "address"),
    [
        ("http", "site.example", "http://site.example"),
        ("http", "site.example", "http://site.example:80"),
        ("http", "site.example:80", "http://site.example"),
        ("http", "Site.Example:8000", "http://site.example:8000"),
        ("http", "site.example", "HTTP://SITE.EXAMPLE"),
        ("https", "site.example", "https://site.example"),
        ("https", "site.example:443", "https://site.example"),
        ("https", "site.example", "https://site.example:443"),
        ("http", "[::1]:8000", "http://[::1]:8000"),
        ("http", "127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http", "müller.example".encode().decode("latin-1"), PUBLIC),
        ("http", "127.0.0.1:8000", PUBLIC),
        ("https", "127.0.0.1:8000", f"{PUBLIC}:443"),
        ("http", "", PUBLIC),
        ("http", None, PUBLIC),
    ],
)
def test_its_own(monkeypatch, scheme, host, address):
    monkeypatch.setattr(settings, "PUBLIC_URL", PUBLIC)
    assert is_own(address, host, scheme)


def test_a_name_beyond_ascii_is_one_name(monkeypatch):
    monkeypatch.setattr(settings, "PUBLIC_URL", "https://müller.example")
    assert is_own("https://xn--mller-kva.example")
    assert is_own("https://MÜLLER.example")


@pytest.mark.parametrize("public", ["", PUBLIC])
@pytest.mark.parametrize(
    ("scheme", "host", "address"),
    [
        *[
            ("http", "site.example", address)
            for address in [
                "", "null", "foo://site.example", "https://site.example", "http://site.example:8000", "http://site.example.evil.example",
                "http://evil.example", "http://evil.example:80", "site.example", "//site.example", "http:site.example", "http:/site.example",
                "http://", "http://[", "http://[::1", "http://site.example@evil.example", "http://x@site.example", "http://@site.example",
                "http://site.example:x", "http://site.example:99999", "http://site.example:-80", "http://site.example.", "file://site.example",
                "http://evil.example#site.example", "http://evil.example\\site.example", "javascript:site.example", "http://sıte.example",
                "chrome-extension://site.example", "http://latchkey.example.com", "https://latchkey.example.com:444", "https://.", "https://a..b",
                "https://evil.example/latchkey.example.com", "https://latchkey.example.com.", "http://site.example http://evil.example",
            ]
        ],
        ("https", "site.example", "http://site.example"),
        ("https", "site.example", "http://site.example:443"),
        ("https", "site.example:443", "http://site.example:443"),
        ("http", "site.example:443", "https://site.example"),
        ("http", "site.example:8000", "http://site.example"),
        ("http", None, "http://"),
        ("http", None, "null"),
        ("http", "", "http://"),
        ("http", "x@site.example", "http://site.example"),
        ("gopher", "site.example", "gopher://site.example"),
    ],
)  # fmt: skip
def test_another_sites(monkeypatch, public, scheme, host, address):
    monkeypatch.setattr(settings, "PUBLIC_URL", public)
    assert is_own(address, host, scheme) is False


def test_an_older_browser_logs_in_behind_a_proxy_with_its_own_host(anonymous, ann, monkeypatch):
    monkeypatch.setattr(settings, "PUBLIC_URL", PUBLIC)
    form = {"username": EMAIL, "password": PASSWORD}
    for host, origin, status in [("127.0.0.1:8000", PUBLIC, 200), ("latchkey.example.com:443", PUBLIC, 200),
                                 ("latchkey.example.com", "http://latchkey.example.com:81", 403), ("127.0.0.1:8000", "null", 403)]:  # fmt: skip
        headers = {**API, "Host": host, "Origin": origin}
        assert client_like(anonymous, headers).post("/auth/token", data=form).status_code == status, (host, origin)


@pytest.mark.parametrize(
    "origin",
    ["foo://testserver", "https://testserver", "null", "", "testserver", "//testserver", "http://testserver:81"],
)
def test_the_scheme_of_the_origin_counts(anonymous, browser, origin):
    client = client_like(anonymous, {**API, "Origin": origin}, cookies=dict(browser.cookies))
    assert client.post("/auth/logout").status_code == 403
    assert browser.get("/admin/me").status_code == 200


def test_plain_http_may_not_write_to_a_site_of_https(anonymous, ann):
    client = client_like(anonymous, API, base_url="https://testserver")
    form = {"username": EMAIL, "password": PASSWORD}
    for origin, status in [
        ("http://testserver", 403),
        ("http://testserver:443", 403),
        ("https://testserver", 200),
        ("https://testserver:443", 200),
    ]:
        assert client.post("/auth/token", data=form, headers={"Origin": origin}).status_code == status


@pytest.mark.parametrize(
    ("url", "page"),
    [
        (f"{PUBLIC}/notes?x=1", "/notes%3Fx%3D1"),
        (f"{PUBLIC}:443/notes", "/notes"),
        ("http://testserver/notes#part", "/notes"),
        ("http://testserver:80/notes", "/notes"),
        ("https://testserver/notes", "/notes"),
        ("https://evil.example/notes", None),
        ("http://testserver//evil.example/phish", None),
        ("http://testserver/.//evil.example/phish", None),
        ("http://testserver/\\evil.example/phish", None),
        ("http://testserver/%09/evil.example", None),
        ("//testserver//evil.example", None),
        (f"{PUBLIC}//evil.example", None),
        ("http://testserver:x/notes", None),
    ],
)
def test_the_page_that_a_fragment_is_for(anonymous, monkeypatch, url, page):
    monkeypatch.setattr(settings, "PUBLIC_URL", PUBLIC)
    answer = client_like(anonymous, {**HTMX, "HX-Current-URL": url}).get("/admin/me")
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == ("/auth/login" if page is None else f"/auth/login?next={page}")


def test_a_closed_page_whose_path_has_two_slashes_is_no_page_to_come_back_to(anonymous, monkeypatch):
    from starlette.routing import Route

    from webapp.auth.access import closed_unless_open

    monkeypatch.setattr(app.router, "routes", closed_unless_open([Route("/{path:path}", lambda request: None)]))
    for path in ("//evil.example/phish", "/a//b", "/a/%2fb", "/%09x"):
        answer = anonymous.get(f"http://testserver{path}?x=//y")
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/login"), path


@pytest.mark.parametrize(("headers", "name"), [(BROWSER, "location"), (HTMX, "hx-redirect")])
def test_who_is_logged_in_and_opens_the_login_page_goes_where_it_leads(browser, headers, name):
    for address, target in [
        ("/notes", "/notes"),
        ("//evil.example", "/auth/home"),
        ("/.//x", "/auth/home"),
        ("", "/auth/home"),
    ]:
        answer = browser.get("/auth/login", params={"next": address}, headers=headers)
        assert answer.headers[name] == target


def test_head_of_a_closed_page_leads_back_as_get_does(anonymous):
    assert anonymous.head("/notes?x=1").headers["location"] == "/auth/login?next=/notes%3Fx%3D1"


@pytest.mark.parametrize("address", [PUBLIC, "HTTPS://latchkey.example.com"])
def test_what_could_not_be_read_is_answered_over_https_too(monkeypatch, address):
    monkeypatch.setattr(settings, "PUBLIC_URL", address)
    assert refusals.scope_of("/", [])["scheme"] == "https"
    assert Proxies(app).is_https
