"""The directory: who a search finds, in which order, page by page."""

import itertools
from datetime import date, timedelta

import pytest
from sqlalchemy import update

from tests.conftest import add_employee
from webapp import directory
from webapp.database import database
from webapp.tables import employees

PEOPLE = [
    ("Zoë", "Müller", "zoe.mueller@example.com", date(2020, 1, 2)),
    ("Søren", "O'Brien", "soren@example.com", date(2019, 5, 6)),
    ("Anne-Marie", "van der Berg", "amb_7@example.com", None),
    ("Jo", "Straße", "info.desk@example.com", date(2020, 1, 2)),
    ("Maria", "Jones", "mj@example.com", None),
    ("Jo", "Jones", "jo.jones@example.com", date(1999, 12, 31)),
    ("Wei", "张", "wei%@example.com", date(2021, 3, 4)),
]
MÜLLER, OBRIEN, BERG, STRASSE, MARIA, JONES, WEI = range(10001, 10008)
WALKED, GATHERED = 0, 10**6


@pytest.fixture
def people(run, anonymous):
    for first, last, email, hired in PEOPLE:
        add_employee(run, email, first_name=first, last_name=last, hire_date=hired)


@pytest.fixture(params=[WALKED, GATHERED], ids=["walked", "gathered"])
def few(request, monkeypatch):
    """Both ways of finding, whatever the number of employees."""
    for name in ("FEW", "FEW_FOR_ONE_WORD", "FEW_IN_STEP"):
        monkeypatch.setattr(directory, name, request.param)


def found(run, *arguments, **options):
    page = run(lambda: directory.page(*arguments, **options))
    return [entry.emp_no for entry in page.entries]


@pytest.mark.usefixtures("people", "few")
class TestFinds:
    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            ("muller", {MÜLLER}),
            ("MÜLLER", {MÜLLER}),
            ("mul", {MÜLLER}),
            ("zoe mull", {MÜLLER}),
            ("mull zoe", {MÜLLER}),
            ("soren", {OBRIEN}),
            ("SØREN", {OBRIEN}),
            ("obrien", {OBRIEN}),
            ("o’brien", {OBRIEN}),
            ("strasse", {STRASSE}),
            ("STRASSE", {STRASSE}),
            ("anne-m", {BERG}),
            ("marie", {BERG}),
            ("berg anne", {BERG}),
            ("der", {BERG}),
            ("mari", {BERG, MARIA}),
            ("jo", {STRASSE, MARIA, JONES}),
            ("jo jo", {STRASSE, MARIA, JONES}),
            ("jo jones", {MARIA, JONES}),
            ("zhang", {WEI}),
            ("10003", {BERG}),
            ("wei 10007", {WEI}),
            ("wei 10003", set()),
            ("info.desk@ex", {STRASSE}),
            ("INFO.desk@example.com", {STRASSE}),
            ("info.d", {STRASSE}),
            ("desk", {STRASSE}),
            ("amb_7@", {BERG}),
            ("amb%7@", set()),
            ("wei%@", {WEI}),
            ("info.desk@example.org", set()),
            ("@example.com", set()),
            ("ones", set()),
            ("☺", set()),
            ("%", set()),
            ("'; DROP TABLE employees; --", set()),
            ("999999999999999999999", set()),
            ("m j", {MARIA}),
            ("a b c d e f g h i j k l m n o p", set()),
        ],
    )
    def test_by_the_beginnings_of_words(self, run, query, numbers):
        for sort in directory.SORTS:
            assert set(found(run, query, sort)) == numbers

    def test_everybody_once_where_nothing_is_asked(self, run):
        assert sorted(found(run, "  ")) == [*range(10001, 10008)]

    def test_an_employee_two_of_whose_words_begin_so_is_there_once(self, run):
        assert found(run, "jo", "number") == [STRASSE, MARIA, JONES]


@pytest.mark.parametrize(
    ("sort", "numbers"),
    [
        ("name", [JONES, MARIA, MÜLLER, OBRIEN, STRASSE, BERG, WEI]),
        ("number", [*range(10001, 10008)]),
        ("hired", [JONES, OBRIEN, MÜLLER, STRASSE, WEI, BERG, MARIA]),
        ("-hired", [WEI, STRASSE, MÜLLER, OBRIEN, JONES, MARIA, BERG]),
    ],
)
def test_the_orders(run, people, sort, numbers):
    assert found(run, "", sort) == numbers
    if sort in ("name", "number"):
        assert found(run, "", f"-{sort}") == numbers[::-1]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("sort", directory.SORTS)
@pytest.mark.parametrize("query", ["", "jo", "o", "jo s"])
def test_pages_by_key_leave_nobody_out_and_show_nobody_twice(run, anonymous, sort, query):
    names = itertools.product(["Jo", "Jona Jo", "Otto"], ["Jones", "Otto Jo", "Smith"])
    for number, (first, last) in enumerate(names):
        hired = None if number % 3 == 0 else date(2020, 1, 1) + timedelta(days=number % 2)
        add_employee(run, f"e{number}@example.com", first_name=first, last_name=last, hire_date=hired)
    everybody = found(run, query, sort, limit=100)
    after, pages = None, []
    while after is not None or not pages:
        page = run(directory.page, query, sort, after, 2)
        assert len(page.entries) == 2 or page.after is None
        pages += [entry.emp_no for entry in page.entries]
        after = page.after
    assert pages == everybody
    assert len(set(pages)) == len(pages)


def test_a_change_while_one_looks_on_neither_repeats_nor_skips_others(run, people):
    first = run(directory.page, "", "name", None, 3)
    add_employee(run, "early@example.com", first_name="A", last_name="Aardvark")
    assert found(run, "", "name", first.after) == [OBRIEN, STRASSE, BERG, WEI]


def test_nobody_has_the_number_to_go_on_after(run, people):
    with pytest.raises(directory.NoSuchPlace):
        run(directory.page, "", "name", 99999)


def test_deactivated_employees_are_found_and_marked(run, people):
    run(database.execute, update(employees).where(employees.c.emp_no == MARIA).values(is_active=False))
    page = run(directory.page, "maria")
    assert [(entry.emp_no, entry.is_active) for entry in page.entries] == [(MARIA, False)]


def test_a_rush_of_common_words_is_not_looked_at_row_by_row(run, anonymous, monkeypatch):
    """What is gathered is bounded: with more rows than FEW_FOR_ONE_WORD the order is walked."""
    monkeypatch.setattr(directory, "FEW_FOR_ONE_WORD", 3)
    for number in range(5):
        add_employee(run, f"e{number}@example.com", first_name="Maria", last_name=f"L{number}")
    stretch, terms = directory.stretches("name", None)[0], directory.terms_of("maria")
    assert run(directory.rarest, stretch, terms) is None
    assert run(directory.rarest, stretch, directory.terms_of("l3")) == "l3"
