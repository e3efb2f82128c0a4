"""Emails that a person could take for another one are refused where they are set, and nowhere else."""

import pytest
from sqlalchemy import select, update

from tests.conftest import API, PASSWORD, add_employee, client_like, log_in
from tests.test_commands import USER, refused, typed  # noqa: F401  the fixture
from tests.test_import import HEADER, file, imported  # noqa: F401  the fixtures
from webapp import employee_rules, settings
from webapp.auth import set_up
from webapp.database import database
from webapp.normal_forms import normal_email
from webapp.tables import employees

TAKEN = [
    "u1@example.com",
    "o'brien+x_1@example.com",
    "kim@m\u00fcller.example",
    "u1@\u4f8b\u3048.jp",
    "u1@\u30c9\u30e1\u30a4\u30f3\u540d\u4f8b.jp",
    "u1@\u30e1\u30fc\u30eb.jp",
    "u1@\ud55c\uad6d.kr",
    "u1@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444",
    "u1@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0443\u0441",
    "u1@\u043f\u0440\u0438\u043c\u0435\u0440.com",
    "u1@\u03c0\u03b1\u03c1\u03ac\u03b4\u03b5\u03b9\u03b3\u03bc\u03b1.\u03b5\u03bb",
    "u1@\u0909\u0926\u093e\u0939\u0930\u0923.\u092d\u093e\u0930\u0924",
    "u1@\u0645\u062b\u0627\u0644.\u0625\u062e\u062a\u0628\u0627\u0631",
    "u1@\u05d3\u05d5\u05d2\u05de\u05d4.co.il",
    "u1@\u0e15\u0e31\u0e27\u0e2d\u0e22\u0e48\u0e32\u0e07.\u0e44\u0e17\u0e22",
    "u1@vi\u1ec7tnam.vn",
    "u1@\u0142\u00f3d\u017a.pl",
    "u1@bl\u00e5b\u00e6rgr\u00f8d.dk",
    "u1@c\u0153ur.fr",
    "u1@stra\u00dfe-7.example",
    "u1@\u0131\u015f\u0131k.com.tr",
]
REFUSED = {
    "fullwidth letter": "\uff551@example.com",
    "fullwidth digit": "u\uff11@example.com",
    "long s": "\u017f1@example.com",
    "dotless i": "\u01311@example.com",
    "Cyrillic a": "\u0430dmin@example.com",
    "mathematical u": "\U0001d42e1@example.com",
    "small capital": "\u029f1@example.com",
    "a mark": "u1\u0307@example.com",
    "zero width": "u\u200b1@example.com",
    "joiner": "u\u200d1@example.com",
    "umlaut, which a setting allows": "m\u00fcller@example.com",
    "domain with a Cyrillic a": "u1@ex\u0430mple.com",
    "the same, in punycode": "u1@xn--exmple-4nf.com",
    "domain all in Cyrillic": "u1@\u0430\u0440\u0440\u04cf\u0435.com",
    "the same, in punycode and capitals": "U1@XN--80AK6AA92E.com",
    "with accents": "u1@\u0430\u0451.com",
    "at a known Cyrillic ending": "u1@\u0430\u0440\u0440\u04cf\u0435.\u0440\u0443\u0441",
    "an ending in Cyrillic": "u1@example.\u0441\u043e",
    "an ending in two alphabets": "u1@example.\u0441\u043em",
    "a part in the middle": "u1@mail.ex\u0430mple.com",
    "all in Greek": "u1@\u03bf\u03bf\u03bf.com",
    "all in Armenian": "u1@\u0585\u0585.com",
    "all in Cherokee": "u1@\u13a5\u13a5.com",
    "all in Lisu": "u1@\ua4ee.com",
    "Cyrillic in a word with accents": "u1@ex\u00e1m\u0440le.com",
    "dotless i in a domain": "u1@m\u0131cro.com",
    "a click that looks like two l": "u1@he\u01c1o.com",
    "a click that looks like an exclamation mark": "u1@example\u01c3.com",
    "a click with a stroke": "u1@fu\u01c2.com",
    "a tone mark as b": "u1@\u0185ank.com",
    "the same in capitals": "u1@\u0184ANK.com",
    "a tone mark as 2": "u1@b\u01a8b.com",
    "wynn as p": "u1@\u01bfayment.com",
    "yogh as 3": "u1@\u021dm.com",
    "dotless j": "u1@\u0237ohn.com",
    "dotless j in punycode": "u1@xn--ohn-gpb.com",
    "script g": "u1@\u0261oogle.com",
    "small capital in a domain": "u1@ex\u1d00mple.com",
    "a mark in a domain": "u1@exa\u030dmple.com",
    "a long vowel's sign as a hyphen": "u1@example\u30fc.com",
    "zero width in a domain": "u1@exa\u200bmple.com",
    "a digit of another script": "u1@example.c\u0966m",
}


@pytest.mark.parametrize("email", TAKEN)
def test_emails_of_all_languages_are_taken(email):
    assert employee_rules.new_email(email) == email


@pytest.mark.parametrize("kind", REFUSED)
def test_look_alikes_are_refused_with_what_to_do(kind):
    with pytest.raises(ValueError, match=r"^Enter an email address (that cannot be taken|such as)"):
        employee_rules.new_email(REFUSED[kind])


@pytest.mark.parametrize(
    "email", ["m\u00fcller@example.com", "\u0438\u0432\u0430\u043d@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444"]
)
def test_a_setting_allows_other_letters_but_no_look_alikes(monkeypatch, email):
    monkeypatch.setattr(settings, "NON_ASCII_EMAILS", True)
    assert employee_rules.new_email(email) == email
    for kind, other in REFUSED.items():
        if "setting allows" not in kind:
            with pytest.raises(ValueError):
                employee_rules.new_email(other)


@pytest.mark.parametrize(
    "written",
    [
        "kim@m\u00fcller.example",
        "KIM@M\u00dcLLER.EXAMPLE",
        "kim@mu\u0308ller.example",
        "kim@xn--mller-kva.example",
        " Kim@XN--MLLER-KVA.Example",
    ],
)
def test_a_domain_is_the_same_in_each_way_to_write_it(anonymous, run, written):
    """A browser's field of the type email sends punycode."""
    assert employee_rules.email(written) == normal_email(written) == "kim@m\u00fcller.example"
    add_employee(run, "kim@m\u00fcller.example")
    assert log_in(anonymous, username=written).status_code == 303


@pytest.mark.parametrize(
    "username", ["a@xn--", "xn--", "a@xn--zzzzzzzz99999.com", "@\u0301", "a@" + "\u00fc." * 120, "\u2020@\u2020"]
)
def test_what_is_no_domain_is_just_unknown(anonymous, username):
    answer = log_in(anonymous, username=username)
    assert answer.status_code == 422
    assert "Incorrect username or password" in answer.text


LOOK_ALIKE = "\uff551@example.com"


class TestWaysIn:
    @pytest.fixture
    def boss(self, run, anonymous):
        """A program of somebody who may do everything."""
        add_employee(run, "boss@example.com", scopes=("user:read", "user:write", "super:*"))
        token = log_in(client_like(anonymous, API), "/api/login", username="boss@example.com").json()["access_token"]
        return client_like(anonymous, {**API, "Authorization": f"Bearer {token}"})

    @pytest.fixture
    def early(self, run):
        """Somebody who got such an email from a version before."""
        return add_employee(run, LOOK_ALIKE)

    @pytest.mark.parametrize(
        "kind", ["fullwidth letter", "Cyrillic a", "domain with a Cyrillic a", "domain all in Cyrillic"]
    )
    def test_nobody_new_gets_one(self, boss, run, kind):
        person = {"email": REFUSED[kind], "first_name": "U", "last_name": "One"}
        for sent in ({"json": person}, {"data": person}):
            answer = boss.post("/api/employees", **sent)
            assert answer.status_code == 400
            assert "cannot be taken for another one" in answer.json()["fields"]["email"]

    def test_the_form_keeps_what_was_typed(self, anonymous, run):
        add_employee(run, "boss@example.com", scopes=("super:*",))
        assert log_in(anonymous, username="boss@example.com").status_code == 303
        answer = anonymous.post("/employees", data={"email": LOOK_ALIKE, "first_name": "U", "last_name": "One"})
        assert answer.status_code == 422
        assert "cannot be taken for another one" in answer.text
        assert LOOK_ALIKE in answer.text

    def test_nobody_is_given_one(self, boss, ann):
        answer = boss.patch(f"/api/employees/{ann.emp_no}", json={"email": LOOK_ALIKE, "version": 1})
        assert answer.status_code == 400
        assert list(answer.json()["fields"]) == ["email"]

    def test_who_has_one_is_edited_and_keeps_it(self, boss, early):
        path = f"/api/employees/{early.emp_no}"
        assert boss.patch(path, json={"first_name": "Una", "version": 1}).status_code == 200
        whole = {"email": LOOK_ALIKE.upper(), "first_name": "Uma", "last_name": "One", "version": 2}
        answer = boss.put(path, json=whole)
        assert (answer.status_code, answer.json()["email"]) == (200, LOOK_ALIKE)
        assert boss.patch(path, json={"email": "\uff552@example.com", "version": 3}).status_code == 400
        assert boss.patch(path, json={"email": "u2@example.com", "version": 3}).status_code == 200

    def test_who_has_one_logs_in(self, anonymous, early):
        assert log_in(anonymous, username=LOOK_ALIKE).status_code == 303

    def test_the_first_administrator_has_none(self, anonymous, run):
        form = {"token": run(set_up.new_token), "email": LOOK_ALIKE, "first_name": "A", "last_name": "B"}
        answer = client_like(anonymous, API).post("/api/set-up", data={**form, "new_password": PASSWORD})
        assert answer.status_code == 400
        assert "cannot be taken for another one" in answer.json()["detail"]

    def test_create_user_adds_none(self, stopped, typed, capsys):  # noqa: F811
        typed(PASSWORD)
        line = refused(capsys, *USER[:2], LOOK_ALIKE, *USER[3:], "--password-stdin")
        assert "cannot be taken for another one" in line

    def test_commands_still_find_who_has_one(self, early, stopped, capsys):
        from webapp.cli import main

        assert main(["sign-ins", LOOK_ALIKE]) == 0
        assert "0 living sign-ins" in capsys.readouterr().out

    def test_an_import_brings_in_none_and_leaves_who_has_one(self, early, imported, run):  # noqa: F811
        row = f"{early.emp_no},{LOOK_ALIKE},,Una,Lee,,"
        status, said, wrong = imported(f"{HEADER}\n{row}\n20001,\u0430b@example.com,,A,B,,\n", "--update", "--skip-bad")
        assert status == 0, said
        assert wrong[0].startswith("line 3: email: Enter an email address that cannot be taken for another one")
        rows = run(database.fetch_all, select(employees))
        assert [(one["email"], one["first_name"]) for one in rows] == [(LOOK_ALIKE, "Una")]
        moved = row.replace(LOOK_ALIKE, "\uff552@example.com")
        assert imported(f"{HEADER}\n{moved}\n", "--update")[0] == 1
        run(database.execute, update(employees).values(email="u1@example.com"))
        assert imported(f"{HEADER}\n{row}\n", "--update")[0] == 1, "nor does it come back"
