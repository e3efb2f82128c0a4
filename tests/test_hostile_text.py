"""Whatever text is sent in whatever place, the answer is a clear one, on every engine: never a 500."""

import itertools
import json
from collections import Counter
from urllib.parse import quote

import pytest

from tests.conftest import API, BROWSER, HTMX, add_employee, client_like, log_in
from tests.hostile_requests import FORM, FORMS, GOOD, SID, Hostile, cost_of, encoded, scope_of
from webapp.app import app

# Lone surrogates can be written in JSON alone.
SURROGATES = {"a surrogate": "\ud800", "a surrogate within": "a\udfffb", "a pair the wrong way round": "\udc00\ud800"}
TEXTS = {
    "NUL": "\x00",
    "NUL within": "a\x00b@example.com",
    "NUL after the @": "a@\x00",
    "control": "a\x01\x1b[31m\x7f\x85\x9b",
    "line ends": "a\r\nb: c",
    "turned around": "\u202ea\u2066",
    "four bytes": "💩@💩.example",
    "not a character": "\uffff\U0010ffff",
    "wildcards": "%_\\%' OR 1=1 --",
    "a long number": "9" * 5000,
    "a number too large": "2147483648",
    "a number far too large": "9223372036854775808",
    "Arabic digits": "١٢",
    "superscript": "²",
    "minus": "-0",
    "a date of another time": "0000-00-00",
    "a date with NUL": "2030-01-01\x00",
    "long": "ﷺ" * 300,
    "marks": "e" + "\u0301\u0316" * 100,
}
CLIENTS = [BROWSER, HTMX, {"Accept": "application/json"}]
# Of each client: what was taken, and what was refused in which way.
SEEN = [{200, 303, 400, 404, 422}, {200, 204, 400, 404, 422}, {200, 303, 400, 404}]
QUERIES = {
    "/employees": ("q", "sort", "limit", "after"),
    "/api/employees": ("q", "sort", "limit", "after"),
    "/employees/{emp_no}/log": ("before",),
    "/notes": ("before",),
    "/auth/login": ("next",),
    "/": ("next",),
    "/auth/link": ("token",),
    "/auth/set-up": ("token",),
    "/nowhere": ("a",),
}
PATHS = (
    "/employees/{}", "/employees/{}/edit", "/employees/{}/log", "/employees/{}/scopes", "/api/employees/{}/sign-ins",
    "/notes/{}", "/notes/{}/edit", "/static/{}", "/{}",
)  # fmt: skip
PLACES = ("/employees/{}/activate", f"/employees/{{}}/sign-ins/{SID}/end", "/employees/1/sign-ins/{}/end", "/auth/sign-ins/{}/end", "/notes/{}/delete")  # fmt: skip
HEADERS = [
    *(
        (name, b"")
        for name in ("user-agent", "accept", "cookie", "authorization", "if-match", "if-none-match", "range")
    ),
    *((name, b"") for name in ("x-forwarded-for", "x-forwarded-proto", "forwarded", "origin", "host", "content-type")),
    *((name, b"") for name in ("hx-current-url", "hx-target", "hx-request", "x-expected-format")),
    *(("cookie", name) for name in (b"session=", b"message=", b"latchkey-session=", b"latchkey-message=")),
    ("authorization", b"Bearer "),
]


def in_fields():
    """Yield each form with each text in each of its fields, in JSON or as a form."""
    for route, names in FORMS.items():
        method, path = route.split()
        for hostile in names:
            for number, (name, text) in enumerate({**SURROGATES, **TEXTS}.items()):
                fields = [(known, text if known == hostile else GOOD.get(known, "x")) for known in names]
                kind = "JSON" if name in SURROGATES or number % 2 else "escaped form"
                yield (f"{route} {hostile}: {name}", method, path, *encoded(fields, kind))
    for route in FORMS:
        method, path = route.split()
        for name, text in SURROGATES.items():
            for body in ({text: "x"}, {"a": text}, {f"a{text}\x00": [text, text]}):
                yield f"{route}: {name} as a name", method, path, "application/json", json.dumps(body).encode()


def requests():
    """Yield every request."""
    for name, method, path, content_type, body in in_fields():
        headers = [(b"content-type", content_type.encode())]
        yield Hostile(name, method, path.encode(), headers=headers, body=body)
    for (path, parameters), (name, text) in itertools.product(QUERIES.items(), TEXTS.items()):
        for parameter in parameters:
            yield Hostile(
                f"{path} {parameter}: {name}", path=path.encode(), query=f"{parameter}={quote(text)}".encode()
            )
    for name, text in TEXTS.items():
        for path in PATHS:
            yield Hostile(f"{path}: {name}", path=path.format(quote(text)).encode())
        for path in PLACES:
            yield Hostile(f"{path}: {name}", "POST", path.format(quote(text)).encode())
        for header, before in HEADERS:
            value = before + text.encode()[:300]
            yield Hostile(f"{header}: {before!r} {name}", path=b"/auth/sign-ins", headers=[(header.encode(), value)])
        login = b"username=ann.lee%40example.com&password=x"
        said = [(b"content-type", FORM.encode()), (b"user-agent", text.encode()[:300])]
        yield Hostile(f"login with the user agent: {name}", "POST", b"/api/login", headers=said, body=login)


@pytest.fixture
def boss(anonymous, run, ann):
    """The header of somebody who may do everything, and the number of somebody who may not."""
    add_employee(run, "boss@example.com", first_name="Bob", last_name="Moss", scopes=("super:*",))
    program = client_like(anonymous, API)

    def enter():
        answer = log_in(program, "/api/login", username="boss@example.com")
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    return enter


@pytest.mark.parametrize("third", range(3))
def test_no_text_anywhere_is_a_failure(anonymous, run, ann, boss, third):
    """Each request as one of the three clients; in three parts, so that no test takes long."""
    failed, statuses, who = [], Counter(), boss()
    for number, hostile in itertools.islice(enumerate(requests()), third, None, 3):
        headers = {**CLIENTS[third], **who}
        said = hostile.name.startswith("authorization")
        scope = scope_of(hostile, {} if said else headers, ann.emp_no, number)
        status, _ = run(cost_of, app, scope, hostile.body)
        statuses[status] += 1
        if status >= 500:
            failed.append((status, hostile.name))
        if hostile.path.endswith(b"/logout"):
            who = boss()
    assert failed == []
    assert SEEN[third] <= statuses.keys(), statuses
    for path in ("/auth/sign-ins", f"/employees/{ann.emp_no}", f"/employees/{ann.emp_no}/log", "/employees", "/notes"):
        assert client_like(anonymous, {**BROWSER, **who}).get(path).status_code == 200


@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=SURROGATES)
@pytest.mark.parametrize(("headers", "status"), [(BROWSER, 422), (HTMX, 422), ({"Accept": "application/json"}, 400)])
def test_half_a_character_is_said_beside_its_field(browser, surrogate, headers, status):
    right = {"name": "backup", "scopes": "user:read", "ends": "2030-01-01"}
    for field in right:
        body = json.dumps({**right, field: surrogate})
        answer = browser.post("/auth/tokens", content=body, headers={**headers, "Content-Type": "application/json"})
        assert answer.status_code == status
        assert field in (answer.json()["fields"] if status == 400 else answer.text)


@pytest.mark.parametrize("query", ["a\x00@b", "x@\x00", "\x00", "a\x00b", "@\x1b", "💩@💩"])
def test_a_search_takes_any_text(run, anonymous, ann, boss, query):
    answer = client_like(anonymous, {**API, **boss()}).get("/api/employees", params={"q": query})
    assert answer.status_code == 200


@pytest.mark.parametrize("query", ["ann.lee\x00@example", "\x01ann lee", "lee\x00 ann"])
def test_control_characters_in_a_search_count_for_nothing(run, anonymous, ann, boss, query):
    answer = client_like(anonymous, {**API, **boss()}).get("/api/employees", params={"q": query})
    assert [entry["emp_no"] for entry in answer.json()["employees"]] == [ann.emp_no]
