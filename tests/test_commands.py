"""The commands: what they do, and the one line with which they refuse."""

import asyncio
import contextlib
import getpass
import io
import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request

import pytest
from databases import DatabaseURL
from sqlalchemy import select, update
from starlette.requests import Request

from tests.conftest import EMAIL, PASSWORD, add_employee, log_in
from webapp import commands, schema, server, settings
from webapp import database as tables
from webapp import employees as staff
from webapp.auth import passwords, set_up
from webapp.cli import main
from webapp.database import database
from webapp.tables import employees, metadata

MAY_DO_EVERYTHING = "They may do everything (super:*), since no administrator could log in before"
USER = ["create-user", "--email", EMAIL, "--first-name", "Ann", "--last-name", "Lee"]


@pytest.fixture
def typed(monkeypatch):
    """Put something on standard input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


@pytest.fixture
def terminal(monkeypatch):
    """A terminal at which somebody answers without echo."""

    def answer(*answers):
        answers = iter(answers)
        monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda _: True})())
        monkeypatch.setattr(getpass, "getpass", lambda _: next(answers))

    return answer


def refused(capsys, *arguments):
    """Return the one line with which a command refuses, with exit status 2."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert printed.out == ""
    return line


def all_employees(running):
    running.portal.call(database.connect)
    rows = running.portal.call(database.fetch_all, select(employees).order_by(employees.c.emp_no))
    running.portal.call(database.disconnect)
    return rows


@pytest.mark.parametrize(
    "command",
    [
        "",
        "serve",
        "create-user",
        "load-sample",
        "password-link",
        "sign-ins",
        "end-sign-ins",
        "new-key",
        "backup",
        "log",
        "import-employees",
        "export-employees",
    ],
)
def test_help(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"] if command else ["--help"])
    assert ended.value.code == 0
    assert f"usage: run.py {command}".strip() in capsys.readouterr().out


def test_create_user_from_a_pipe(running, stopped, typed, capsys):
    typed(f"{PASSWORD}\n")
    details = [
        "--birth-date",
        "1990-02-28",
        "--gender",
        "F",
        "--hire-date",
        "2020-01-02",
        "--scopes",
        "user:read,admin:read",
    ]
    assert main([*USER, *details, "--password-stdin"]) == 0
    assert capsys.readouterr().out == f"Employee 1 was added: {EMAIL}\n{MAY_DO_EVERYTHING}\n"
    (row,) = all_employees(running)
    assert (row["email"], row["scopes"], str(row["birth_date"]), row["gender"]) == (
        EMAIL,
        "user:read admin:read super:*",
        "1990-02-28",
        "F",
    )
    running.portal.call(database.connect)
    assert log_in(running).status_code == 303
    running.cookies.clear()


def test_create_user_at_a_terminal(running, stopped, terminal):
    terminal(PASSWORD, PASSWORD)
    assert main(USER) == 0
    assert len(all_employees(running)) == 1


def test_two_different_passwords_do_nothing(running, stopped, terminal, capsys):
    terminal(PASSWORD, "something else")
    assert "the two passwords differ" in refused(capsys, *USER)
    assert all_employees(running) == []


def test_without_a_terminal_the_pipe_is_named(stopped, typed, capsys):
    typed(PASSWORD)
    assert "--password-stdin" in refused(capsys, *USER)


@pytest.mark.parametrize("password", ["", "\n", "seven77"])
def test_a_short_password_is_refused(running, stopped, typed, capsys, password):
    typed(password)
    assert "15 to 1,000 characters" in refused(capsys, *USER, "--password-stdin")
    assert all_employees(running) == []


def test_a_password_that_is_no_text_is_refused(running, stopped, typed, capsys):
    typed("seventeen \udcff characters")
    assert "not text in UTF-8" in refused(capsys, *USER, "--password-stdin")
    assert all_employees(running) == []


def test_the_end_of_the_terminal_in_place_of_a_password_is_refused(running, stopped, terminal, monkeypatch, capsys):
    terminal()

    def ended(prompt):
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", ended)
    assert "no password was given" in refused(capsys, *USER)
    assert all_employees(running) == []


@pytest.mark.parametrize("answered", [0, 1])
def test_ctrl_c_in_place_of_a_password_ends_the_command_at_once(running, stopped, terminal, monkeypatch, answered):
    waited = []

    def answer(_):
        if len(waited) == answered:
            signal.raise_signal(signal.SIGINT)
        waited.append("for an answer")
        return PASSWORD

    terminal()
    monkeypatch.setattr(getpass, "getpass", answer)
    assert main(USER) == 130
    assert (len(waited), all_employees(running)) == (answered, [])


def test_the_same_again_may_be_composed_otherwise(running, stopped, terminal):
    terminal("caf\u00e9 violet tr\u00e8s loin", "cafe\u0301 violet tre\u0300s loin")
    assert main(USER) == 0
    assert len(all_employees(running)) == 1


def test_a_known_email_is_refused_in_any_case(running, stopped, typed, capsys):
    typed(PASSWORD)
    main([*USER, "--password-stdin"])
    assert "already" in refused(capsys, "create-user", "--email", EMAIL.upper(), *USER[3:], "--password-stdin")
    assert len(all_employees(running)) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--email", "nobody"], "Enter an email address"),
        (["--email", "a@b@c"], "Enter an email address"),
        (["--email", "a b@example.com"], "Enter an email address"),
        (["--first-name", " "], "1 to 50"),
        (["--last-name", "x" * 51], "1 to 50"),
        (["--birth-date", "1990-02-30"], "date from 1900 on"),
        (["--hire-date", "yesterday"], "date from 1900 on"),
        (["--hire-date", "99999999999-1-1"], "date from 1900 on"),
        (["--birth-date", "90-1-1"], "date from 1900 on"),
        (["--birth-date", "1899-12-31"], "date from 1900 on"),
        (["--gender", "?"], "invalid choice"),
        (["--scopes", "user:read,root"], "and not root"),
        (["--birth-date", "2000-01-01", "--hire-date", "1999-01-01"], "Enter a hire date after the birth date"),
        (["--shoe-size", "44"], "unrecognized"),
    ],
)
def test_malformed_details_are_refused(running, stopped, typed, capsys, arguments, said):
    typed(PASSWORD)
    assert said in refused(capsys, *USER, "--password-stdin", *arguments)
    assert all_employees(running) == []


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["create-user"], ["serve", "x"], ["sign-ins"], ["end-sign-ins"], ["end-sign-ins", EMAIL, "--all"]],
)
def test_a_malformed_command_is_one_line(capsys, arguments):
    assert "--help" in refused(capsys, *arguments)


def test_load_sample_adds_ten_who_can_log_in(running, stopped, capsys):
    assert main(["load-sample"]) == 0
    printed = re.findall(r"(\S+@example\.com)\s+(\S+)", capsys.readouterr().out)
    assert len(printed) == len(all_employees(running)) == 10
    assert [row["emp_no"] for row in all_employees(running)] == [1, *range(10001, 10010)]
    assert "already" in refused(capsys, "load-sample")
    running.portal.call(database.connect)
    for email, password in printed[:2]:
        assert log_in(running, username=email, password=password).status_code == 303
    running.cookies.clear()


def test_sign_ins_are_listed_and_ended(browser, api, stopped, capsys):
    main(["sign-ins", EMAIL])
    listed = capsys.readouterr().out
    assert "Browser: testclient from testclient" in listed
    assert "2 living sign-ins" in listed
    main(["end-sign-ins", EMAIL])
    assert "2 sign-ins were ended" in capsys.readouterr().out
    main(["end-sign-ins", "--all"])
    assert "0 sign-ins were ended" in capsys.readouterr().out
    assert "no employee" in refused(capsys, "sign-ins", "nobody@example.com")


def test_new_key_prints_a_fresh_key(capsys):
    main(["new-key"])
    main(["new-key"])
    first, second = capsys.readouterr().out.split()
    assert first != second
    assert len(first) == 64


def environment(folder, **changes):
    own = {
        "DATABASE_URL": f"sqlite:///{folder}/x.db",
        "SECRET_KEY": "",
        "SECRET_KEY_FILE": f"{folder}/key",
        "PORT": "0",
    }
    return {**os.environ, **own, **changes}


def test_serve_makes_its_tables_says_what_helps_and_where_it_is(tmp_path):
    line = [sys.executable, "run.py"]
    env = environment(tmp_path, ACCESS_LOG="true")
    server = subprocess.Popen(
        line, cwd=settings.ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        printed = [server.stdout.readline() for _ in range(5)]
        assert "run.py create-user" in printed[1]
        assert "run.py load-sample" in printed[2]
        address = re.search(r"http://127\.0\.0\.1:\d+", printed[3])[0]
        with urllib.request.urlopen(f"{address}/auth/login", timeout=10) as answer:  # noqa: S310
            assert b"Log in" in answer.read()
            assert "Server" not in answer.headers
        set_up = re.search(rf"once, at ({address}/auth/set-up\?token=[\w-]{{43}})$", printed[4])[1]
        with urllib.request.urlopen(set_up, timeout=10) as answer:  # noqa: S310
            assert answer.url == set_up
            assert answer.headers["Set-Cookie"] is None
            assert b"Set up Latchkey" in answer.read()
    finally:
        server.terminate()
        logged, errors = server.communicate(timeout=20)
    assert f"A key to sign tokens with was made and is kept in {tmp_path}/key" in errors
    assert "Traceback" not in errors
    assert "GET /auth/set-up 200" in logged
    assert "token" not in logged + errors.replace("sign tokens", "")


@pytest.fixture
def taken_port():
    """A port that somebody else listens on."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield str(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"PORT": "taken"}, "Address already in use"),
        ({"DATABASE_URL": "sqlite:////dev/null/x.db"}, "the database /dev/null/x.db cannot be used"),
        ({"DATABASE_URL": "sqlite:////proc/x.db"}, "the database /proc/x.db cannot be used"),
        ({"DATABASE_URL": "sqlite:////tmp"}, "the database /tmp cannot be used"),
        ({"SECRET_KEY": "too short"}, "SECRET_KEY has fewer than 32 characters"),
        ({"SECRET_KEY": b"\xff" * 40}, "SECRET_KEY is not text in UTF-8"),
        ({"ACCESS_LOG": "perhaps"}, "the setting ACCESS_LOG must be true or false"),
        ({"HOST": "a..ü"}, "the setting HOST must be"),
        ({"HOST": "ü" * 70}, "the setting HOST must be"),
    ],
)
def test_serve_refuses_with_one_line(tmp_path, taken_port, changes, said):
    if "PORT" in changes:
        changes = {"PORT": taken_port}
    line = [sys.executable, "run.py"]
    done = subprocess.run(
        line,
        cwd=settings.ROOT,
        env=environment(tmp_path, **{"SECRET_KEY": os.environ["SECRET_KEY"], **changes}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [([], "user:read user:write"), (["--scopes", "admin:read, user:read,admin:read"], "admin:read user:read")],
)
def test_scopes_are_kept_each_once(run, stopped, running, typed, capsys, given, kept):
    add_ruler(run)
    typed(PASSWORD)
    main([*USER, *given, "--password-stdin"])
    assert capsys.readouterr().out == f"Employee 10001 was added: {EMAIL}\n"
    assert [row["scopes"] for row in all_employees(running)] == ["super:*", kept]


def add_ruler(run, **changed):
    """Add an administrator under the number 1 while the application stands still, and change them."""
    run(database.connect)
    add_employee(run, "ruth@example.com", scopes=("super:*",), is_first_administrator=True)
    if changed:
        run(database.execute, update(employees).values(**changed))
    run(database.disconnect)


CANNOT_RULE = [
    {"is_active": False},
    {"password_hash": passwords.UNUSABLE},
    {"scopes": "admin:read admin:write"},
    {"scopes": "xsuper:*"},
]


@pytest.mark.parametrize("changed", CANNOT_RULE, ids=repr)
@pytest.mark.parametrize("given", [[], ["--scopes", "user:read,admin:read"], ["--scopes", "super:*"]])
def test_create_user_makes_an_administrator_while_none_can_log_in(running, run, stopped, typed, capsys, changed, given):
    """Whatever scopes are named; and it says so."""
    add_ruler(run, **changed)
    typed(PASSWORD)
    assert main([*USER, *given, "--password-stdin"]) == 0
    assert capsys.readouterr().out == f"Employee 2 was added: {EMAIL}\n{MAY_DO_EVERYTHING}\n"
    *_, row = all_employees(running)
    assert row["scopes"].split().count("super:*") == 1
    assert set(row["scopes"].split()) >= set((given or ["", "user:read,user:write"])[1].split(","))
    typed(PASSWORD)
    main(["create-user", "--email", "next@example.com", *USER[3:], "--password-stdin"])
    assert capsys.readouterr().out == "Employee 10001 was added: next@example.com\n"
    assert all_employees(running)[-1]["scopes"] == "user:read user:write"


def test_of_several_first_administrators_at_once_one_is_made(run, anonymous):
    """Two commands and two forms, which have all seen that nobody can log in."""
    names = {"password_hash": passwords.hash_now(PASSWORD), "first_name": "A", "last_name": "B"}

    async def by_form(number):
        token = await set_up.new_token()
        request = Request(
            {"type": "http", "scheme": "http", "headers": [], "client": None, "path": "/auth/set-up", "method": "POST"}
        )
        with contextlib.suppress(set_up.SetUpOver):
            await set_up.make_first(request, token, "browser", email=f"f{number}@example.com", **names)

    async def all_at_once():
        usual = {"scopes": ("user:read",), **names}
        by_command = [commands.added(email=f"c{number}@example.com", **usual) for number in range(3)]
        return await asyncio.gather(*map(asyncio.create_task, [*by_command, by_form(1), by_form(2)]))

    run(all_at_once)
    rows = run(database.fetch_all, select(employees).order_by(employees.c.emp_no))
    rulers = [row["emp_no"] for row in rows if "super:*" in row["scopes"]]
    assert rulers == [1]
    assert [row["emp_no"] for row in rows[1:]] == [*range(10001, 10000 + len(rows))]


def test_each_of_the_ten_can_log_in_with_the_printed_password(running, stopped, capsys):
    main(["load-sample"])
    printed = re.findall(r"(\S+@example\.com)\s+(\S+)", capsys.readouterr().out)
    running.portal.call(database.connect)
    answers = [log_in(running, username=email, password=password).status_code for email, password in printed]
    running.cookies.clear()
    assert answers == [303] * 10


def test_load_sample_adds_nobody_to_employees_who_are_there(running, stopped, typed, capsys):
    typed(PASSWORD)
    main([*USER, "--password-stdin"])
    assert "there are employees already" in refused(capsys, "load-sample")
    assert [row["email"] for row in all_employees(running)] == [EMAIL]


def said_at_the_start(capsys, monkeypatch):
    monkeypatch.setattr(server, "listen", lambda: settings.refuse("far enough"))
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main([])
    return capsys.readouterr().out


def test_serve_says_the_first_steps_while_there_is_nobody(stopped, capsys, monkeypatch):
    said = said_at_the_start(capsys, monkeypatch)
    assert "run.py create-user" in said
    assert "run.py load-sample" in said


@pytest.mark.parametrize("changed", CANNOT_RULE, ids=repr)
def test_serve_says_them_while_no_administrator_can_log_in(run, stopped, capsys, monkeypatch, changed):
    """However many employees there are; the sample is for an empty database only."""
    add_ruler(run, **changed)
    said = said_at_the_start(capsys, monkeypatch)
    assert "No administrator can log in yet" in said
    assert "load-sample" not in said


def test_serve_says_nothing_of_them_once_an_administrator_can_log_in(run, stopped, capsys, monkeypatch):
    add_ruler(run)
    assert said_at_the_start(capsys, monkeypatch) == ""


def test_a_worker_that_is_slow_to_begin_is_not_killed():
    assert server.server_config().timeout_worker_healthcheck >= 30


def test_the_first_start_makes_every_table_and_the_next_keeps_them(tmp_path, monkeypatch):
    own = tables.Database(DatabaseURL(f"sqlite:///{tmp_path}/folder/x.db"))
    for module in (tables, staff, schema, server):
        monkeypatch.setattr(module, "database", own)
    for _ in range(2):
        assert asyncio.run(server.first_steps()) == [server.FIRST_STEPS, server.SAMPLE]
    with contextlib.closing(sqlite3.connect(tmp_path / "folder/x.db")) as opened:
        made = {name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert made >= set(metadata.tables)


def test_whoever_reads_what_is_printed_may_stop_early(stopped, monkeypatch):
    read, written = os.pipe()
    os.close(read)
    with open(written, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["new-key"]) == 1
