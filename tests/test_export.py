"""Export: the columns of the import, by number, the same bytes for the same employees, and never a password's hash."""

import os
import subprocess
import sys

import pytest
from sqlalchemy import update

from tests.conftest import BCRYPT_HASH, EMAIL, add_employee
from tests.test_commands import refused
from tests.test_import import HEADER
from webapp.cli import main
from webapp.database import database
from webapp.exchange import exporting
from webapp.tables import employees

ANN = f"10001,{EMAIL},,Ann,Lee,,"


@pytest.fixture
def three(run, ann):
    """Ann and two others, one of whom is no longer active."""
    add_employee(run, "zoe@example.com", first_name='Zoë "Z"', last_name="O'Hara, Jr.", gender="X", scopes=("super:*",))
    gone = add_employee(run, "gone@example.com")
    run(database.execute, update(employees).where(employees.c.emp_no == gone.emp_no).values(is_active=False))


EXPORTED = (
    f"{HEADER}\n{ANN}\n" + '10002,zoe@example.com,,"Zoë ""Z""","O\'Hara, Jr.",X,\n10003,gone@example.com,,Ann,Lee,,\n'
)


@pytest.mark.parametrize("at_once", [1, 2, 3, 5000])
def test_standard_output_gets_everybody_by_number(three, stopped, monkeypatch, capsysbinary, at_once):
    monkeypatch.setattr(exporting, "ROWS_AT_ONCE", at_once)
    assert main(["export-employees"]) == 0
    printed = capsysbinary.readouterr()
    assert printed.out.decode() == EXPORTED
    assert printed.err == b""
    assert not BCRYPT_HASH.search(printed.out.decode())


def test_a_file_is_its_owners_only(three, stopped, tmp_path, capsys):
    """ASVS 14.2.4."""
    target = tmp_path / "people.csv"
    assert main(["export-employees", str(target)]) == 0
    assert capsys.readouterr().out == f"3 employees were exported to {target}\n"
    assert target.read_text() == EXPORTED
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_scopes_are_exported_where_they_are_asked_for(three, stopped, capsysbinary):
    main(["export-employees", "--scopes"])
    first, ann, zoe, _ = capsysbinary.readouterr().out.decode().splitlines()
    assert first == f"{HEADER},scopes"
    assert ann.endswith(",user:read user:write")
    assert zoe.endswith(",super:*")


def test_a_file_that_is_there_is_left_alone(three, stopped, tmp_path, capsys):
    target = tmp_path / "people.csv"
    target.write_text("mine")
    assert "is there already" in refused(capsys, "export-employees", str(target))
    assert target.read_text() == "mine"


def test_a_folder_that_is_not_there_is_refused(three, stopped, tmp_path, capsys):
    assert "cannot be written" in refused(capsys, "export-employees", str(tmp_path / "nowhere" / "people.csv"))


def test_a_failure_leaves_no_file(three, stopped, tmp_path, monkeypatch, capsys):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "as_csv", full)
    assert "No space left" in refused(capsys, "export-employees", str(tmp_path / "people.csv"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["export-employees", "new-key"])
def test_who_reads_what_is_printed_may_stop_early(three, stopped, command):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "run.py", command], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk that is always full")
def test_a_full_disk_behind_standard_output_is_said(three, stopped, monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert "standard output cannot be written (No space left on device)" in refused(capsys, "export-employees")
        full.buffer.raw.close()
