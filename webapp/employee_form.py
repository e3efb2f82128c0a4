"""The forms on an employee: each field has its rule in webapp/employee_rules.py, as commands and imports have it."""

from collections.abc import Callable, Mapping
from typing import Any

from webapp import employee_rules, look_alikes
from webapp.auth.scopes import SCOPES
from webapp.employees import Employee
from webapp.fields import Fields
from webapp.inputs import Checked, SomeOf

DETAILS = ("email", "first_name", "last_name", "birth_date", "gender", "hire_date")


class Ruled(Checked):
    """A field with a rule, which returns what is kept of a text or raises ValueError with what to mend."""

    def __init__(self, what: str, rule: Callable[[str], Any], **options: Any) -> None:
        super().__init__(what, **options)
        self.rule = rule

    def read(self, text: str) -> Any:
        if text.strip():
            return self.rule(text)
        if self.required:
            raise ValueError(f"Enter {self.what}")
        return None


class EmployeeForm(Fields):
    """An employee's details."""

    email = Ruled("the email", employee_rules.email)
    first_name = Ruled("the first name", employee_rules.name)
    last_name = Ruled("the last name", employee_rules.name)
    birth_date = Ruled("the birth date", employee_rules.day, required=False)
    gender = Ruled("the gender", employee_rules.gender, required=False)
    hire_date = Ruled("the hire date", employee_rules.day, required=False)

    def check_order(self, before: Mapping[str, Any]) -> None:
        """Add the problem of a hire date that is not after the birth date, one of which may be as it was before."""
        after = {**before, **self.data}
        try:
            employee_rules.in_order(after.get("birth_date"), after.get("hire_date"))
        except ValueError as error:
            self.problems["hire_date"] = str(error)

    def check_email(self, before: Mapping[str, Any]) -> None:
        """Add the problem of a new email that could be taken for another one; the one from before stays as it is."""
        email = self.data.get("email")
        if email and email != before.get("email") and (problem := look_alikes.problem_of(email)):
            self.problems["email"] = problem


class EditForm(EmployeeForm):
    """An employee's details, and the version that was looked at when they were typed."""

    version = Ruled("the version", employee_rules.emp_no, required=False)


class ScopesForm(Fields):
    """What an employee may do, and the version that was looked at."""

    scopes = SomeOf("what they may do", SCOPES, required=False)
    version = Ruled("the version", employee_rules.emp_no, required=False)


def details_of(employee: Employee) -> dict[str, Any]:
    """Return an employee's details by the names of the form's fields."""
    return {name: getattr(employee, name) for name in DETAILS}


def shown(details: Mapping[str, Any]) -> dict[str, str]:
    """Return details as the form shows them."""
    return {name: "" if value is None else str(value) for name, value in details.items()}
