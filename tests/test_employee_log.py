"""The log of an employee, for administrators, in the form of each client; and the command that prints it."""

from datetime import UTC, date, datetime

import pytest

from tests.conftest import API, BROWSER, EMAIL, HTMX, PASSWORD, add_employee, client_like, log_in, without_title
from tests.test_commands import refused
from webapp import audit
from webapp.cli import main
from webapp.pages import employee_log

ADMINISTRATOR = "ruth@example.com"
SHELL = audit.Actor(None, audit.How.COMMAND, "deploy")


@pytest.fixture
def ruth(run, ann):
    """An administrator who may see everybody."""
    return add_employee(run, ADMINISTRATOR, first_name="Ruth", last_name="Ode", scopes=("admin:read",))


@pytest.fixture
def as_ruth(anonymous, ruth):
    """A client of each kind in which the administrator is logged in."""

    def client(headers):
        logged_in = client_like(anonymous, headers)
        log_in(logged_in, username=ADMINISTRATOR)
        return logged_in

    return client


@pytest.fixture
def noted(run, ann, ruth):
    """Two entries on Ann, and one on somebody else."""
    by_ruth = audit.Actor(ruth.emp_no, audit.How.PAGE, "192.0.2.7")
    run(audit.note, SHELL, audit.Action.CREATED, ann.emp_no, {"scopes": "user:read"})
    run(
        audit.note,
        by_ruth,
        audit.Action.EDITED,
        ann.emp_no,
        {"last_name": ["<b>Leigh</b>", "Lee"], "gender": [None, "F"]},
    )
    run(audit.note, by_ruth, audit.Action.DEACTIVATED, ruth.emp_no)
    return ann.emp_no


def test_the_page_says_who_did_what_when_and_from_where_the_newest_first(as_ruth, noted):
    """ASVS 16.2.1."""
    text = as_ruth(BROWSER).get(f"/employees/{noted}/log").text
    assert "<title>Log of Ann Lee – Latchkey</title>" in text
    assert "by Ruth Ode (10002) on a page from 192.0.2.7" in text
    assert "Last name: &lt;b&gt;Leigh&lt;/b&gt; → Lee" in text
    assert "Gender: nothing → F" in text
    assert "by Somebody on the command line as deploy" in text
    assert text.index("<strong>Edited") < text.index("<strong>Created")
    assert "Deactivated" not in text
    assert f'<a href="/employees/{noted}/log"' in as_ruth(BROWSER).get(f"/employees/{noted}").text


def test_the_details_of_what_is_new_are_told_without_what_it_has_not(run, as_ruth, ann):
    details = {
        "scopes": ["user:read", "user:write"],
        "birth_date": None,
        "is_active": True,
        "hire_date": date(2020, 1, 2),
    }
    run(audit.note, SHELL, audit.Action.CREATED, ann.emp_no, details)
    text = as_ruth(BROWSER).get(f"/employees/{ann.emp_no}/log").text
    assert "Scopes: user:read, user:write" in text
    assert "Active: yes" in text
    assert "Hire date: 2020-01-02" in text
    assert "Birth date" not in text


def test_htmx_gets_the_log_alone(as_ruth, noted):
    fragment = without_title(as_ruth(HTMX).get(f"/employees/{noted}/log"))
    assert fragment.startswith('<section class="card">')
    assert "<h1 tabindex" in fragment


@pytest.mark.parametrize(("headers", "path"), [(API, "/api/employees"), ({**API, "Accept": "application/json"}, "/employees")])  # fmt: skip
def test_json(as_ruth, noted, moved_clock, headers, path):
    answer = as_ruth(headers).get(f"{path}/{noted}/log").json()
    edited, created = answer["entries"]
    assert answer["next"] is None
    assert edited["actor"] == {"emp_no": 10002, "name": "Ruth Ode"}
    assert edited["details"] == {"last_name": ["<b>Leigh</b>", "Lee"], "gender": [None, "F"]}
    assert (created["actor"], created["how"], created["address"]) == (None, "command line", "deploy")
    assert (created["action"], created["emp_no"], created["name"]) == ("created", noted, "Ann Lee")
    assert abs(datetime.fromisoformat(created["when"]) - datetime.now(UTC)).total_seconds() < 60


def test_the_log_is_paged_by_key(as_ruth, run, noted, monkeypatch):
    monkeypatch.setattr(employee_log, "ENTRIES_SHOWN", 2)
    for number in range(3):
        run(audit.note, SHELL, audit.Action.SIGN_INS_ENDED, noted, {"count": number})
    client, path, told = as_ruth(API), f"/api/employees/{noted}/log", []
    while path:
        page = client.get(path).json()
        assert len(page["entries"]) <= 2
        told += [entry["details"].get("count") for entry in page["entries"]]
        path = page["next"]
    assert told == [2, 1, 0, None, None]
    browser = as_ruth(BROWSER)
    text = browser.get(f"/employees/{noted}/log").text
    following = text.split("?before=")[0].rpartition('"')[2] + "?before=" + text.split("?before=")[1].split('"')[0]
    assert "The newest entries" in browser.get(following).text
    assert "There is nothing older" in browser.get(f"/employees/{noted}/log?before=1").text


@pytest.mark.parametrize("number", ["10099", "0", "x", "2147483648", "9" * 400, "1e4", "%00", "10001 "])
@pytest.mark.parametrize("headers", [BROWSER, HTMX, API], ids=["browser", "htmx", "api"])
def test_an_unknown_number_is_404(as_ruth, headers, number):
    prefix = "/api" if headers is API else ""
    assert as_ruth(headers).get(f"{prefix}/employees/{number}/log").status_code == 404


@pytest.mark.parametrize("before", ["before=x", "before=", "before=0", "before=1&before=2", "before=9999999999"])
def test_a_part_that_is_not_there_is_400(as_ruth, noted, before):
    assert as_ruth(API).get(f"/api/employees/{noted}/log?{before}").status_code == 400


@pytest.mark.parametrize(
    ("headers", "prefix"), [(BROWSER, ""), (HTMX, ""), (API, "/api")], ids=["browser", "htmx", "api"]
)
def test_who_is_no_administrator_sees_no_log_not_even_their_own(anonymous, ann, noted, headers, prefix):
    """ASVS 8.2.1, 16.4.2."""
    client = client_like(anonymous, headers)
    log_in(client)
    answer = client.get(f"{prefix}/employees/{noted}/log")
    assert answer.status_code == 403
    assert "deploy" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_changes_or_removes_an_entry(as_ruth, noted, method):
    """ASVS 16.4.2."""
    assert as_ruth(API).request(method, f"/api/employees/{noted}/log").status_code == 405


def test_the_command_prints_all_or_what_was_done_by_or_to_somebody(noted, stopped, capsys):
    assert main(["log"]) == 0
    newest, edited, created = capsys.readouterr().out.splitlines()
    assert "deactivated Ruth Ode (10002), by Ruth Ode (10002) on a page from 192.0.2.7" in newest
    assert "[Last name: <b>Leigh</b> → Lee; Gender: nothing → F]" in edited
    assert "created Ann Lee (10001), by Somebody on the command line as deploy" in created
    main(["log", EMAIL])
    assert len(capsys.readouterr().out.splitlines()) == 2
    main(["log", ADMINISTRATOR])
    assert len(capsys.readouterr().out.splitlines()) == 2
    main(["log", "--limit", "1"])
    assert capsys.readouterr().out.splitlines() == [newest]


def test_the_command_prints_nothing_from_before_a_day(run, anonymous, ann, moved_clock, request, capsys):
    for day in (1, 2):
        moved_clock.time = datetime(2026, 3, day, 12, tzinfo=UTC).timestamp()
        run(audit.note, SHELL, audit.Action.EDITED, ann.emp_no)
    request.getfixturevalue("stopped")
    main(["log", "--since", "2026-03-02"])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("2026-03-02T12:00:00Z  edited Ann Lee")


@pytest.mark.parametrize("arguments", [["nobody@example.com"], ["--limit", "0"], ["--since", "yesterday"]])
def test_the_command_refuses_in_one_line(stopped, capsys, arguments):
    assert refused(capsys, "log", *arguments)


def test_commands_that_change_something_are_in_the_log(ann, stopped, capsys, monkeypatch):
    """ASVS 16.2.1."""
    monkeypatch.setattr("webapp.commands.read_password", lambda *_, **__: PASSWORD)
    main(["create-user", "--email", "new@example.com", "--first-name", "New", "--last-name", "Lee"])
    main(["end-sign-ins", EMAIL])
    main(["end-sign-ins", "--all"])
    capsys.readouterr()
    main(["log"])
    everybody, one, created = capsys.readouterr().out.splitlines()
    assert "all sign-ins ended by an administrator, by" in everybody
    assert "all sign-ins ended by an administrator Ann Lee (10001)" in one
    assert "[Count: 0]" in one
    assert "created New Lee (1)" in created
    assert "[Scopes: user:read, user:write, super:*]" in created


def test_the_made_up_employees_are_in_the_log_without_their_passwords(stopped, capsys):
    """ASVS 16.2.5."""
    main(["load-sample"])
    secrets = [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:]]
    main(["log"])
    told = capsys.readouterr().out
    assert told.count("created ") == 10
    assert not any(secret in told for secret in secrets)
    assert "$2b$" not in told
