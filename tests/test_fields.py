"""The fields of forms: what they take, what they say, and that one form serves requests, commands and files."""

import datetime
import time

import pytest
from starlette.requests import Request
from starlette.routing import Route
from wtforms import ValidationError

from tests.conftest import API, HTMX, client_like
from webapp import answers, bodies, inputs
from webapp.app import app
from webapp.auth.access import open_to_all
from webapp.fields import Fields, refusal, submitted
from webapp.quick import JSONAnswer


class Person(Fields):
    name = inputs.Line("a name", 10)
    about = inputs.Lines("something about you", 20, required=False)
    email = inputs.Email("an email", 255, required=False)
    password = inputs.Secret("a password", 12, shortest=3, required=False)
    born = inputs.Day("the birth date", required=False)
    scopes = inputs.SomeOf("what they may do", ("read", "write"), required=False)

    def validate_born(self, field):
        if field.data and field.data.year < 1900:
            raise ValidationError("Enter a birth date after 1900")

    def validate_name(self, field):
        if field.data != field.data.strip() or not field.data:
            raise AssertionError("only a name that can be kept is looked at further")


def problems(**given):
    return Person().take({"name": "Ann", **given})


def value(field, text):
    form = Person()
    assert form.take({"name": "Ann", field: text}) == {}
    return form.data[field]


@pytest.mark.parametrize(
    ("field", "text", "kept"),
    [
        ("name", "  Ann  ", "Ann"),
        ("name", "Zoe\u0308", "Zoë"),
        ("name", "👩\u200d💻", "👩\u200d💻"),
        ("name", "a" * 10, "a" * 10),
        ("about", "one\r\ntwo\rthree\n", "one\ntwo\nthree"),
        ("about", "a\tb", "a\tb"),
        ("email", " Ann@Example.COM ", "ann@example.com"),
        ("email", "", ""),
        ("password", "  a b ", "  a b "),
        ("born", "1990-02-28", datetime.date(1990, 2, 28)),
        ("born", "", None),
        ("scopes", "write read", ("read", "write")),
        ("scopes", ["write"], ("write",)),
        ("scopes", [], ()),
    ],
)
def test_what_is_kept(field, text, kept):
    assert value(field, text) == kept


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("name", "", "Enter a name"),
        ("name", "   ", "Enter a name"),
        ("name", "\u200b \u200b", "Enter a name in letters that can be seen"),
        ("name", "a" * 11, "Enter a name with at most 10 characters"),
        ("name", "a" * 100000, "Enter a name with at most 10 characters"),
        ("name", "a\nb", "Enter a name in one line"),
        ("name", "a\x00b", "Enter a name without control characters"),
        ("name", "a\x1bb", "Enter a name without control characters"),
        ("name", "a\u202eb", "Enter a name without control characters"),
        ("name", "a\ud800b", "Enter a name without control characters"),
        ("name", ["a", "b"], "Enter a name once"),
        ("about", "a\x00b", "Enter something about you without control characters"),
        ("about", "a" * 21, "Enter something about you with at most 20 characters"),
        ("email", "ann", "Enter an email like name@example.com"),
        ("password", "ab", "Enter a password with at least 3 characters"),
        ("password", "a" * 13, "Enter a password with at most 12 characters"),
        ("born", "28.2.1990", "Enter the birth date as year-month-day, such as 1990-12-31"),
        ("born", "1990-02-30", "Enter the birth date as year-month-day, such as 1990-12-31"),
        ("born", "19900228", "Enter the birth date as year-month-day, such as 1990-12-31"),
        ("born", "1890-01-01", "Enter a birth date after 1900"),
        ("scopes", "read super", "Choose what they may do, of read, write"),
    ],
)
def test_what_is_refused_says_what_to_mend(field, text, sentence):
    """Input is checked against what is allowed, its length and its characters too (ASVS 2.2.1, 1.3.3)."""
    assert problems(**{field: text}) == {field: sentence}


def test_what_was_typed_is_shown_again_but_no_password():
    form = Person()
    form.take({"name": "x" * 50, "password": "secret", "about": "a\r\nb", "scopes": ["read", "evil"]})
    assert form.shown["name"] == "x" * 50
    assert form.shown["password"] == ""
    assert (form.shown["about"], form.shown["scopes"]) == ("a\nb", ["read"])


def test_one_form_takes_row_after_row_quickly():
    """Three hundred thousand rows of a file are checked in half a minute at the most."""
    form, began = Person(), time.process_time()
    for number in range(2000):
        wrong = form.take({"name": f"n{number}", "born": "1990-02-28", "scopes": "read" if number % 2 else "Q"})
        assert (wrong == {}) == bool(number % 2)
        assert form.data["name"] == f"n{number}"
    assert (time.process_time() - began) / 2000 < 0.001


def test_some_fields_alone():
    form = Person()
    assert form.take_part({"about": "hello"}) == {}
    assert form.data == {"about": "hello"}
    assert Person().take_part({"name": ""}) == {"name": "Enter a name"}


@pytest.fixture
def routes(monkeypatch):
    async def context(request):
        return {"extra": 1}

    @open_to_all
    async def take(request: Request):
        kinds = (bodies.FORM, bodies.MULTIPART, bodies.JSON)
        form = await submitted(request, Person, "login", kinds=kinds, partly=request.method == "PATCH", context=context)
        if form.data.get("name") == "taken":
            form.problems["name"] = "This name is taken"
            raise await refusal(request, form, "login", context)
        files = {name: (file.name, file.content.decode()) for name, file in form.files.items()}
        return JSONAnswer({**form.data, "files": files})

    @open_to_all
    async def form_only(request: Request):
        return JSONAnswer((await submitted(request, Person, "login")).data)

    added = [Route("/api/take", take, methods=["POST", "PATCH"]), Route("/api/form-only", form_only, methods=["POST"])]
    monkeypatch.setattr(app.router, "routes", [*app.router.routes, *added])


@pytest.fixture
def program(anonymous, routes):
    return client_like(anonymous, API)


def test_the_same_form_as_form_as_multipart_and_as_json(program):
    fields = {"name": "Zoë", "scopes": "read"}
    as_form = program.post("/api/take", data=fields).json()
    as_json = program.post("/api/take", json={"name": "Zoë", "scopes": ["read"], "born": None}).json()
    as_multipart = program.post("/api/take", data=fields, files={"cv": ("ä.txt", b"hello")}).json()
    assert as_form == as_json == {**as_multipart, "files": {}}
    assert (as_form["name"], as_form["scopes"], as_form["born"]) == ("Zoë", ["read"], None)
    assert as_multipart["files"] == {"cv": ["ä.txt", "hello"]}


def test_programs_get_the_fields_to_mend_by_name(program):
    answer = program.post("/api/take", json={"name": "", "born": "x", "salary": 3})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["fields"] == {
        "name": "Enter a name",
        "born": "Enter the birth date as year-month-day, such as 1990-12-31",
        "salary": "There is no such field",
    }
    assert answer.json()["detail"].startswith("Enter a name. Enter the birth date")


def test_a_route_may_find_a_problem_of_its_own(program):
    answer = program.post("/api/take", json={"name": "taken"})
    assert (answer.status_code, answer.json()["fields"]) == (400, {"name": "This name is taken"})


def test_a_part_is_enough_where_the_route_says_so(program):
    assert program.patch("/api/take", json={"about": "x"}).json() == {"about": "x", "files": {}}
    assert program.patch("/api/take", json={"abuot": "x"}).json()["fields"] == {"abuot": "There is no such field"}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"[1]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"name": "a", "name": "b"}', "application/json", 400),
        (b'{"name": {"a": 1}}', "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b'{"name": "\\ud800"}', "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        (b"[" * 60000, "application/json", 400),
        (b'{"a": 1' + b"0" * 5000 + b"}", "application/json", 400),
        (b"name=%ff", "application/x-www-form-urlencoded", 400),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=b", 400),
        (b"--b\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
        (b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--b--\r\n', "multipart/form-data; boundary=b", 400),
        (b"<a/>", "text/xml", 415),
        (b"<a/>", "", 415),
    ],
)  # fmt: skip
def test_a_body_that_is_not_what_it_says_is_a_clear_refusal(program, content, kind, status):
    answer = program.post("/api/take", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_a_route_takes_forms_only_unless_it_says_more(program):
    assert program.post("/api/form-only", data={"name": "Ann"}).status_code == 200
    answer = program.post("/api/form-only", json={"name": "Ann"})
    assert (answer.status_code, "application/x-www-form-urlencoded" in answer.json()["detail"]) == (415, True)


def test_pages_show_the_form_again(anonymous, routes, monkeypatch):
    shown = []
    monkeypatch.setattr(answers, "form_refusal", lambda request, refused: shown.append(refused) or JSONAnswer({}))
    client_like(anonymous, HTMX).post("/api/take", data={"name": "", "about": "kept"})
    (refused,) = shown
    assert (refused.form, refused.status_code, refused.errors) == ("login", 422, {"name": "Enter a name"})
    assert (refused.values["about"], refused.context) == ("kept", {"extra": 1})
