"""Nothing typed is lost when the session expires: log in again in place, and what was interrupted goes on (WCAG 2.2.5)."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ANN, BOB, PATIENCE_MS, end, expire, focused, log_in, sent
from tests.conftest import PASSWORD

pytestmark = pytest.mark.browser

# Bytes that a text in UTF-8 cannot have.
FILE = {"name": "räume.bin", "mimeType": "application/octet-stream", "buffer": bytes(range(256))}


@pytest.fixture
def typing(ann_page):
    """A page on which Ann has typed, and chosen a file; then her session has expired."""
    ann_page.goto("/test/page")
    ann_page.fill("#words", "ten minutes' work\u00e4")
    ann_page.set_input_files("#file", FILE)
    expire(ann_page.context)
    return ann_page


def dialog(page):
    return page.locator("dialog#relogin")


def interrupted(page, button="#draft"):
    page.click(button)
    expect(dialog(page)).to_be_visible()


def answer(page, password=PASSWORD, email=None):
    if email:
        dialog(page).get_by_label("Email").fill(email)
    dialog(page).get_by_label("Password", exact=True).fill(password)
    dialog(page).get_by_role("button", name="Log in").click()


def test_what_was_interrupted_goes_on_with_the_same_body(site, typing):
    interrupted(typing)
    expect(dialog(typing).get_by_label("Email")).to_have_value(ANN)
    expect(dialog(typing).get_by_label("Password", exact=True)).to_be_focused()
    assert site.call("/test/seen") == []
    answer(typing)
    expect(typing.locator("#done")).to_have_text("Sent 1")
    expect(dialog(typing)).to_be_hidden()
    assert site.call("/test/seen") == [
        {
            "who": ANN,
            "words": ["ten minutes' work\u00e4"],
            "act": ["draft"],
            "files": {"file": [FILE["name"], FILE["buffer"].decode("latin-1")]},
        }
    ]
    expect(typing.locator("#words")).to_have_value("ten minutes' work\u00e4")
    expect(typing.locator("#flash")).to_have_text("You are signed in again.")
    assert typing.evaluate("location.pathname") == "/test/page"
    assert typing.title() == "Latchkey"


def test_the_other_button_is_the_other_value(site, typing):
    interrupted(typing, "#send")
    answer(typing)
    expect(typing.locator("#done")).to_be_visible()
    assert site.call("/test/seen")[0]["act"] == ["send"]


def test_what_was_sent_goes_again_whatever_has_become_of_the_page_and_the_focus(site, typing):
    typing.evaluate("document.getElementById('draft').addEventListener('mousedown', (event) => event.preventDefault())")
    interrupted(typing)
    typing.evaluate("document.getElementById('words').value = 'changed by the page'")
    answer(typing)
    expect(typing.locator("#done")).to_be_visible()
    (seen,) = site.call("/test/seen")
    assert (seen["words"], seen["act"]) == (["ten minutes' work\u00e4"], ["draft"])


def test_a_question_is_asked_once(site, typing):
    questions = []
    typing.on("dialog", lambda question: (questions.append(question.message), question.accept()))
    interrupted(typing, "#asked")
    answer(typing)
    expect(typing.locator("#done")).to_be_visible()
    assert questions == ["Really?"]
    assert len(site.call("/test/seen")) == 1


def test_a_link_goes_on_too(typing):
    interrupted(typing, "#link")
    answer(typing)
    expect(typing.locator("#part")).to_have_text("A part")


def test_the_keyboard_is_enough(site, typing):
    typing.focus("#words")
    typing.keyboard.press("Enter")
    expect(dialog(typing)).to_be_visible()
    typing.keyboard.type(PASSWORD)
    typing.keyboard.press("Enter")
    expect(typing.locator("#done")).to_be_visible()
    assert len(site.call("/test/seen")) == 1


def test_no_login_form_lands_in_the_page(typing):
    interrupted(typing)
    assert typing.locator("main input[type=password]").count() == 0
    assert typing.locator("#answer").inner_html() == ""


def test_a_wrong_password_stays_in_the_dialog(site, typing):
    interrupted(typing)
    for _ in range(2):
        answer(typing, "wrong")
        expect(dialog(typing).get_by_role("alert")).to_have_text("Incorrect username or password")
        expect(dialog(typing).get_by_label("Password", exact=True)).to_be_focused()
        expect(dialog(typing).get_by_label("Password", exact=True)).to_have_value("")
        alert, label = (dialog(typing).locator(one).bounding_box() for one in ("[role=alert]", "label >> nth=0"))
        assert alert["y"] + alert["height"] + 8 < label["y"]
    assert site.call("/test/seen") == []
    assert typing.title() == "Latchkey"
    answer(typing)
    expect(typing.locator("#done")).to_have_text("Sent 1")


def test_too_many_attempts_and_a_failing_server_say_so_in_the_dialog(typing, violations):
    interrupted(typing)
    for _ in range(6):
        dialog(typing).get_by_label("Password", exact=True).fill("wrong")
        with typing.expect_response("**/auth/token"):
            dialog(typing).get_by_role("button", name="Log in").click()
    expect(dialog(typing).get_by_role("alert")).to_contain_text("Too many attempts")
    assert violations(typing) == []
    typing.route("**/auth/token", lambda route: route.fulfill(
        status=503, body='<p class="problem" role="alert">Not now</p>', content_type="text/html",
        headers={"HX-Retarget": "#relogin-problem", "HX-Reswap": "innerHTML"},
    ))  # fmt: skip
    answer(typing)
    expect(dialog(typing).get_by_role("alert")).to_have_text("Not now")
    expect(dialog(typing)).to_be_visible()


@pytest.mark.parametrize("trouble", ["unreachable", "failing", "a proxy's page"])
def test_a_dialog_that_cannot_come_is_said_and_comes_the_next_time(site, typing, trouble):
    def answer_with(route):
        headers = {"HX-Retarget": "#flash", "HX-Reswap": "innerHTML"}
        body = '<p class="problem" role="alert">Not saved: not now</p>'
        if trouble == "unreachable":
            route.abort()
        elif trouble == "failing":
            route.fulfill(status=503, body=body, content_type="text/html", headers=headers)
        else:
            route.fulfill(status=502, body="<h1>Bad Gateway</h1>", content_type="text/html")

    typing.route("**/auth/relogin", answer_with)
    typing.click("#draft")
    expect(typing.locator("#flash")).to_contain_text("Not saved" if trouble == "failing" else "cannot be reached")
    expect(dialog(typing)).to_be_hidden()
    typing.unroute("**/auth/relogin")
    interrupted(typing)
    answer(typing)
    expect(typing.locator("#done")).to_have_text("Sent 1")
    assert len(site.call("/test/seen")) == 1


def test_a_server_that_cannot_be_reached_is_said_in_the_dialog_and_on_the_page(typing):
    interrupted(typing)
    typing.route("**/auth/token", lambda route: route.abort())
    answer(typing)
    expect(dialog(typing).get_by_role("alert")).to_contain_text("cannot be reached")
    typing.keyboard.press("Escape")
    log_in(typing.context, ANN)
    typing.route("**/test/echo", lambda route: route.abort())
    typing.click("#draft")
    expect(typing.locator("#flash").get_by_role("alert")).to_contain_text("What you typed is still here")
    expect(typing.locator("#words")).to_have_value("ten minutes' work\u00e4")


@pytest.mark.parametrize("status", [404, 413, 429, 502, 503])
def test_an_error_that_is_not_ours_replaces_nothing(site, typing, status):
    def answer_as_a_proxy(route):
        route.fulfill(status=status, body="<h1>nginx</h1>", content_type="text/html")

    interrupted(typing)
    typing.route("**/auth/token", answer_as_a_proxy)
    answer(typing)
    expect(dialog(typing).get_by_role("alert")).to_contain_text("cannot be reached")
    typing.unroute("**/auth/token")
    typing.route("**/test/echo", answer_as_a_proxy)
    answer(typing)
    expect(typing.locator("#flash").get_by_role("alert")).to_contain_text("What you typed is still here")
    expect(typing.locator("#answer")).to_be_empty()
    typing.unroute("**/test/echo")
    typing.click("#draft")
    expect(typing.locator("#done")).to_have_text("Sent 1")


def test_a_session_that_expires_again_at_once_asks_again(site, typing):
    def log_in_for_a_moment(route):
        told = route.fetch().headers["hx-trigger"]
        expire(typing.context)
        route.fulfill(status=204, headers={"HX-Trigger": told})

    interrupted(typing)
    typing.route("**/auth/token", log_in_for_a_moment, times=1)
    with typing.expect_response("**/auth/relogin"):
        answer(typing)
    expect(dialog(typing).get_by_label("Password", exact=True)).to_be_focused()
    assert site.call("/test/seen") == []
    answer(typing)
    expect(typing.locator("#done")).to_have_text("Sent 1")
    assert site.call("/test/seen")[0]["act"] == ["draft"]


@pytest.mark.parametrize("way", ["Escape", "button"])
def test_leaving_the_dialog_keeps_the_page_and_says_so(site, typing, way):
    interrupted(typing)
    dialog(typing).get_by_label("Password", exact=True).fill("half a passw")
    if way == "Escape":
        typing.keyboard.press("Escape")
    else:
        dialog(typing).get_by_role("button", name="Not now").click()
    expect(dialog(typing)).to_be_hidden()
    expect(typing.locator("#flash .problem")).to_have_text("Not saved. You are signed out.")
    expect(typing.locator("#words")).to_have_value("ten minutes' work\u00e4")
    assert dialog(typing).inner_html() == ""
    assert focused(typing).id == "draft"
    interrupted(typing)
    answer(typing)
    expect(typing.locator("#done")).to_have_text("Sent 1")
    assert len(site.call("/test/seen")) == 1


def test_another_employee_gets_a_fresh_page_and_nothing_is_sent(site, typing):
    interrupted(typing)
    with typing.expect_navigation():
        answer(typing, email=BOB)
    expect(typing.locator("#who")).to_contain_text("Bob Ray")
    expect(typing.locator("#words")).to_have_value("")
    assert site.call("/test/seen") == []


def test_one_login_frees_two_tabs(site, typing):
    other = typing.context.new_page()
    other.goto("/auth/login")
    log_in(other.context, ANN)
    other.goto("/test/page")
    other.fill("#words", "the other tab")
    expire(other.context)
    interrupted(other)
    interrupted(typing)
    answer(typing)
    expect(typing.locator("#done")).to_be_visible()
    expect(other.locator("#done")).to_be_visible()
    assert sorted(one["words"][0] for one in site.call("/test/seen")) == ["ten minutes' work\u00e4", "the other tab"]


def test_a_login_on_the_login_page_of_another_tab_frees_this_one(typing):
    interrupted(typing)
    other = typing.context.new_page()
    other.goto("/auth/login")
    other.get_by_label("Email").fill(ANN)
    other.get_by_label("Password", exact=True).fill(PASSWORD)
    other.get_by_role("button", name="Log in").click()
    expect(typing.locator("#done")).to_have_text("Sent 1")
    expect(dialog(typing)).to_be_hidden()


def test_who_opens_the_site_anew_while_expired_takes_nothing_from_the_first_tab(typing):
    other = typing.context.new_page()
    other.goto("/admin/me")
    expect(other.get_by_role("heading", name="Log in")).to_be_visible()
    interrupted(typing)
    answer(typing)
    expect(typing.locator("#done")).to_have_text("Sent 1")


def test_a_poll_never_opens_the_dialog(ann_page):
    ann_page.goto("/test/page?poll")
    expect(ann_page.locator("#poll #part")).to_be_visible()
    ann_page.fill("#words", "still here")
    with ann_page.expect_response(lambda response: response.status == 401):
        expire(ann_page.context)
    with ann_page.expect_response(lambda response: response.status == 401):
        expect(ann_page.locator("#flash")).to_have_text("You are signed out.")
    expect(dialog(ann_page)).to_be_hidden()
    expect(ann_page.locator("#words")).to_have_value("still here")


def test_a_poll_says_it_whatever_was_said_before_and_a_login_elsewhere_takes_it_back(ann_page):
    ann_page.goto("/test/page?poll")
    ann_page.evaluate("document.getElementById('flash').textContent = 'Your details are saved'")
    expire(ann_page.context)
    expect(ann_page.locator("#flash")).to_have_text("You are signed out.")
    log_in(ann_page.context, ANN)
    ann_page.context.new_page().goto("/auth/home")
    expect(ann_page.locator("#flash")).to_have_text("You are signed in again.")
    expect(ann_page.locator("#poll #part")).to_be_visible()


def test_an_ended_sign_in_goes_to_the_login_page_at_once(site, typing):
    log_in(typing.context, ANN)
    end(site, typing.context)
    with typing.expect_navigation():
        typing.click("#draft")
    expect(typing.get_by_text("Your session has ended")).to_be_visible()
    assert typing.evaluate("location.pathname + location.search") == "/auth/login?next=/test/page"


def test_a_sign_in_that_has_expired_and_ended_goes_to_the_login_page_too(site, ann_page):
    ann_page.goto("/test/page")
    end(site, ann_page.context)
    expire(ann_page.context)
    with ann_page.expect_navigation(url="**/auth/login**"):
        ann_page.click("#draft")


def test_without_the_script_the_whole_page_goes_to_the_login_page(new_context):
    context = new_context()
    context.route("**/relogin.js", lambda route: route.abort())
    log_in(context, ANN)
    page = context.new_page()
    page.goto("/test/page")
    expire(context)
    with page.expect_navigation():
        page.click("#draft")
    assert page.evaluate("location.pathname + location.search") == "/auth/login?next=/test/page"


def test_three_clicks_are_one_request(site, typing):
    log_in(typing.context, ANN)
    posts = sent(typing)
    typing.evaluate("for (let i = 0; i < 3; i++) document.getElementById('draft').click()")
    expect(typing.locator("#done")).to_be_visible()
    assert len(posts) == len(site.call("/test/seen")) == 1


def test_the_focus_is_never_lost(typing):
    interrupted(typing)
    assert focused(typing).id == "relogin-password"
    answer(typing, "wrong")
    expect(dialog(typing).get_by_role("alert")).to_be_visible()
    expect(dialog(typing).get_by_label("Password", exact=True)).to_be_focused()
    answer(typing)
    expect(typing.locator("#done")).to_be_visible()
    assert focused(typing).tag != "BODY"


def test_no_password_stays_in_the_page(typing):
    interrupted(typing)
    answer(typing)
    expect(typing.locator("#done")).to_be_visible()
    assert dialog(typing).inner_html() == ""
    values = "[...document.querySelectorAll('input')].map((input) => input.value)"
    assert PASSWORD not in typing.evaluate(values)
    assert PASSWORD not in typing.content()


def test_a_logout_takes_the_other_tabs_along(typing):
    log_in(typing.context, ANN)
    other = typing.context.new_page()
    other.goto("/auth/home")
    other.get_by_role("button", name="Log out").click()
    expect(other.get_by_text("You are logged out")).to_be_visible()
    typing.wait_for_url("**/auth/login?next=/test/page", timeout=PATIENCE_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_dialog(new_context, violations, scheme):
    context = new_context(color_scheme=scheme, viewport={"width": 320, "height": 640})
    log_in(context, ANN)
    page = context.new_page()
    page.goto("/test/page")
    expire(context)
    interrupted(page)
    assert violations(page) == []
    answer(page, "wrong")
    expect(dialog(page).get_by_role("alert")).to_be_visible()
    assert violations(page) == []
    answer(page, "")
    expect(dialog(page).get_by_text("Enter your password")).to_be_visible()
    dialog(page).get_by_role("button", name="Not now").hover()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.keyboard.press("Escape")
    expect(page.locator("#flash")).to_have_text("Not saved. You are signed out.")
    assert violations(page) == []


@pytest.mark.parametrize(
    "path", ["//evil.example/phish", "///evil.example/phish?x=1", "/.//evil.example/phish#x", "//evil.example//phish"]
)
@pytest.mark.parametrize("who", [None, BOB])
def test_a_page_whose_path_looks_like_another_site_stays_here(site, ann_page, path, who):
    """Our own page for what is not there, opened by a link to it, begins anew when another tab logs out or in (ASVS 3.7.2)."""
    asked = []
    ann_page.context.on("request", lambda request: asked.append(request.url))
    ann_page.goto(site.address + path)
    expect(ann_page.locator("#who")).to_contain_text("Ann Lee")
    other = ann_page.context.new_page()
    other.goto("/auth/home")
    with ann_page.expect_navigation():
        if who:
            log_in(ann_page.context, who)
            other.goto("/auth/home")
        else:
            other.get_by_role("button", name="Log out").click()
    expect(ann_page.get_by_role("heading", name="Page not found")).to_be_visible()
    expect(ann_page.get_by_text("Bob Ray")).to_have_count(1 if who else 0)
    assert ann_page.evaluate("location.origin") == site.address
    assert [url for url in asked if not url.startswith(f"{site.address}/")] == []
