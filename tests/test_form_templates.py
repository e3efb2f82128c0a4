"""templates/_fields.html: each field has a label, and names its hint and its problem."""

import pytest

from webapp.templating import templates

FIELDS = {
    "field": 'field("x", "Name", "<b>", errors, hint=hint, prefix=prefix)',
    "password_field": 'password_field("x", "Name", errors, hint=hint, prefix=prefix)',
    "textarea": 'textarea("x", "Name", "<b>", errors, hint=hint, prefix=prefix)',
    "select": 'select("x", "Name", [("<b>", "B")], "<b>", errors, hint=hint, prefix=prefix)',
    "checkboxes": 'checkboxes("x", "Name", [("<b>", "B")], ["<b>"], errors, hint=hint, prefix=prefix)',
}
EACH = pytest.mark.parametrize("macro", FIELDS)


def shown(macro, call, **context):
    text = f'{{% from "_fields.html" import {macro} %}}{{{{ {call} }}}}'
    context = {"errors": {}, "hint": None, "prefix": "", **context}
    return " ".join(templates.from_string(text).render(context).split())


@EACH
def test_a_field_without_hint_and_problem_names_none(macro):
    text = shown(macro, FIELDS[macro])
    assert 'id="x"' in text
    assert 'name="x"' in text
    assert "aria-describedby" not in text
    assert "aria-invalid" not in text
    assert "<b>" not in text
    assert ('<label for="x">Name</label>' in text) or ("<legend>Name</legend>" in text)


@EACH
def test_a_hint_and_a_problem_are_named_by_the_field(macro):
    text = shown(macro, FIELDS[macro], errors={"x": "Enter <less>"}, hint="Few words", prefix="n-")
    assert 'aria-describedby="n-x-hint n-x-problem"' in text
    assert '<p class="hint" id="n-x-hint">Few words</p>' in text
    assert '<p class="field-problem" id="n-x-problem">Enter &lt;less&gt;</p>' in text
    assert ('aria-invalid="true"' in text) == (macro != "checkboxes")
    assert 'id="n-x"' in text
    assert ' name="x"' in text


def test_what_else_is_given_becomes_an_attribute():
    text = shown("field", 'field("x", "X", required=true, aria_label="<", maxlength=none, readonly=false, min=0)')
    assert 'value="" required aria-label="&lt;" min="0">' in text


def test_a_password_is_never_in_the_page():
    text = shown("password_field", 'password_field("x", "X", autocomplete="new-password")')
    assert "value=" not in text
    assert '<button type="button" class="show" aria-controls="x" aria-label="Show password">' in text


def test_the_first_line_of_a_text_is_kept():
    text = '{% from "_fields.html" import textarea %}{{ textarea("x", "X", "\\n\\na") }}'
    assert ">\n\n\na</textarea>" in templates.from_string(text).render()


@pytest.mark.parametrize("errors", [{}, {"x": "Enter <less>"}])
def test_the_summary_takes_the_focus_and_leads_to_the_fields(errors):
    text = shown("error_summary", 'error_summary("Too <much>", errors, "n-")', errors=errors)
    assert 'role="alert" tabindex="-1" autofocus' in text
    if errors:
        assert '<a href="#n-x">Enter &lt;less&gt;</a>' in text
    else:
        assert "<h2>Too &lt;much&gt;</h2>" in text


def test_without_a_sentence_there_is_no_summary():
    assert shown("error_summary", "error_summary(none, {})") == ""
