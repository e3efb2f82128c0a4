"""The browser itself: it can log in, and what it complains of is seen."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ANN, end, expire
from tests.conftest import PASSWORD

pytestmark = pytest.mark.browser


def test_log_in_with_the_form(page):
    page.goto("/admin/me")
    page.get_by_label("Email").fill(ANN)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="My Info")).to_be_visible()


@pytest.mark.parametrize("act", ["expire", "end"])
def test_a_session_can_be_let_expire_or_end(site, ann_page, act):
    ann_page.goto("/admin/me")
    expire(ann_page.context) if act == "expire" else end(site, ann_page.context)
    ann_page.goto("/admin/me")
    expect(ann_page.get_by_text("Your session has ended")).to_be_visible()


def test_complaints_are_seen(new_context):
    context = new_context()
    page = context.new_page()
    page.goto("/auth/login")
    page.evaluate("document.body.appendChild(document.createElement('script')).text = 'alert(1)'")
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.wait_for_function("true")
    assert any("Content Security Policy" in complaint for complaint in context.complaints)
    context.complaints.clear()


def test_axe_sees_a_picture_without_words(page, violations):
    page.goto("/auth/login")
    page.evaluate("document.querySelector('main').appendChild(document.createElement('img')).src = '/static/icon.svg'")
    assert any("image-alt" in found for found in violations(page))
