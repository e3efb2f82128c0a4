"""Fields are counted before anything is parsed, a body is parsed once, and what is parsed is the same as ever."""

import json
import random
import unicodedata
from urllib.parse import unquote_to_bytes

import pytest

from tests.conftest import API, BROWSER, HTMX, client_like
from tests.hostile_requests import FORM, MULTIPART, bodies
from tests.pace import seconds_of
from webapp import bodies as webapp_bodies
from webapp import emails, forms, headers, limits
from webapp.clients import Client, preferred
from webapp.normal_forms import MAX_MARKS, compose
from webapp.user_agents import in_words, kept

LIMIT_SECONDS = 0.004
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"


def all_bodies():
    yield from bodies(random.Random(1))  # noqa: S311  these are no secrets
    part = '--b\r\nContent-Disposition: form-data; name="a"' + ";" * 240 + "\r\n\r\nx\r\n"
    yield "multipart: heads of semicolons", MULTIPART, (part * 9 + "--b--").encode()


@pytest.mark.parametrize(("content_type", "body"), [pytest.param(*case[1:], id=case[0]) for case in all_bodies()])
def test_no_body_takes_long_to_parse(content_type, body):
    body = body[:65_536]
    if content_type.startswith("multipart"):
        assert seconds_of(lambda: webapp_bodies.from_multipart(body, content_type), LIMIT_SECONDS) < LIMIT_SECONDS
    elif content_type.endswith("json"):
        assert seconds_of(lambda: webapp_bodies.from_json(body), LIMIT_SECONDS) < LIMIT_SECONDS
    else:
        assert seconds_of(lambda: forms.fields_in(body), LIMIT_SECONDS) < LIMIT_SECONDS


def test_escapes_are_read_as_urllib_reads_them():
    rng = random.Random(3)  # noqa: S311  these are no secrets
    pieces = [
        b"%",
        b"=",
        b"4",
        b"a",
        b"\r",
        b"\n",
        b" ",
        b"_",
        b"\x00",
        b"F",
        b"g",
        b"\xff",
        b"%3D",
        b"%0d%0A",
        b"%%",
        b"%C3%A4",
    ]
    for _ in range(20_000):
        text = b"".join(rng.choices(pieces, k=rng.randrange(12)))
        assert forms.unescaped(text) == unquote_to_bytes(text)


@pytest.mark.parametrize(("fields", "status"), [(51, 400), (50, 303)])
def test_fields_are_counted(anonymous, ann, fields, status):
    body = "username=ann.lee%40example.com&password=correct+horse+battery+staple" + "&a=1" * (fields - 2)
    assert anonymous.post("/auth/token", content=body, headers={"Content-Type": FORM}).status_code == status


@pytest.mark.parametrize("headers", [BROWSER, HTMX, API], ids="bha")
@pytest.mark.parametrize("path", ["/", "/api/me", "/nowhere", "/auth/login", "/auth/link"])
def test_so_are_those_of_a_query(anonymous, headers, path):
    client = client_like(anonymous, headers)
    assert client.get(f"{path}?{'a&' * 51}").status_code == 400
    assert client.get(f"{path}?{'%' * 101}").status_code == 400
    assert client.get(f"{path}?{'a=1&' * 50}a").status_code != 400


def test_some_percent_signs_are_just_that(anonymous):
    answer = anonymous.post("/auth/token", content="username=50%+off%zz&password=", headers={"Content-Type": FORM})
    assert 'value="50% off%zz"' in answer.text


def test_the_expected_format_counts_in_forms_that_may_be_read(anonymous):
    asked = "x-expected-format=application%2Fjson"
    assert anonymous.post("/nowhere", content=f"{asked}{'&a=1' * 49}", headers={"Content-Type": FORM}).text.startswith(
        "{"
    )
    for body in (f"{asked}{'&a=1' * 51}", f"{asked}&a=%ff", f"{asked}&{asked}"):
        assert anonymous.post("/nowhere", content=body, headers={"Content-Type": FORM}).text.startswith("<!doctype")


@pytest.mark.parametrize("path", ["/api/login", "/api/link", "/api/refresh", "/nowhere"])
@pytest.mark.parametrize("rest", ["", "&a=%ff"])
def test_a_body_is_parsed_once(anonymous, monkeypatch, path, rest):
    parsed = []
    fields_in = forms.fields_in
    monkeypatch.setattr(forms, "fields_in", lambda body: parsed.append(body) or fields_in(body))
    body = f"x-expected-format=application/json&token=a&new_password=b&username=c&password=d&grant_type=e{rest}"
    anonymous.post(path, content=body, headers={"Content-Type": FORM})
    assert len(parsed) == 1


@pytest.mark.parametrize(
    "body",
    ['{"a": {"b": "c"}}', '[{"a": "b"}]', '{"a": [{}]}', '{"a": "b", "a": "c"}', '{"a": 1.5}', '{"a": [[1]]}', '"a"', "1", "null", "{} {}",
     json.dumps({str(number): 1 for number in range(51)}), json.dumps({"a": [1] * 51})],
)  # fmt: skip
def test_json_that_no_form_would_send_is_refused(body):
    with pytest.raises(ValueError):
        webapp_bodies.from_json(body.encode())


def test_json_numbers_are_what_they_were():
    long = "9" * 6000
    body = webapp_bodies.from_json(f'{{"a": 12, "b": -5, "c": [1, "2"], "d": {long}}}'.encode())
    assert body.values == {"a": ["12"], "b": ["-5"], "c": ["1", "2"], "d": [long]}


@pytest.mark.parametrize("headers", [BROWSER, HTMX, API], ids="bha")
@pytest.mark.parametrize(("path", "query"), [("/nowhere", 8183), ("/" + "a" * 8000, 190), ("/" + "a" * 8191, 0)])
def test_an_address_has_8192_bytes_at_most(anonymous, headers, path, query):
    client = client_like(anonymous, headers)
    assert client.get(path, params="b" * query).status_code == 404
    answer = client.get(path + "a", params="b" * query)
    assert (answer.status_code, "Shorten it" in answer.text) == (414, True)
    assert ("<h1>Address too long</h1>" in answer.text) == (headers is not HTMX)


def test_headers_are_counted(anonymous):
    headers = [(f"x{number}", "1") for number in range(limits.MAX_HEADERS - 20)]
    assert anonymous.get("/auth/login", headers=headers).status_code == 200
    answer = anonymous.get("/auth/login", headers=[*headers, *headers])
    assert (answer.status_code, "send fewer headers" in answer.text) == (431, True)


class TestComposed:
    @pytest.mark.parametrize(
        "text", ["", "Ann", "Zoe\u0308", "e\u0301\u0323", "\u1112\u1161\u11ab", "a" + "\u0301" * MAX_MARKS, "A\u0f73"]
    )
    def test_as_unicode_has_it(self, text):
        assert compose(text) == unicodedata.normalize("NFC", text)

    @pytest.mark.parametrize("marks", ["\u0301", "\u0301\u0316", "\u0f73", "\u0345\u0334", "\u0344"])
    def test_more_marks_than_any_language_has(self, marks):
        with pytest.raises(ValueError, match="Enter at most 30 marks on one letter"):
            compose("a" + marks * 31)
        assert seconds_of(lambda: compose(("a" + (marks * 30)[:30]) * 260), LIMIT_SECONDS) < LIMIT_SECONDS


class TestEmails:
    def test_longer_than_an_email_may_be(self):
        with pytest.raises(ValueError, match="more than 254"):
            emails.well_formed("a@" + "b." * 200 + "com")

    @pytest.mark.parametrize(
        "piece", ["é.", "ß.", "क्\u200d", "a\u0301", "ﷺ", "１", "xn--", "ⓐ", "Ａ。", "\u0301\u0316", "א."]
    )
    def test_none_takes_long(self, piece):
        assert (
            seconds_of(lambda: emails.well_formed(f"b@{piece * (250 // len(piece))}com"), LIMIT_SECONDS) < LIMIT_SECONDS
        )


@pytest.mark.parametrize(
    "piece", [b"*/*,", b",", b";", b"a;", b"text/html;q=0.1,", b"*/*;q=1" + b"1" * 300 + b",", b"application/*;q=.5,"]
)
def test_no_accept_takes_long(anonymous, piece):
    assert seconds_of(lambda: preferred.__wrapped__((piece * 1000)[:1000], Client.JSON), LIMIT_SECONDS) < LIMIT_SECONDS
    padded = b"text/html;q=0.1," + b"," * 2000 + b"application/json"
    assert anonymous.get("/auth/login", headers={"Accept": padded}).text.startswith("<!doctype")


class TestUserAgents:
    @pytest.mark.parametrize(
        ("user_agent", "words"),
        [(FIREFOX, "Firefox on Linux"), (IPHONE, "Mobile Safari on iOS"), ("curl/8.5.0", "curl"), ("nonsense", "nonsense"), ("", "An unnamed program"),
         ("my-tool/1.0", "my-tool"), ("<script>", "<script>"), ("a\x01b/1", "a?b")],
    )  # fmt: skip
    def test_in_words(self, user_agent, words):
        assert in_words(user_agent) == words

    def test_what_is_kept_fits_and_can_be_shown(self):
        assert kept("a\x00\ud800\x9b" + "b" * 300) == "a???" + "b" * 251

    def test_twenty_hostile_ones_take_no_longer_than_a_page_may(self):
        in_words("warm")
        number = iter(range(10**6))
        pieces = ["(;", "Mozilla/5.0 (", "x", "Android 1; ", "Windows NT 1.1;", "1.", "Chrome/1 "]
        assert (
            seconds_of(
                lambda: [in_words((f"{next(number)}" + piece * 255)[:255]) for piece in pieces * 3], LIMIT_SECONDS
            )
            < 2 * LIMIT_SECONDS
        )


@pytest.mark.parametrize("piece", [b"%", b"%4", b"%41", b"%74oken", b"=", b"&"])
def test_whether_a_query_has_a_token_is_found_in_no_time(piece):
    scope = {"path": "/nowhere", "query_string": (piece * 32_768)[:32_768]}
    assert seconds_of(lambda: headers.has_token(scope), LIMIT_SECONDS / 2) < LIMIT_SECONDS / 2


@pytest.mark.parametrize(
    ("query", "has_one"),
    [
        (b"", False),
        (b"a=b", False),
        (b"a=%25token", True),
        (b"token=x", True),
        (b"%74ok%65n=x", True),
        (b"t=oken", False),
    ],
)
def test_a_token_is_found_however_its_name_is_written(query, has_one):
    assert headers.has_token({"path": "/nowhere", "query_string": query}) is has_one
