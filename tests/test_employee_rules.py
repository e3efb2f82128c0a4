"""The rules of an employee's fields, the same for pages, JSON, commands and imports."""

from datetime import date

import pytest

from webapp import employee_rules as rules

KEPT = [
    ("emp_no", "1", 1),
    ("emp_no", "2147483647", 2147483647),
    ("email", "Ann.Lee@Example.COM", "ann.lee@example.com"),
    ("first_name", " Nguyễn ", "Nguyễn"),
    ("last_name", "O'Brien", "O'Brien"),
    ("first_name", "é" * 50, "é" * 50),
    ("first_name", "Jose\u0301", "Jos\u00e9"),
    ("birth_date", "1900-01-01", date(1900, 1, 1)),
    ("birth_date", "", None),
    ("gender", "X", "X"),
    ("gender", "", None),
    ("scopes", "user:read, super:* user:read", ("user:read", "super:*")),
    ("scopes", "", ()),
]
REFUSED = [
    *(("emp_no", text) for text in ("", "0", "-1", "1.0", "2147483648", "9" * 5000, "²", "1_0", " 1")),
    *(("email", text) for text in ("", "ann", "a@b@c.example", "a b@c.example", "\udcff@b.example", "a@" + "b" * 300)),
    *(("first_name", text) for text in ("", " ", "x" * 51, "a\nb", "a\x00b", "\udcff")),
    *(("hire_date", text) for text in ("1899-12-31", "1955-02-30", "19550228", "yesterday", "1955-2-3")),
    *(("gender", text) for text in ("?", "f", "FM")),
    ("scopes", "user:read root"),
]


@pytest.mark.parametrize(("field", "text", "kept"), KEPT)
def test_what_is_right_is_kept_in_its_normal_form(field, text, kept):
    assert rules.checked({field: text}) == ({field: kept}, {})


@pytest.mark.parametrize(("field", "text"), REFUSED)
def test_what_is_wrong_is_refused_with_what_to_mend(field, text):
    kept, problems = rules.checked({field: text})
    assert kept == {}
    assert problems[field].startswith("Enter ")


@pytest.mark.parametrize("sign", rules.FORMULA_SIGNS)
@pytest.mark.parametrize("field", ["first_name", "last_name", "email"])
def test_nothing_that_a_spreadsheet_takes_for_a_formula_is_kept(field, sign):
    """ASVS 1.2.10."""
    assert field in rules.checked({field: f" {sign}cmd@example.com"})[1]


@pytest.mark.parametrize(("born", "hired", "right"), [("2000-01-02", "2000-01-01", False), ("2000-01-01", "2000-01-01", False), ("2000-01-01", "2000-01-02", True), ("2000-01-01", "", True), ("", "2000-01-01", True)])  # fmt: skip
def test_nobody_is_hired_before_the_day_after_their_birth(born, hired, right):
    problems = rules.checked({"birth_date": born, "hire_date": hired})[1]
    assert problems == ({} if right else {"hire_date": "Enter a hire date after the birth date"})
