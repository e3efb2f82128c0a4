"""The request log: one line for each request, that tells nothing private."""

import re

import pytest

from tests.conftest import API, BROWSER, Client, client_like, session_of
from webapp import request_log
from webapp.app import app
from webapp.request_log import RequestLog

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z testclient (\S+) (\S+) (\S+) (\d{3}) \d+\.\dms\n")


@pytest.fixture
def logged(anonymous, capsys):
    """A client whose requests are logged, and what was written of them."""
    client = client_like(anonymous, BROWSER)
    client._transport.app = RequestLog(app)

    def written():
        request_log.write()
        return [LINE.fullmatch(line).groups() for line in capsys.readouterr().out.splitlines(keepends=True)]

    return client, written


def test_a_line_says_who_asked_for_what_and_how_it_was_answered(logged, browser):
    client, written = logged
    client.cookies["latchkey-session"] = session_of(browser)
    client.get("/auth/home")
    client.get("/nowhere", headers=API)
    client.post("/auth/logout")
    assert written() == [
        ("10001", "GET", "/auth/home", "200"),
        ("10001", "GET", "/nowhere", "404"),
        ("10001", "POST", "/auth/logout", "303"),
    ]


def test_a_line_tells_no_query_and_no_credential(logged):
    client, written = logged
    client.get("/auth/login?next=/secret&password=hunter2", headers={"Authorization": "Bearer abc.def.ghi"})
    assert written() == [("-", "GET", "/auth/login", "200")]


@pytest.mark.parametrize("path", ["/a%0d%0aforged", "/%1b[31mred", "/%e2%80%a8line", "/a%20b"])
def test_a_path_cannot_forge_a_line(logged, path):
    client, written = logged
    client.get(path)
    assert written() == [("-", "GET", path, "404")]


def test_a_failure_is_logged_as_500(logged, monkeypatch):
    client, written = logged
    monkeypatch.setattr("webapp.pages.sign_in.login_form", lambda request: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        client.get("/auth/login")
    assert written() == [("-", "GET", "/auth/login", "500")]


def test_many_lines_do_not_wait_for_their_time(anonymous, monkeypatch, capsys):
    monkeypatch.setattr(request_log, "TOGETHER", 3)
    client: Client = client_like(anonymous, BROWSER)
    client._transport.app = RequestLog(app)
    for _ in range(4):
        client.get("/auth/login")
    assert capsys.readouterr().out.count("\n") == 3
    request_log.write()
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("sign", [*range(0x20), *range(0x7F, 0xA0)])
@pytest.mark.parametrize("place", ["method", "raw_path", "client"])
def test_no_control_character_comes_into_a_line(capsys, place, sign):
    """Another server may pass on what a client sent as it came: C0, DEL and C1, of which 0x85 ends a line."""
    request_log.notes.clear()
    text = f"x{chr(sign)}y"
    odd = {"method": text, "raw_path": text.encode("latin-1"), "client": (text, 1)}[place]
    request_log.note({"method": "GET", "raw_path": b"/", "client": None, place: odd}, 200, 0.001)
    request_log.write()
    line = capsys.readouterr().out
    assert line.endswith("ms\n")
    assert line[:-1].isprintable()
