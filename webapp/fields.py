"""The fields that forms are made of, checked by WTForms and shown by our own templates.

A form names its fields once; where commands and files have the same fields, they share each field's rule
(webapp/employee_rules.py).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from wtforms import Form

from webapp.answers import FormRefused
from webapp.bodies import FORM, Upload, read_fields
from webapp.inputs import CONTROL, Checked

LONGEST_NAME = 50

Given = Mapping[str, str | Sequence[str]]
Context = Callable[[Request], Awaitable[Mapping[str, Any]]]


class Submitted(dict[str, list[str]]):
    """The values of each field, as WTForms reads them."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


class Fields(Form):
    """A form's fields; a subclass names them, and may check one that can be kept further in `validate_<name>`,
    which raises WTForms' ValidationError with the sentence that says what to mend.

    One form may `take` one row after the other; a request's is made by `submitted`.

    Attributes:
        data: the checked values by their names.
        problems: for each wrong field what to mend; a route may add its own, and then raise `refusal`.
        files: the files that came along.
    """

    def __init__(self) -> None:
        super().__init__()
        self.problems: dict[str, str] = {}
        self.files: dict[str, Upload] = {}

    def take(self, given: Given) -> dict[str, str]:
        """Read and check the value, or the values, of each field, and return for each wrong one what to mend."""
        self.process(
            Submitted((name, [value] if isinstance(value, str) else [*value]) for name, value in given.items())
        )
        self.validate()
        self.problems = {name: str(field.errors[0]) for name, field in self._fields.items() if field.errors}
        return self.problems

    def take_part(self, given: Given) -> dict[str, str]:
        """Do the same with some fields alone: those that are not given are no longer part of the form."""
        for name in [name for name in self._fields if name not in given]:
            del self[name]
        return self.take(given)

    @property
    def shown(self) -> dict[str, Any]:
        """Return for each field what was typed, as a template may show it again; never a password."""
        return {name: field.shown() for name, field in self._fields.items() if isinstance(field, Checked)}


FormClass = TypeVar("FormClass", bound=Fields)


async def submitted(
    request: Request,
    form_class: type[FormClass],
    template: str,
    *,
    kinds: Iterable[str] = (FORM,),
    partly: bool = False,
    context: Context | None = None,
    place: str | None = None,
) -> FormClass:
    """Return the form that a request carries, where nothing in it is wrong.

    Args:
        template: the form's template, which shows it again otherwise.
        kinds: the content types that the route takes, of webapp.bodies.FORM, MULTIPART and JSON.
        partly: whether fields that are not given stay as they are, as PATCH has it.
        context: what else the template shows, asked for only then.
        place: the CSS selector of the element that HTMX replaces, where it is not the template's name.

    Raises:
        FormRefused: a field is wrong, or a JSON object has a member that the form does not know.
        HTTPException: the body cannot be read.
    """
    body = await read_fields(request, kinds)
    form = form_class()
    unknown = [name for name in body.values if name not in form] if body.is_json else []
    (form.take_part if partly else form.take)(body.values)
    form.files = body.files
    for name in unknown:
        form.problems[CONTROL.sub("", name[:LONGEST_NAME])] = "There is no such field"
    if form.problems:
        raise await refusal(request, form, template, context, place)
    return form


async def refusal(
    request: Request, form: Fields, template: str, context: Context | None = None, place: str | None = None
) -> FormRefused:
    """Return the refusal that shows a form again, with its problems and with what was typed, or else is kept."""
    sentence = ". ".join(form.problems.values())
    more = await context(request) if context else {}
    values = {**(more.get("values") or {}), **form.shown}
    return FormRefused(template, sentence, errors=form.problems, values=values, context=more, place=place)
