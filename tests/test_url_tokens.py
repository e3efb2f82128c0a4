"""An address with a token: no log, no Referer, no login page and no cookie has it afterwards (ASVS 14.2.1)."""

import pytest
from starlette.requests import Request
from starlette.routing import Route

from tests.conftest import API, BROWSER, HTMX, client_like
from webapp import request_log, url_tokens
from webapp.app import app
from webapp.auth.access import closed_unless_open, open_to_all
from webapp.request_log import RequestLog

TOKEN = "W10.abc-_x"
# Mail programs and scanners rewrite addresses; each of these has the token all the same.
ADDRESSES = [
    f"/auth/link?token={TOKEN}",
    f"/auth/link?%74oken={TOKEN}",
    f"/auth/link?x=1&token={TOKEN}",
    f"/auth/link?token={TOKEN}&token={TOKEN}",
    f"/auth/link?token%3D{TOKEN}",
    f"/auth/link%3Ftoken={TOKEN}",
    f"/auth/link%3ftoken%3D{TOKEN}",
    f"/auth/link/?token={TOKEN}",
    f"/auth/set-up?token={TOKEN}",
    f"/nowhere?token={TOKEN}",
    f"/auth/login?next=%2Fauth%2Flink%3Ftoken%3D{TOKEN}",
]
THREE = pytest.mark.parametrize("headers", [BROWSER, HTMX, API], ids="bha")


def asked(query):
    return Request({"type": "http", "query_string": query.encode(), "headers": [], "path": "/auth/link"})


@pytest.mark.parametrize(
    ("query", "token"),
    [
        (f"token={TOKEN}", TOKEN),
        (f"x=1&token={TOKEN}", TOKEN),
        ("", ""),
        ("token=", ""),
        ("token", ""),
        (f"Token={TOKEN}", ""),
        (f"token={TOKEN}&token={TOKEN}", ""),
        (f"token={TOKEN}&token=", ""),
        (f"token={TOKEN})", ""),
        (f"token={TOKEN}%0A", ""),
        ("token=%00", ""),
        ("token=%ff", ""),
        ("token=" + "x" * 501, ""),
    ],
)
def test_an_address_has_one_token_or_none(query, token):
    assert url_tokens.token_in_address(asked(query)) == token


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_whatever_is_answered_there_no_request_of_the_page_tells_the_address(anonymous, address, method):
    answer = anonymous.request(method, address)
    if answer.status_code != 303:  # an answer without a page makes no request that would tell
        assert answer.headers.get_list("referrer-policy") == ["no-referrer"]


def test_a_failure_there_does_not_tell_it_either(anonymous, monkeypatch):
    @open_to_all
    async def explode(request):
        raise RuntimeError

    monkeypatch.setattr(app.router, "routes", closed_unless_open([Route("/auth/link", explode)]))
    client = client_like(anonymous, BROWSER, raise_server_exceptions=False)
    answer = client.get(f"/auth/link?token={TOKEN}")
    assert answer.status_code == 500
    assert answer.headers.get_list("referrer-policy") == ["no-referrer"]


@pytest.mark.parametrize("path", ["/auth/login", "/auth/login?next=/employees?q=x", "/nowhere", "/auth/token"])
def test_other_addresses_are_told_within_this_site(anonymous, path):
    assert anonymous.get(path).headers.get_list("referrer-policy") == ["same-origin"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_request_log_has_it_never(anonymous, address, capsys):
    """ASVS 16.2.5: not even where a mail program has encoded the question mark, too."""
    client = client_like(anonymous, BROWSER)
    client._transport.app = RequestLog(app)
    client.get(address)
    request_log.write()
    printed = capsys.readouterr().out
    assert " GET /" in printed
    assert TOKEN not in printed


@THREE
@pytest.mark.parametrize("path", ["/auth/home", "/notes"])
@pytest.mark.parametrize("name", ["token", "%74oken"])
def test_a_redirect_to_the_login_page_has_it_never(anonymous, headers, path, name):
    answer = client_like(anonymous, headers).get(f"{path}?{name}={TOKEN}")
    assert TOKEN not in repr(answer.headers)


@pytest.mark.parametrize("query", [f"token={TOKEN}", f"%74oken={TOKEN}", f"a=b&token={TOKEN}", f"token%3D{TOKEN}"])
def test_the_page_that_htmx_tells_of_is_not_gone_back_to(anonymous, query):
    """Without its script a page would tell it in HX-Current-URL."""
    htmx = client_like(anonymous, {**HTMX, "HX-Current-URL": f"http://testserver/auth/link?{query}"})
    assert htmx.get("/auth/home").headers["hx-redirect"] == "/auth/login"


@pytest.mark.parametrize(
    "path", [f"/auth/link?token={TOKEN}", f"/auth/link?%74oken={TOKEN}", f"/auth/link%3Ftoken={TOKEN}"]
)
def test_nobody_is_led_from_the_login_to_a_link(anonymous, ann, path):
    from tests.conftest import log_in

    assert log_in(anonymous, next=path).headers["location"] == "/auth/home"
