"""Passwords in a browser: change one, set one with a link, ask for a link, and the first start."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import states
from tests.browser.conftest import ADA, ANN, BOB, FLAGS, chromium_path, log_in
from tests.browser.test_flows import somebody  # noqa: F401  the fixture
from tests.conftest import PASSWORD

pytestmark = pytest.mark.browser

NEW = "seven green umbrellas sing"


@pytest.fixture(scope="module")
def shared_site(start_site):
    """A server that has a mail server, at which nobody answers."""
    return start_site(SMTP_URL="smtp://127.0.0.1:9?tls=none", MAIL_FROM="latchkey@example.com")


def test_change_password(somebody):  # noqa: F811
    page = somebody.page
    log_in(page.context, ANN)
    page.goto("/admin/me")
    somebody.follow("Change password")
    expect(page.get_by_role("heading", level=1)).to_have_text("Change password")
    somebody.fill("Current password", "wrong")
    somebody.fill("New password", NEW)
    somebody.press("Change password")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page).to_have_title("Error: Change password – Latchkey")
    somebody.follow("This is not your current password")
    expect(page.get_by_label("Current password", exact=True)).to_be_focused()
    page.keyboard.type(PASSWORD)
    somebody.fill("New password", NEW)
    somebody.press("Change password")
    expect(page.get_by_role("status").first).to_contain_text("every other sign-in of yours has ended")
    expect(page.locator("li.row")).to_have_count(1)


def is_scripted(page):
    return page.locator("html.scripted").count() == 1


def test_set_a_password_with_a_link(somebody):  # noqa: F811
    page = somebody.page
    states.link(page)
    expect(page).to_have_url(re.compile("/auth/link$" if is_scripted(page) else r"/auth/link\?token="))
    somebody.press("Set your password")
    expect(page.get_by_role("alert")).to_be_focused()
    somebody.fill("New password", NEW)
    somebody.press("Set your password")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Ann")
    expect(page.get_by_role("status").first).to_contain_text("Your password is set")


@pytest.mark.parametrize("scripted", [True, False], ids=["with scripts", "without"])
def test_no_request_tells_the_token_of_a_link(new_context, scripted):
    """ASVS 14.2.1."""
    page = new_context(java_script_enabled=scripted).new_page()
    told = []
    page.on("request", lambda request: told.append((request.url, request.all_headers())))
    states.link(page)
    token = page.locator("input[name=token]").input_value()
    page.get_by_role("button", name="Set your password").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("New password").fill(NEW)
    page.get_by_role("button", name="Set your password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Ann")
    assert [token in url for url, _ in told] == [True] + [False] * (len(told) - 1)
    assert not any(token in repr(headers) for _, headers in told)
    assert len([url for url, _ in told if "/static/" in url]) >= 4


def test_a_link_that_is_opened_again_without_its_token_says_what_to_do(page):
    states.link(page)
    expect(page).to_have_url("/auth/link")
    page.reload()
    expect(page.get_by_text("Open the link again")).to_be_visible()


def test_a_dead_links_token_leaves_the_address_too(page):
    states.link_dead(page)
    expect(page).to_have_url("/auth/link")


@pytest.mark.parametrize("scripted", [True, False], ids=["with scripts", "without"])
def test_two_links_in_two_tabs_never_mix(new_context, scripted):
    context = new_context(java_script_enabled=scripted)
    tabs = {}
    for email in (ANN, BOB):
        tabs[email] = context.new_page()
        tabs[email].goto(context.request.get(f"/test/link/{email}").json())
    dead = context.new_page()
    states.link_dead(dead)
    for email, name in ((ANN, "Ann"), (BOB, "Bob")):
        page = tabs[email]
        expect(page.get_by_text(f"For {email}")).to_be_visible()
        page.get_by_label("New password").fill(NEW)
        page.get_by_role("button", name="Set your password").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Welcome, {name}")


def test_a_login_in_another_tab_leaves_the_form_of_a_link_alone(page):
    context = page.context
    log_in(context, BOB)
    states.link(page)
    page.get_by_label("New password").fill(NEW)
    other = context.new_page()
    log_in(context, ADA)
    other.goto("/auth/home")
    expect(other.get_by_role("heading", level=1)).to_have_text("Welcome, Ada")
    expect(page.get_by_label("New password")).to_have_value(NEW)
    page.get_by_role("button", name="Set your password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Ann")


@pytest.mark.parametrize("scripted", [True, False], ids=["with scripts", "without"])
def test_the_form_of_a_link_is_no_other_sites_where_nothing_but_origin_says_so(chromium, site, scripted):
    """Over plain http browsers send no Sec-Fetch-Site, and after no-referrer alone `Origin: null`."""
    rules = "--host-resolver-rules=MAP tools.corp.example 127.0.0.1, MAP * ~NOTFOUND"
    flags = [rules if flag.startswith("--host-resolver-rules") else flag for flag in FLAGS]
    browser = chromium.browser_type.launch(executable_path=chromium_path(), headless=True, args=flags)
    address = site.address.replace("127.0.0.1", "tools.corp.example")
    page = browser.new_context(base_url=address, java_script_enabled=scripted).new_page()
    posted = []
    page.on("request", lambda request: posted.append(request) if request.method == "POST" else None)
    page.goto(site.call(f"/test/link/{ANN}"))
    page.get_by_label("New password").fill(NEW)
    page.get_by_role("button", name="Set your password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Ann")
    headers = posted[0].all_headers()
    assert "sec-fetch-site" not in headers
    assert headers["origin"] == address
    browser.close()


def test_set_up(somebody):  # noqa: F811
    page = somebody.page
    states.set_up(page)
    # Without the script that takes the token out of the address, it stays there; the form works either way.
    expect(page).to_have_url(re.compile(r"/auth/set-up(\?token=[\w-]{43})?$"))
    somebody.fill("Email", "ada@example.com")
    somebody.fill("First name", "Ada")
    somebody.fill("Last name", "Byron")
    somebody.fill("Password", "short")
    somebody.press("Set up Latchkey")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value("ada@example.com")
    somebody.fill("Password", NEW)
    somebody.press("Set up Latchkey")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Ada")


def test_ask_for_a_link(somebody):  # noqa: F811
    page = somebody.page
    page.goto("/auth/login")
    somebody.follow("Forgot your password?")
    expect(page.get_by_role("heading", level=1)).to_have_text("Forgot your password?")
    somebody.press("Mail me a link")
    expect(page.get_by_role("alert")).to_be_focused()
    somebody.fill("Email", ANN)
    somebody.press("Mail me a link")
    expect(page.get_by_role("status").first).to_contain_text("Look into your mail")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_axe_finds_nothing_where_one_asks_for_a_link(page, violations):
    page.goto("/auth/login")
    assert violations(page) == []
    page.goto("/auth/forgot")
    assert violations(page) == []
    page.get_by_role("button", name="Mail me a link").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []


def test_the_new_password_is_for_a_password_manager(page):
    """ASVS 6.2.7: the manager knows whose it is, and which of the two is new."""
    states.change_password(page)
    form = page.locator("#change_password")
    names = form.locator("input").evaluate_all("(all) => all.map((one) => one.autocomplete)")
    assert names == ["username", "current-password", "new-password"]
    assert form.locator("input[name=username]").input_value() == ANN
    new = page.get_by_label("New password", exact=True)
    expect(new).to_have_accessible_description(page.locator("#new_password-hint").inner_text())
