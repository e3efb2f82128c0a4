"""Import: everything is checked first, every wrong row is told, and all is written or nothing."""

import io
import json
import signal
import sqlite3
import sys
from datetime import date

import pytest
from sqlalchemy import func, select, update

from tests import accounts
from tests.conftest import API, BCRYPT_HASH, EMAIL, PASSWORD, add_employee, client_like, log_in
from tests.test_commands import refused
from webapp import directory, search
from webapp.auth import changes, passwords, set_up
from webapp.cli import main
from webapp.database import database
from webapp.exchange import comparing, draft, importing, writing
from webapp.tables import audit, employee_words, employees
from webapp.tables import changes as change_rows

HEADER = "emp_no,email,birth_date,first_name,last_name,gender,hire_date"
ROW = "20001,bo.ray@example.com,1980-02-29,Bo,Ray,X,2010-05-06"
FIRST_NAMES = ("Élodie", "Jürgen", "Nguyễn", "Věra", "Ann")
LAST_NAMES = ("O'Brien", "Çelik", 'de "Groot"', "Lee, Jr.", "張")


def people(count, spoil=None):
    """Return so many rows of CSV; `spoil` maps a row's place to what takes its place."""
    rows = [
        f"{30000 + n},p{n}@example.com,{1950 + n % 50}-02-2{n % 9},{FIRST_NAMES[n % 5]},{quoted(LAST_NAMES[n % 5])},{'FMX'[n % 3]},2015-01-{n % 28 + 1:02}"
        for n in range(1, count + 1)
    ]
    for place, row in (spoil or {}).items():
        rows[place] = row
    return "\n".join([HEADER, *rows, ""])


def quoted(text):
    escaped = text.replace('"', '""')
    return f'"{escaped}"' if set(text) & set('",') else text


@pytest.fixture
def file(tmp_path):
    """Write a CSV file and return its path."""

    def write(content, name="people.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.fixture
def imported(anonymous, file, capsys):
    """Import a file while the application stands still, and return the exit status, what was said, and what was wrong."""

    def run_import(content, *options):
        anonymous.portal.call(database.disconnect)
        capsys.readouterr()
        try:
            status = main(["import-employees", content if content == "-" else file(content), *options])
        except SystemExit as ended:
            status = ended.code
        finally:
            anonymous.portal.call(database.connect)
        printed = capsys.readouterr()
        return status, printed.out, printed.err.splitlines()

    return run_import


def everybody(run):
    return [dict(row._mapping) for row in run(database.fetch_all, select(employees).order_by(employees.c.emp_no))]


def noted(run):
    return [dict(row._mapping) for row in run(database.fetch_all, select(audit).order_by(audit.c.id))]


def words_kept(run):
    """Return the rows of words that there are, and those that the employees should have."""
    kept = {tuple(row._mapping.values()) for row in run(database.fetch_all, select(employee_words))}
    due = set()
    for row in everybody(run):
        assert row["words"] == search.words_of(row["first_name"], row["last_name"], row["email"])
        due |= {tuple(one.values()) for one in search.rows_for(row["emp_no"], row["words"], row["hire_date"])}
    return kept, due


def test_three_thousand_come_in_and_go_out_byte_for_byte(run, imported, tmp_path):
    content = people(3000)
    status, said, wrong = imported(content)
    assert (status, wrong) == (0, [])
    assert said == "3,000 employees were added, 0 changed, 0 left as they are\n"
    kept, due = words_kept(run)
    assert kept == due
    run(database.disconnect)
    assert main(["export-employees", str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_bytes() == content.encode()
    run(database.connect)
    assert imported(content, "--update")[1] == "0 employees were added, 0 changed, 3,000 left as they are\n"


def test_who_is_imported_has_no_password_and_the_usual_scopes(run, anonymous, imported):
    imported(f"{HEADER}\n{ROW}\n")
    (row,) = everybody(run)
    assert (row["scopes"], row["is_active"], row["version"]) == ("user:read user:write", True, 1)
    assert (row["birth_date"], row["hire_date"], row["gender"]) == (date(1980, 2, 29), date(2010, 5, 6), "X")
    assert row["password_hash"] == passwords.UNUSABLE
    for password in ("", PASSWORD, row["password_hash"]):
        assert log_in(client_like(anonymous, API), "/api/login", username="bo.ray@example.com", password=password).status_code == 400  # fmt: skip


def test_who_is_imported_is_found_by_a_search(run, imported):
    imported(people(30))
    for query, many in (("celik", 6), ("p7@", 1), ("30007", 1), ("nguyen groot", 6), ("obrien", 6), ("nobody", 0)):
        assert len(run(directory.page, query).entries) == many, query


def test_who_is_imported_sets_a_password_with_a_link(run, imported, capsys):
    imported(f"{HEADER}\n{ROW}\n")
    run(database.disconnect)
    assert main(["password-link", "bo.ray@example.com"]) == 0
    run(database.connect)
    assert "http" in capsys.readouterr().out


def test_the_log_says_who_was_imported_and_how_many(run, imported):
    """ASVS 16.2.1, 16.2.5."""
    imported(people(3))
    *each, whole = noted(run)
    assert [(row["action"], row["emp_no"]) for row in each] == [
        ("imported", number) for number in (30001, 30002, 30003)
    ]
    assert (whole["action"], whole["emp_no"], whole["how"]) == ("imported", None, "command line")
    assert json.loads(whole["details"]) == {"source": "people.csv", "added": 3, "changed": 0}
    assert not BCRYPT_HASH.search(str(noted(run)))


SPOILT = [
    ("20001,,1980-02-29,Bo,Ray,X,2010-05-06", "email: Enter an email address"),
    ("20001,bo.ray@example,1980-02-29,Bo,Ray,X,2010-05-06", "email: Enter an email address"),
    ("20001,b@example.com,1955-02-30,Bo,Ray,X,2010-05-06", "birth_date: Enter a date"),
    ("20001,b@example.com,1899-12-31,Bo,Ray,X,2010-05-06", "birth_date: Enter a date"),
    ("20001,b@example.com,1980-02-29,,Ray,X,2010-05-06", "first_name: Enter a name"),
    (f"20001,b@example.com,1980-02-29,Bo,{'x' * 300},X,2010-05-06", "last_name: Enter a name of 1 to 50"),
    ("20001,b@example.com,1980-02-29,Bo,=HYPERLINK(1),X,2010-05-06", "last_name: Enter a name that does not begin"),
    ("20001,b@example.com,1980-02-29,Bo,Ray,?,2010-05-06", "gender: Enter F, M or X"),
    ("20001,b@example.com,1980-02-29,Bo,Ray,X,1900-01-01", "hire_date: Enter a hire date after the birth date"),
    ("0,b@example.com,1980-02-29,Bo,Ray,X,2010-05-06", "emp_no: Enter a number"),
    ("99999999999,b@example.com,1980-02-29,Bo,Ray,X,2010-05-06", "emp_no: Enter a number"),
    ("20001,b@example.com,1980-02-29,Bo,Ray,X", "Enter 7 columns: this line has 6"),
    ("20001,b@example.com,1980-02-29,Bo,Ray,X,2010-05-06,", "Enter 7 columns: this line has 8"),
    ('20001,b@example.com,1980-02-29,"Bo,Ray,X,2010-05-06', "Mend this line"),
    ('20001,b@example.com,1980-02-29,"Bo"s,Ray,X,2010-05-06', "Mend this line"),
    ("20001,b@example.com,1980-02-29,B\x00,Ray,X,2010-05-06", "first_name: Enter a name"),
    ("20001,b@example.com,1980-02-29,B\ro,Ray,X,2010-05-06", "Mend this line"),
    ("30001,b@example.com,1980-02-29,Bo,Ray,X,2010-05-06", "emp_no: Enter each once: line 2 has it already"),
    ("20001,P1@EXAMPLE.com,1980-02-29,Bo,Ray,X,2010-05-06", "email: Enter each once: line 2 has it already"),
]


@pytest.mark.parametrize(("row", "reason"), SPOILT)
def test_a_wrong_row_is_told_with_its_line_and_nothing_is_written(run, imported, row, reason):
    status, said, wrong = imported(people(4, spoil={2: row}))
    assert (status, said) == (1, "")
    assert wrong[0].startswith(f"line 4: {reason}")
    assert wrong[1:] == ["1 row is wrong; nothing was written"]
    assert everybody(run) == noted(run) == []


def test_every_wrong_row_is_told_in_the_order_of_the_lines(run, anonymous, imported):
    """Those that are wrong by themselves, and those that stand against what there is."""
    add_employee(run, "p5@example.com")
    spoil = {n: row for n, (row, _) in zip(range(10, 1000, 50), SPOILT, strict=False)}
    status, _, wrong = imported(people(1000, spoil))
    lines = [int(line.removeprefix("line ").split(":")[0]) for line in wrong[:-1]]
    assert status == 1
    assert lines == sorted([*(n + 2 for n in spoil), 6])
    assert "line 6: email: Employee 10001 has this email already" in wrong
    assert wrong[-1] == f"{len(spoil) + 1} rows are wrong; nothing was written"
    assert len(everybody(run)) == 1


def test_wrong_rows_are_left_out_where_that_is_asked_for(run, imported):
    status, said, wrong = imported(people(100, spoil={7: SPOILT[0][0], 9: SPOILT[3][0]}), "--skip-bad")
    assert (status, len(wrong)) == (0, 2)
    assert said == "98 employees were added, 0 changed, 0 left as they are; 2 rows are wrong and left out\n"
    assert {row["emp_no"] for row in everybody(run)} == set(range(30001, 30101)) - {30008, 30010}


def test_several_faults_of_one_row_are_told_in_one_line(imported):
    _, _, wrong = imported(f"{HEADER}\nx,y,,,Ray,,\n")
    assert [part in wrong[0] for part in ("emp_no: ", "; email: ", "; first_name: ")] == [True] * 3
    assert len(wrong) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "lacks emp_no, email"),
        (b"\n" + HEADER.encode(), "lacks emp_no, email"),
        (HEADER.replace(",gender", ""), "lacks gender"),
        (f"{HEADER},shoe size", "has 'shoe size'"),
        (f"{HEADER},gender", "names a column twice"),
        (f"{HEADER},\x1b[2J", r"has '\x1b[2J'"),
        (HEADER.encode("utf-16"), "not CSV in UTF-8"),
        (f'"{HEADER}', "not CSV in UTF-8"),
    ],
)
def test_what_is_no_such_file_is_refused_in_one_line(run, imported, content, reason):
    status, said, (wrong,) = imported(content)
    assert (status, said) == (2, "")
    assert reason in wrong
    assert everybody(run) == []


@pytest.mark.parametrize("name", ["nothing-there.csv", "."])
def test_what_cannot_be_read_is_refused_in_one_line(stopped, capsys, tmp_path, name):
    assert "cannot be read" in refused(capsys, "import-employees", str(tmp_path / name))


def test_a_line_that_is_not_in_utf_8_is_one_wrong_row(imported):
    content = people(2).encode() + ROW.replace("Ray", "Çelik").encode("latin-1") + b"\n"
    assert imported(content)[2][0] == "line 4: Save the file as UTF-8: this line is not"


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{HEADER}\r\n{ROW}\r\n",
        f"{HEADER}\n\n{ROW.replace('Bo', chr(34) + 'Bo' + chr(34))}",
        "last_name,first_name,gender,hire_date,birth_date,email,emp_no\nRay,Bo,X,2010-05-06,1980-02-29,Bo.Ray@Example.com,20001\n",
    ],
    ids=["from a spreadsheet", "quotes, an empty line, no end", "another order"],
)
def test_files_of_other_programs_are_read(run, imported, content):
    assert imported(content)[0] == 0
    (row,) = everybody(run)
    assert (row["emp_no"], row["email"], row["first_name"]) == (20001, "bo.ray@example.com", "Bo")


def test_standard_input_is_read(run, imported, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(people(5).encode())))
    assert imported("-")[0] == 0
    assert json.loads(noted(run)[-1]["details"])["source"] == "-"
    assert len(everybody(run)) == 5


def test_without_update_nobody_who_is_there_is_changed(run, imported):
    imported(people(3))
    status, _, wrong = imported(people(4))
    assert status == 1
    assert wrong[0] == "line 2: emp_no: There is an employee with this number already; with --update they are changed"
    assert len(wrong) == 4
    assert len(everybody(run)) == 3


def test_an_update_changes_who_differs_and_nobody_else(run, imported):
    imported(people(4))
    before = everybody(run)
    rows = people(5).splitlines()
    rows[2] = rows[2].replace("Nguyễn", "Mai").replace("2015-01-03", "2016-01-03")
    rows[3] = rows[3].replace("p3@", "other@")
    assert imported("\n".join(rows), "--update", "--yes")[1] == "1 employee was added, 2 changed, 2 left as they are\n"
    after = everybody(run)
    assert [row["version"] for row in after] == [1, 2, 2, 1, 1]
    assert (after[0], after[3]) == (before[0], before[3])
    assert (after[1]["first_name"], after[1]["hire_date"], after[2]["email"]) == ("Mai", date(2016, 1, 3), "other@example.com")  # fmt: skip
    assert [row["password_hash"] for row in after[:4]] == [row["password_hash"] for row in before]
    kept, due = words_kept(run)
    assert kept == due
    details = {
        row["emp_no"]: json.loads(row["details"]) for row in noted(run) if row["action"] == "changed by an import"
    }
    assert details == {
        30002: {"first_name": ["Nguyễn", "Mai"], "hire_date": ["2015-01-03", "2016-01-03"]},
        30003: {"email": ["p3@example.com", "other@example.com"]},
    }


def test_every_worker_hears_of_those_who_are_signed_in(run, api, ann, imported):
    """ASVS 8.3.2."""
    assert api.get("/api/me").json()["first_name"] == "Ann"
    row = f"{ann.emp_no},{EMAIL},,Anna,Lee,,"
    imported(people(3))
    imported(f"{people(3).replace('p1@', 'q1@')}{row}\n", "--update", "--yes")
    assert run(database.fetch_all, select(change_rows.c.emp_no))[0]["emp_no"] == ann.emp_no
    assert run(database.fetch_val, select(func.count()).select_from(change_rows)) == 1
    run(changes.learn)
    assert api.get("/api/me").json()["first_name"] == "Anna"


def test_an_email_that_is_another_persons_is_refused(run, imported):
    imported(people(3))
    status, _, wrong = imported(people(3).replace("p1@", "p3@", 1), "--update")
    assert status == 1
    assert "email: " in wrong[0]
    assert [row["version"] for row in everybody(run)] == [1, 1, 1]


def test_scopes_are_given_where_the_file_has_them(run, imported):
    content = f"{HEADER},scopes\n{ROW},user:read admin:read\n"
    imported(f"{HEADER},scopes\n{ROW},user:read\n")
    assert everybody(run)[0]["scopes"] == "user:read"
    imported(content, "--update")
    assert everybody(run)[0]["scopes"] == "user:read admin:read"
    assert json.loads(noted(run)[-2]["details"]) == {"scopes": ["user:read", "user:read admin:read"]}
    assert imported(f"{HEADER}\n{ROW}\n", "--update")[1].startswith("0 employees were added, 0 changed, 1 left")
    assert "scopes: Enter only scopes" in imported(content.replace("admin:read", "root"), "--update")[2][0]


def test_the_same_scopes_in_another_order_are_no_change(run, imported):
    content = f"{HEADER},scopes\n{ROW},user:read user:write\n"
    imported(content)
    other = content.replace("user:read user:write", "user:write user:read user:write")
    assert imported(other, "--update")[1].startswith("0 employees were added, 0 changed, 1 left")
    assert imported(other.replace("Bo,", "Bob,"), "--update")[0] == 0
    assert (everybody(run)[0]["first_name"], everybody(run)[0]["scopes"]) == ("Bob", "user:read user:write")


def row_of(person, **changed):
    """Return a row of CSV as the file of somebody who is there."""
    fields = {"emp_no": person.emp_no, "email": person.email, "birth_date": "", "first_name": person.first_name, "last_name": person.last_name, "gender": "", "hire_date": ""}  # fmt: skip
    return ",".join(map(str, {**fields, **changed}.values()))


class TestWhoHasMoreThanUser:
    """The program's own advice made the administrator of the first stranger in the file."""

    MORE = ["admin:read", "user:read admin:write", "super:*", "user:read user:write super:*", "oracle:dba"]  # noqa: RUF012

    @pytest.fixture(params=MORE)
    def ruth(self, run, request):
        """Somebody with more than user:*."""
        return self.somebody(run, request.param)

    @staticmethod
    def somebody(run, scopes="user:read super:*", **changed):
        ruth = add_employee(run, "ruth@example.com", first_name="Ruth", last_name="Ode", scopes=tuple(scopes.split()))
        if changed:
            run(database.execute, update(employees).values(**changed))
        return ruth

    STRANGER = {"email": "vera@example.com", "first_name": "Věra", "last_name": "Villarrubia"}  # noqa: RUF012
    NAMED = "Employee 10001 is Ruth Ode (ruth@example.com), who has more than user:*, and in this row is "

    @pytest.mark.parametrize("changed", [STRANGER, {"email": "vera@example.com"}], ids=["a stranger", "the email"])
    @pytest.mark.parametrize("options", [(), ("--update",), ("--update", "--yes"), ("--update", "--dry-run")])
    def test_keeps_the_email(self, run, imported, ruth, changed, options):
        before = everybody(run)
        status, _, wrong = imported(f"{HEADER}\n{ROW}\n{row_of(ruth, **changed)}\n", *options)
        name = "Věra Villarrubia" if "first_name" in changed else "Ruth Ode"
        assert wrong[0].startswith(f"line 3: emp_no: {self.NAMED}{name} (vera@example.com). An import does not change the email of")  # fmt: skip
        assert wrong[1:] == ["1 row is wrong; nothing was written"]
        assert (status, everybody(run), noted(run)) == (1, before, [])

    @pytest.mark.parametrize("changed", [{"is_active": False}, {"password_hash": passwords.UNUSABLE}], ids=repr)
    def test_counts_without_a_way_in_too(self, run, imported, changed):
        ruth = self.somebody(run, **changed)
        assert imported(f"{HEADER}\n{row_of(ruth, **self.STRANGER)}\n", "--update", "--yes")[0] == 1
        assert everybody(run)[0]["email"] == "ruth@example.com"

    @pytest.mark.parametrize("given", ["", "user:read", "user:read user:write", "admin:read admin:write super:*"])
    def test_keeps_the_scopes(self, run, imported, ruth, given):
        before = everybody(run)
        status, _, (wrong, _) = imported(f"{HEADER},scopes\n{row_of(ruth)},{given}\n", "--update")
        assert status == 1
        assert wrong.startswith(f"line 2: emp_no: {self.NAMED}Ruth Ode (ruth@example.com). An import does not change the scopes of")  # fmt: skip
        assert everybody(run) == before

    def test_both_are_named(self, run, imported):
        ruth = self.somebody(run)
        _, _, (wrong, _) = imported(f"{HEADER},scopes\n{row_of(ruth, **self.STRANGER)},admin:read\n", "--update")
        assert "does not change the email and the scopes of such an employee. Correct the number" in wrong

    def test_equal_values_are_not_wrong_and_other_fields_may_change(self, run, imported):
        """The email in its normal form, the scopes in any order."""
        ruth = self.somebody(run)
        row = row_of(ruth, email="RUTH@Example.com", first_name="Rut", hire_date="2010-05-06")
        said = imported(f"{HEADER},scopes\n{row},super:* user:read\n", "--update")
        assert said == (0, "0 employees were added, 1 changed, 0 left as they are\n", [])
        (now,) = everybody(run)
        assert (now["email"], now["scopes"]) == ("ruth@example.com", "user:read super:*")
        assert (now["first_name"], now["hire_date"]) == ("Rut", date(2010, 5, 6))
        assert json.loads(noted(run)[0]["details"]) == {"first_name": ["Ruth", "Rut"], "hire_date": [None, "2010-05-06"]}  # fmt: skip

    def test_the_same_email_may_be_written_in_another_way(self, run, imported):
        add_employee(run, "ruth@müller.example", first_name="Ruth", last_name="Ode", scopes=("admin:read",))
        for email in ("Ruth@xn--mller-kva.example", "ruth@MU\u0308LLER.example"):
            row = f"10001,{email},,Ruth,Ode,,"
            assert imported(f"{HEADER}\n{row}\n", "--update")[1].startswith("0 employees were added, 0 changed, 1 left")

    def test_keeps_their_email_from_others(self, run, imported):
        """Anybody in the file with the administrator's email; two who change places, too."""
        ruth = self.somebody(run)
        bo = add_employee(run, "bo@example.com", first_name="Bo", last_name="Ray")
        before = everybody(run)
        takes, goes = row_of(bo, email=ruth.email), row_of(ruth, email=bo.email)
        for rows in ([takes], [takes, goes], [goes, takes], [row_of(ruth, emp_no=7)]):
            status, _, wrong = imported("\n".join([HEADER, *rows, ""]), "--update", "--yes")
            assert (status, len(wrong)) == (1, len(rows) + 1)
            assert any("email: Employee 10001 has this email already" in line for line in wrong)
        assert everybody(run) == before

    def test_is_left_out_where_that_is_asked_for(self, run, imported):
        ruth = self.somebody(run)
        content = f"{HEADER}\n{row_of(ruth, **self.STRANGER)}\n{ROW}\n"
        status, said, _ = imported(content, "--update", "--skip-bad")
        assert (status, said) == (
            0,
            "1 employee was added, 0 changed, 0 left as they are; 1 row is wrong and left out\n",
        )
        assert [row["email"] for row in everybody(run)] == ["ruth@example.com", "bo.ray@example.com"]

    @pytest.mark.parametrize("version", [0, 1], ids=["unsaid", "said"])
    def test_counts_from_when_they_have_more(self, run, imported, monkeypatch, version):
        """Scopes that are given after the comparison; whether or not the version tells of it."""
        bo = add_employee(run, "bo@example.com", first_name="Bo", last_name="Ray")

        async def promote():
            changed = {"scopes": "admin:read", "version": employees.c.version + version}
            await database.execute(update(employees).values(**changed))

        between(monkeypatch, promote)
        status, _, wrong = imported(f"{HEADER}\n{ROW}\n{row_of(bo, email='x@example.com')}\n", "--update", "--yes")
        assert status == 2
        assert "somebody has changed employee 10001 meanwhile; run the command again; nothing was written" in wrong[-1]
        assert [(row["email"], row["scopes"]) for row in everybody(run)] == [("bo@example.com", "admin:read")]
        assert noted(run) == []

    def test_the_first_start_then_the_import_that_it_proposes(self, run, anonymous, imported):
        """The whole story: the administrator still logs in, and nobody else is one."""
        token = run(set_up.new_token)
        ada = {
            "token": token,
            "email": "ada@example.com",
            "first_name": "Ada",
            "last_name": "Byron",
            "new_password": PASSWORD,
        }
        assert client_like(anonymous, API).post("/api/set-up", data=ada).status_code == 200
        content = people(3).replace("30001", "10001").replace("30002", "1")
        assert imported(content, "--update", "--yes")[0] == 1
        assert imported(people(3).replace("3000", "1000"))[0] == 0
        answer = log_in(client_like(anonymous, API), "/api/login", username="ada@example.com")
        assert answer.status_code == 200
        rulers = [row["email"] for row in everybody(run) if "super:*" in row["scopes"]]
        assert rulers == ["ada@example.com"]


class TestSuperIsNeverGiven:
    @pytest.mark.parametrize("given", ["super:*", "user:read super:*", "super:*,admin:read"])
    @pytest.mark.parametrize("there", [False, True])
    def test_by_a_row(self, run, imported, given, there):
        if there:
            imported(f"{HEADER}\n{ROW}\n")
        content = f'{HEADER},scopes\n{ROW},"{given}"\n{ROW.replace("20001,bo", "20002,b")},user:read\n'
        status, _, wrong = imported(content, "--update")
        assert status == 1
        assert wrong[0].startswith("line 2: scopes: An import never gives super:*. Remove it here")
        assert len(everybody(run)) == there
        assert imported(content, "--update", "--skip-bad")[0] == 0
        assert not any("super" in row["scopes"] for row in everybody(run))

    def test_who_has_it_keeps_it(self, run, imported):
        ruler = add_employee(run, scopes=("user:read", "super:*"))
        content = f"{HEADER},scopes\n{row_of(ruler)},user:read super:*\n"
        assert imported(content, "--update")[1].startswith("0 employees were added, 0 changed, 1 left")
        assert imported(content.replace(" super:*", ""), "--update")[0] == 1
        assert everybody(run)[0]["scopes"] == "user:read super:*"

    def test_nor_given_back(self, run, imported, monkeypatch):
        """It is taken from somebody between the comparison and the writing."""
        ruler = add_employee(run, scopes=("user:read", "super:*"))

        async def demote():
            await database.execute(update(employees).values(scopes="user:read"))

        between(monkeypatch, demote)
        imported(f"{HEADER},scopes\n{row_of(ruler, first_name='Anna')},user:read super:*\n", "--update")
        assert everybody(run)[0]["scopes"] == "user:read"


def between(monkeypatch, act):
    """Do something after the draft is compared and before it is written."""
    compare = comparing.compare

    async def compare_and_act(*arguments, **options):
        await compare(*arguments, **options)
        await act()

    monkeypatch.setattr(comparing, "compare", compare_and_act)


def test_who_was_added_meanwhile_is_not_overwritten(run, imported, monkeypatch):
    from webapp import employees as staff

    async def add():
        await staff.create(email="p2@example.com", password_hash="x", first_name="Pia", last_name="Two")

    between(monkeypatch, add)
    status, _, (wrong,) = imported(people(3))
    assert status == 2
    assert "meanwhile; nothing was written" in wrong
    assert [row["first_name"] for row in everybody(run)] == ["Pia"]
    assert noted(run) == []


def test_who_was_changed_meanwhile_is_not_overwritten(run, imported, monkeypatch):
    imported(people(3))

    async def change():
        this = employees.c.emp_no == 30002
        await database.execute(update(employees).where(this).values(version=employees.c.version + 1))

    between(monkeypatch, change)
    status, _, (wrong,) = imported(people(4).replace("Jürgen", "Jo").replace("Nguyễn", "Ngo"), "--update")
    assert status == 2
    assert "somebody has changed employee 30002 meanwhile" in wrong
    assert [row["first_name"] for row in everybody(run)] == ["Jürgen", "Nguyễn", "Věra"]


def test_a_failure_in_the_middle_leaves_nothing(run, imported, monkeypatch):
    async def broken(*_):
        raise RuntimeError("the power is gone")

    monkeypatch.setattr(draft, "ROWS_AT_ONCE", 10)
    monkeypatch.setattr(writing, "write_words", broken)
    with pytest.raises(RuntimeError):
        imported(people(50))
    assert everybody(run) == noted(run) == []


def test_a_terminal_sees_how_far_it_is(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with importing.bar("Reading", 10) as progress:
        progress.update(10)
    assert "Reading: 100%" in sys.stderr.getvalue()


def test_scopes_that_are_taken_elsewhere_meanwhile_count_too(run, imported):
    """An employee without scopes in the file keeps those that they have."""
    ruler = add_employee(run, scopes=("super:*",))
    run(accounts.change_scopes, ruler.emp_no, ("user:read", "super:*"))
    imported(f"{HEADER}\n{ruler.emp_no},{EMAIL},,Anna,Lee,,\n", "--update")
    assert everybody(run)[0]["scopes"] == "user:read super:*"


@pytest.mark.parametrize("ended", ["\n", "\r\n", ""])
@pytest.mark.parametrize("length", [10_001, 10_002, 20_002, 35_000])
def test_a_line_that_is_too_long_is_one_wrong_row(imported, length, ended):
    after = f"{ROW}\n" if ended else ""
    status, _, wrong = imported(f"{HEADER}\n{'x' * length}{ended}{after}")
    assert status == 1
    assert wrong == ["line 2: Shorten this line to 10,000 bytes", "1 row is wrong; nothing was written"]


def test_a_full_disk_for_temporary_files_is_said_in_one_line(imported, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(draft.Draft, "add", full)
    status, said, (wrong,) = imported(f"{HEADER}\n{ROW}\n")
    assert (status, said) == (2, "")
    assert "no room for the draft (database or disk is full); nothing was written" in wrong


class TestDryRun:
    def test_lists_every_change_and_writes_nothing(self, run, imported):
        imported(f"{people(4)}{ROW}\n")
        before = everybody(run), noted(run)
        rows = people(6).replace("p1@", "new@").replace("Nguyễn", "Mai").splitlines()
        rows = [HEADER + ",scopes", *(row + "," for row in rows[2:]), rows[1] + ",admin:read", f"{ROW.replace(',X,', ',,')},user:read user:write"]  # fmt: skip
        rows[1:5] = [row + "user:read user:write" for row in rows[1:5]]
        status, said, wrong = imported("\n".join(rows), "--update", "--dry-run")
        assert (status, wrong) == (0, [])
        assert said.splitlines() == [
            "20001 gender: X → nothing",
            "30001 email: p1@example.com → new@example.com",
            "30001 scopes: user:read user:write → admin:read",
            "30002 first_name: Nguyễn → Mai",
            "2 employees would be added, 3 changed, 2 left as they are; nothing was written",
        ]
        assert (everybody(run), noted(run)) == before

    def test_without_update(self, run, imported):
        status, said, wrong = imported(people(3), "--dry-run")
        assert (status, wrong) == (0, [])
        assert said == "3 employees would be added, 0 changed, 0 left as they are; nothing was written\n"
        assert everybody(run) == noted(run) == []

    @pytest.mark.parametrize(
        ("options", "status", "left_out"), [((), 1, ""), (("--skip-bad",), 0, "; 1 row is wrong and left out")]
    )
    def test_ends_as_the_import_would(self, run, imported, options, status, left_out):
        imported(people(2))
        content = people(4, {2: SPOILT[0][0]}).replace("p1@", "new@")
        done, said, wrong = imported(content, "--update", "--dry-run", *options)
        assert done == status
        assert wrong[0].startswith("line 4: email: ")
        assert said.splitlines() == [
            "30001 email: p1@example.com → new@example.com",
            f"1 employee would be added, 1 changed, 1 left as they are{left_out}; nothing was written",
        ]
        assert [row["email"] for row in everybody(run)] == ["p1@example.com", "p2@example.com"]

    @pytest.mark.parametrize(
        ("encoding", "line"),
        [
            ("ascii", r"30001 first_name: J\xfcrgen -> \u5f35"),
            ("cp1252", r"30001 first_name: Jürgen -> \u5f35"),
            ("utf-8", "30001 first_name: Jürgen → 張"),
        ],
    )
    def test_is_told_wherever_it_is_printed(self, imported, monkeypatch, encoding, line):
        """A console or a pipe of Windows, a unit's standard output."""
        imported(people(1))
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        assert imported(people(1).replace("Jürgen", "張"), "--update", "--dry-run")[0] == 0
        stream.flush()
        assert stream.buffer.getvalue().decode(encoding).splitlines()[0] == line


class TestEmailsMove:
    @pytest.fixture
    def moving(self, imported):
        """A file that gives seven employees another email."""
        imported(people(9))
        return people(9).replace("@example.com", "@new.example.com", 7).replace("Věra", "Vera")

    @pytest.fixture
    def answers(self, monkeypatch):
        """A terminal at which somebody answers."""

        def answer(text):
            terminal = io.StringIO(text)
            terminal.isatty = lambda: True
            monkeypatch.setattr(sys, "stdin", terminal)

        return answer

    @staticmethod
    def moved(run):
        return sum("@new." in row["email"] for row in everybody(run))

    ASKED = (
        "7 employees would get another email:",
        *(f"3000{n} email: p{n}@example.com → p{n}@new.example.com" for n in range(1, 6)),
        "… and 2 more; --dry-run lists all",
    )

    @pytest.mark.parametrize("answer", ["y\n", "Yes\n", " YES"])
    def test_a_terminal_is_asked(self, run, imported, moving, answers, answer):
        answers(answer)
        status, said, told = imported(moving, "--update")
        assert (status, said) == (0, "0 employees were added, 8 changed, 1 left as they are\n")
        assert told == [*self.ASKED, "Go on? [y/N] "]
        assert self.moved(run) == 7

    @pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "yes please\n", "\x04\n"])
    def test_anything_but_yes_writes_nothing(self, run, imported, moving, answers, answer):
        before = everybody(run), noted(run)
        answers(answer)
        status, said, told = imported(moving, "--update")
        assert (status, said) == (2, "")
        assert "Latchkey: you did not agree; nothing was written" in told[-1]
        assert (everybody(run), noted(run)) == before

    def test_an_answer_that_is_no_text_is_no(self, imported, moving, monkeypatch):
        class Terminal(io.TextIOWrapper):
            def isatty(self):
                return True

        monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(b"\xff\n"), encoding="utf-8"))
        assert imported(moving, "--update")[0] == 2

    def test_ctrl_c_at_the_question_writes_nothing(self, run, imported, moving, answers, monkeypatch):
        waited = []

        def interrupted():
            signal.raise_signal(signal.SIGINT)
            waited.append("for an answer")
            return "y\n"

        answers("")
        sys.stdin.readline = interrupted
        assert imported(moving, "--update")[0] == 130
        assert (self.moved(run), waited) == (0, [])

    @pytest.mark.parametrize("stdin", ["a pipe", "closed"])
    def test_without_a_terminal_yes_must_be_said(self, run, imported, moving, monkeypatch, stdin):
        before = everybody(run), noted(run)
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n") if stdin == "a pipe" else None)
        status, said, (told,) = imported(moving, "--update")
        assert (status, said) == (2, "")
        assert told == (
            "Latchkey: 7 employees would get another email (first: 30001 email: p1@example.com → p1@new.example.com); "
            "look at all with --dry-run, then go on with --yes; nothing was written"
        )
        assert (everybody(run), noted(run)) == before
        status, said, told = imported(moving, "--update", "--yes")
        assert (status, said) == (0, "0 employees were added, 8 changed, 1 left as they are\n")
        assert told == [*self.ASKED]
        assert self.moved(run) == 7

    def test_a_file_from_the_terminal_itself_is_like_none(self, run, imported, moving, monkeypatch):
        def stdin():
            terminal = io.TextIOWrapper(io.BytesIO(moving.encode()), encoding="utf-8")
            terminal.isatty = lambda: True
            monkeypatch.setattr(sys, "stdin", terminal)

        stdin()
        status, _, (told,) = imported("-", "--update")
        assert (status, self.moved(run)) == (2, 0)
        assert "go on with --yes; nothing was written" in told
        stdin()
        assert imported("-", "--update", "--yes")[0] == 0
        assert self.moved(run) == 7

    def test_of_one_it_is_said_in_the_singular(self, imported, moving, answers):
        answers("y\n")
        told = imported(people(9).replace("p3@", "x@"), "--update")[2]
        assert told == [
            "1 employee would get another email:",
            "30003 email: p3@example.com → x@example.com",
            "Go on? [y/N] ",
        ]

    @pytest.mark.parametrize("content", [people(12), people(9).replace("Věra", "Vera"), people(9).upper().replace("EMP_NO,EMAIL,BIRTH_DATE,FIRST_NAME,LAST_NAME,GENDER,HIRE_DATE", HEADER)], ids=["new ones", "names", "the case"])  # fmt: skip
    def test_nobody_is_asked_where_no_email_moves(self, run, imported, moving, answers, content):
        answers("")
        status, _, told = imported(content, "--update")
        assert (status, told) == (0, [])

    def test_wrong_rows_are_told_before_anybody_is_asked(self, run, imported, moving, answers):
        answers("y\n")
        status, _, told = imported(f"{moving}{SPOILT[0][0]}\n", "--update")
        assert status == 1
        assert told[-1] == "1 row is wrong; nothing was written"
        assert self.moved(run) == 0

    def test_a_dry_run_asks_nobody(self, run, imported, moving, answers):
        answers("")
        status, said, told = imported(moving, "--update", "--dry-run")
        assert (status, told) == (0, [])
        assert said.count(" email: ") == 7
