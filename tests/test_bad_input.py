"""Bad input is answered with a clear 4xx in the client's form, and does nothing."""

import pytest

from tests.conftest import API, BROWSER, EMAIL, HTMX, PASSWORD, client_like, log_in
from webapp import limits, settings

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CLIENTS = pytest.mark.parametrize(("headers", "form_status"), [(BROWSER, 422), (HTMX, 422), (API, 400)], ids="bha")
GOOD = f"username={EMAIL}&password={PASSWORD}"


def in_the_clients_form(answer, headers):
    start = {
        id(BROWSER): "<!doctype html>",
        id(HTMX): ("<p class", "<title>Error: Log in – Latchkey</title>\n<form id"),
        id(API): '{"detail":',
    }[id(headers)]
    return answer.text.startswith(start)


FIELDS = {
    "nothing": b"",
    "no password": b"username=a",
    "no username": b"password=a",
    "empty": b"username=&password=",
    "blank": b"username=+&password=x",
    "two usernames": f"{GOOD}&username={EMAIL}".encode(),
    "two passwords": f"{GOOD}&password=x".encode(),
    "NUL in the email": b"username=a%00b&password=x",
    "newline in the email": b"username=a%0d%0aSet-Cookie:+x&password=x",
    "long email": b"username=" + b"a" * 256 + b"&password=x",
    "long password": b"username=a&password=" + b"a" * 1001,
    "other names": b"email=a&pass=b",
    "names in capitals": b"USERNAME=a&PASSWORD=b",
}


@CLIENTS
@pytest.mark.parametrize("path", ["/auth/token", "/api/login"])
@pytest.mark.parametrize("body", FIELDS.values(), ids=FIELDS)
def test_fields(anonymous, ann, headers, form_status, path, body):
    answer = client_like(anonymous, headers).post(path, content=body, headers=FORM)
    if path == "/api/login":
        headers, form_status = API, 400
    assert answer.status_code == form_status
    assert in_the_clients_form(answer, headers)
    assert "Enter your" in answer.text
    assert "set-cookie" not in answer.headers


UNREADABLE = {
    "not UTF-8": (FORM, b"username=%ff%fe&password=x", 400),
    "not UTF-8, raw": (FORM, b"username=\xff&password=x", 400),
    "UTF-8 of a surrogate": (FORM, b"username=%ed%a0%80&password=x", 400),
    "many fields": (FORM, b"a=1&" * 60 + GOOD.encode(), 400),
    "JSON": ({"Content-Type": "application/json"}, b'{"username": "a", "password": "b"}', 415),
    "XML": ({"Content-Type": "application/xml"}, b"<a/>", 415),
    "text": ({"Content-Type": "text/plain"}, GOOD.encode(), 415),
    "multipart": ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--", 415),
    "no type": ({}, GOOD.encode(), 415),
    "odd type": ({"Content-Type": ";;="}, GOOD.encode(), 415),
    "a megabyte": (FORM, b"username=" + b"a" * 2**20, 413),
    "a byte too many": (FORM, b"a" * 65537, 413),
}


@CLIENTS
@pytest.mark.parametrize(("sent", "body", "status"), UNREADABLE.values(), ids=UNREADABLE)
def test_bodies(anonymous, headers, form_status, sent, body, status):
    answer = client_like(anonymous, headers).post("/auth/token", content=body, headers=sent)
    assert answer.status_code == status
    assert in_the_clients_form(answer, headers)


@CLIENTS
def test_a_large_body_in_pieces(anonymous, headers, form_status):
    pieces = (b"a" * 10_000 for _ in range(10))
    answer = client_like(anonymous, headers).post("/auth/token", content=pieces, headers=FORM)
    assert answer.status_code == 413
    assert in_the_clients_form(answer, headers)


@pytest.mark.parametrize("length", ["-1", "abc", "99999999999999999999", "1e3", "65537"])
def test_content_length_that_is_none(anonymous, length):
    answer = anonymous.post("/auth/logout", headers={"Content-Length": length})
    assert answer.status_code == 413


def test_a_large_body_to_a_route_that_reads_none(browser):
    answer = browser.post("/auth/logout", content=b"a" * 65537)
    assert (answer.status_code, answer.headers["Connection"]) == (413, "close")
    assert browser.get("/admin/me").status_code == 200


def test_a_body_of_the_largest_size_is_read(anonymous, ann):
    body = GOOD.encode() + b"&x=" + b"a" * (65536 - len(GOOD) - 3)
    assert len(body) == settings.MAX_BODY_BYTES
    assert anonymous.post("/auth/token", content=body, headers=FORM).status_code == 303


def test_a_body_that_does_not_arrive_is_408(anonymous, monkeypatch):
    import anyio

    from webapp.app import app

    monkeypatch.setattr(settings, "BODY_TIMEOUT_SECONDS", 0)
    sent = []

    async def never():
        await anyio.sleep_forever()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/api/login", "raw_path": b"/api/login", "query_string": b"", "root_path": "",
        "scheme": "http", "client": ("testclient", 1), "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
    }  # fmt: skip
    anonymous.portal.call(app, scope, never, send)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b"too long to arrive" in sent[1]["body"]


def test_upper_and_foreign_form_types_are_read(anonymous, ann):
    content_type = "Application/X-WWW-Form-Urlencoded; charset=UTF-8"
    answer = anonymous.post("/auth/token", content=GOOD.encode(), headers={"Content-Type": content_type})
    assert answer.status_code == 303


def test_extra_fields_do_nothing(anonymous, ann, run):
    body = log_in(client_like(anonymous, API), "/api/login", scopes="super:*", emp_no="1", grant_type="magic").json()
    client = client_like(anonymous, {**API, "Authorization": f"Bearer {body['access_token']}"})
    assert client.get("/api/me").json()["scopes"] == ["user:read", "user:write"]


@pytest.mark.parametrize("header", ["cookie", "accept", "hx-current-url", "user-agent", "authorization", "origin", "content-type",
                                    "x-expected-format", "sec-fetch-site", "host"])  # fmt: skip
@pytest.mark.parametrize("value", [b"\xff\xfe", b"a" * 8000, b"latchkey-session=\xc3\x28; =; ;;", b"'\"<>{}%00", b""])
def test_odd_headers_never_fail(anonymous, header, value):
    for path in ("/admin/me", "/auth/login", "/api/me"):
        answer = anonymous.get(path, headers=[(header.encode(), value)])
        assert answer.status_code in (200, 303, 401)
    answer = anonymous.post("/auth/token", headers=[(header.encode(), value)])
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("path", ["/auth/logout", "/api/logout", "/nope", "/static/style.css", "/healthz", "/api/me"])
def test_a_large_body_is_413_whoever_reads_it(anonymous, method, path):
    pieces = (b"a" * 10_000 for _ in range(10))
    assert anonymous.request(method, path, content=pieces).status_code == 413


@pytest.mark.parametrize(("path", "status"), [("/auth/logout", 200), ("/auth/tokens", 401), ("/nope", 404)])
def test_the_expected_format_may_be_a_field_of_any_form(anonymous, path, status):
    answer = anonymous.post(path, data={"x-expected-format": "application/json"})
    assert answer.status_code == status
    assert "detail" in answer.json()


@pytest.mark.parametrize("path", ["/api/me%0a", "/auth/login%0A", "/auth/sign-ins%0a"])
def test_a_path_ends_where_it_ends(browser, path):
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize("length", [b"9", b"9 ", b"9\t ", b"009", b"0" * 9000 + b"9"], ids=len)
def test_space_behind_an_announced_length_is_not_part_of_it(length):
    assert limits.announced_length({"headers": [(b"host", b"a"), (b"content-length", length)]}) == 9


@pytest.mark.parametrize("length", [b"", b" ", b"9 9", b"+9", b"9a", b"9" * 9000], ids=len)
def test_a_length_that_is_none_is_too_much(length):
    assert limits.announced_length({"headers": [(b"content-length", length)]}) > settings.MAX_BODY_BYTES
