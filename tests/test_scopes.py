"""What each scope is for: every route with each scope alone, for the three clients."""

import inspect

import pytest

from tests import accounts
from tests.conftest import API, BROWSER, HTMX, add_employee, client_like, log_in
from webapp.app import app
from webapp.auth.scopes import SCOPES, closure, within

SID = "a" * 22
OPEN, AUTHENTICATED = "open", "authenticated"
# What each route needs. A route that is not in this table fails the test: decide what it needs, and write it down.
NEEDED = {
    "GET /": OPEN,
    "GET /auth/login": OPEN,
    "POST /auth/token": OPEN,
    "POST /auth/logout": OPEN,
    "GET /auth/relogin": OPEN,
    "GET /static": OPEN,
    "GET /auth/link": OPEN,
    "POST /auth/link": OPEN,
    "GET /api/link": OPEN,
    "POST /api/link": OPEN,
    "GET /auth/forgot": OPEN,
    "POST /auth/forgot": OPEN,
    "GET /api/forgot": OPEN,
    "POST /api/forgot": OPEN,
    "GET /auth/set-up": OPEN,
    "POST /auth/set-up": OPEN,
    "POST /api/set-up": OPEN,
    "POST /api/login": OPEN,
    "POST /api/logout": OPEN,
    "POST /api/refresh": OPEN,
    "GET /.well-known/change-password": OPEN,
    "GET /healthz": OPEN,
    "GET /auth/home": AUTHENTICATED,
    # Whoever may log in may protect their account.
    "POST /auth/sign-ins/end-others": AUTHENTICATED,
    "POST /auth/sign-ins/{id}/end": AUTHENTICATED,
    "POST /api/sign-ins/end-others": AUTHENTICATED,
    "POST /api/sign-ins/{id}/end": AUTHENTICATED,
    "GET /auth/password": AUTHENTICATED,
    "POST /auth/password": AUTHENTICATED,
    "GET /api/password": AUTHENTICATED,
    "POST /api/password": AUTHENTICATED,
    "GET /api/me": "user:read",
    "GET /admin/me": "user:read",
    "GET /auth/sign-ins": "user:read",
    "GET /api/sign-ins": "user:read",
    "PATCH /api/me": "user:write",
    "POST /admin/me": "user:write",
    "POST /auth/tokens": "user:write",
    "POST /api/tokens": "user:write",
    "POST /notes": "user:write",
    "POST /notes/{id:int}": "user:write",
    "GET /notes": "user:read",
    "GET /notes/{id:int}": "user:read",
    "GET /notes/{id:int}/edit": "user:write",
    "POST /notes/{id:int}/delete": "user:write",
    "GET /employees": "admin:read",
    "GET /employees/{emp_no}/log": "admin:read",
    "GET /api/employees/{emp_no}/log": "admin:read",
    "GET /employees/{emp_no}": "admin:read",
    "GET /api/employees": "admin:read",
    "GET /api/employees/{emp_no}": "admin:read",
    "GET /api/employees/{emp_no}/sign-ins": "admin:read",
    "POST /employees": "admin:write",
    "GET /employees/new": "admin:write",
    "GET /employees/{emp_no}/edit": "admin:write",
    "POST /employees/{emp_no}/edit": "admin:write",
    "GET /employees/{emp_no}/scopes": "admin:write",
    "POST /employees/{emp_no}/scopes": "admin:write",
    "POST /employees/{emp_no}/deactivate": "admin:write",
    "POST /employees/{emp_no}/activate": "admin:write",
    "POST /employees/{emp_no}/password-link": "admin:write",
    "POST /employees/{emp_no}/sign-ins/end-all": "admin:write",
    "POST /employees/{emp_no}/sign-ins/{id}/end": "admin:write",
    "POST /api/employees": "admin:write",
    "PATCH /api/employees/{emp_no}": "admin:write",
    "PUT /api/employees/{emp_no}": "admin:write",
    "PUT /api/employees/{emp_no}/scopes": "admin:write",
    "POST /api/employees/{emp_no}/deactivate": "admin:write",
    "POST /api/employees/{emp_no}/activate": "admin:write",
    "POST /api/employees/{emp_no}/password-link": "admin:write",
    "POST /api/employees/{emp_no}/sign-ins/end-all": "admin:write",
    "POST /api/employees/{emp_no}/sign-ins/{id}/end": "admin:write",
}


def every_route():
    """Return each route's methods and path, with the route."""
    return {
        f"{method} {route.path}": route
        for route in app.routes
        for method in (getattr(route, "methods", None) or {"GET"}) - {"HEAD"}
    }


def declared(route):
    """Return the scopes that a route's function declares with `@requires`."""
    scopes, function = set(), getattr(route, "endpoint", None)
    while function is not None:
        if hasattr(function, "__wrapped__"):
            scopes.update(inspect.getclosurevars(function).nonlocals.get("scopes_list", ()))
        function = getattr(function, "__wrapped__", None)
    return scopes


def test_every_route_is_in_the_table_and_declares_what_it_says():
    """ASVS 8.1.1."""
    routes = every_route()
    assert routes.keys() == NEEDED.keys()
    for name, route in routes.items():
        if (told := declared(route) - {AUTHENTICATED}) or NEEDED[name].startswith("admin"):
            assert told == {NEEDED[name]}, name
        assert (AUTHENTICATED in declared(route)) == (NEEDED[name] != OPEN), name


@pytest.fixture
def other(run, anonymous):
    """Somebody who may do nothing, to whom an administrator may do anything."""
    return add_employee(run, "other@example.com", scopes=())


@pytest.mark.parametrize("scope", [None, *SCOPES])
@pytest.mark.parametrize("headers", [BROWSER, HTMX, API], ids=["browser", "htmx", "api"])
def test_each_route_with_each_scope_alone(anonymous, run, other, headers, scope):
    """ASVS 8.2.1."""
    person = add_employee(run, "person@example.com", scopes=(scope,) if scope else ())
    client = client_like(anonymous, headers)
    log_in(client, username=person.email)
    for name, needed in NEEDED.items():
        method, path = name.split()
        if needed in (OPEN, AUTHENTICATED):
            continue
        path = path.replace("{emp_no}", str(other.emp_no)).replace("{id}", SID).replace("{id:int}", "1")
        answer = client.request(method, path)
        assert (answer.status_code == 403) == (needed not in closure((scope,) if scope else ())), name
        assert answer.status_code != 401, name
        if answer.status_code == 403:
            assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
            assert answer.text.startswith({"b": "<!doctype html>", "h": "<p class=", "{": "{"}[form_of(path, headers)])


def form_of(path, headers):
    """Return in which form a client is answered."""
    return "{" if path.startswith("/api/") else "h" if headers is HTMX else "b"


@pytest.mark.parametrize(
    ("scopes", "all_of_them"),
    [
        ((), ()),
        (("admin:read",), ("admin:read",)),
        (("admin:write",), ("admin:read", "admin:write")),
        (("super:*",), SCOPES),
        (("admin:write", "user:read"), ("user:read", "admin:read", "admin:write")),
    ],
)
def test_what_a_scope_includes(scopes, all_of_them):
    assert closure(scopes) == all_of_them
    assert within(scopes, all_of_them)
    assert within(all_of_them, scopes)


def test_an_unknown_scope_allows_nothing(anonymous, run):
    add_employee(run, "odd@example.com", scopes=("root", "admin:*"))
    log_in(anonymous, username="odd@example.com")
    assert anonymous.get("/employees").status_code == 403


def test_what_one_may_not_do_one_does_not_see(anonymous, run, browser):
    shown = browser.get("/auth/home").text
    assert 'href="/employees"' not in shown
    add_employee(run, "boss@example.com", scopes=("admin:read",))
    log_in(anonymous, username="boss@example.com")
    shown = anonymous.get("/auth/home").text
    assert 'href="/employees"' in shown
    assert 'href="/admin/me"' not in shown
    assert "Add an employee" not in anonymous.get("/employees").text


def test_a_token_may_have_what_a_scope_includes_and_no_more(anonymous, run, moved_clock):
    """ASVS 8.2.1."""
    add_employee(run, "boss@example.com", scopes=("user:write", "admin:write"))
    log_in(anonymous, username="boss@example.com")
    form = {"name": "x", "ends": "2999-01-01"}

    def token(*scopes):
        from datetime import UTC, datetime

        ends = datetime.fromtimestamp(moved_clock.time + 86400 * 30, UTC).date().isoformat()
        return anonymous.post("/api/tokens", data={**form, "ends": ends, "scopes": [*scopes]})

    assert token("super:*").status_code == 400
    assert token("user:read").status_code == 400
    reader = {"Authorization": f"Bearer {token('admin:read').json()['access_token']}"}
    client = client_like(anonymous, {**API, **reader})
    assert client.get("/api/employees").status_code == 200
    assert client.post("/api/employees").status_code == 403
    assert client.get("/api/me").status_code == 403
    boss = client.get("/api/employees?q=boss").json()["employees"][0]["emp_no"]
    run(accounts.change_scopes, boss, ("user:write",))
    assert client.get("/api/employees").status_code == 403


def test_the_405_of_a_path_with_two_routes_names_the_methods_of_both(anonymous, run):
    add_employee(run, "boss@example.com", scopes=("super:*",))
    log_in(anonymous, username="boss@example.com")
    answer = anonymous.put("/employees")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"
