"""Every page in each of its states: for everybody, at every width, with nothing inline and nothing left behind."""

from itertools import product

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ANN, FLAGS, chromium_path, log_in
from tests.browser.states import STATES
from webapp.next_page import is_local

pytestmark = pytest.mark.browser
EACH = pytest.mark.parametrize("state", STATES.values(), ids=STATES)

CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea"

# Nothing may move while it is looked at.
STILL = {"reduced_motion": "reduce"}

TARGETS = """(controls) => [...document.querySelectorAll(controls)]
  .filter((one) => one.checkVisibility() && !one.matches('.skip'))
  .map((one) => (one.closest('label') ?? one))
  .map((one) => ({text: one.outerHTML.slice(0, 90), height: one.getBoundingClientRect().height,
                  width: one.getBoundingClientRect().width, sentence: one.matches('p a, .problem a')}))"""

INLINE = """() => [...document.querySelectorAll('*')].filter((one) =>
  one.matches('style, script:not([src]), [style]') || [...one.attributes].some((its) => /^(on|hx-on)/.test(its.name)))
  .map((one) => one.outerHTML.slice(0, 120))"""

MOVING = """() => [...document.querySelectorAll('*')].map((one) => getComputedStyle(one))
  .filter((style) => style.animationName !== 'none' || style.transitionDuration.split(', ').some((s) => s !== '0s'))
  .length"""

# Whether the focused element can be seen: it is in the window, nothing lies over it, and it is marked.
# What takes the focus is scrolled into view with the frame that follows.
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
SEEN = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
  const on_top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return {
    text: one.outerHTML.slice(0, 90), order: [...document.querySelectorAll('*')].indexOf(one), tag: one.tagName,
    inside: box.top > -1 && box.bottom < innerHeight + 1 && box.left > -1 && box.right < innerWidth + 1, box,
    on_top: one.contains(on_top) || on_top?.contains(one) && on_top.tagName === 'LI',
    marked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
  };
}"""


@EACH
def test_axe_finds_nothing_in_light_and_dark(new_context, violations, state):
    page = new_context(color_scheme="light", **STILL).new_page()
    state(page)
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []


@EACH
def test_nothing_is_inline_and_no_request_leaves_the_site(new_context, site, state):
    """ASVS 3.4.3; that the console says nothing of the policy is looked at after every test."""
    context = new_context()
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    state(page)
    assert page.evaluate(INLINE) == []
    assert len(asked) >= 5
    assert [url for url in asked if not url.startswith(f"{site.address}/")] == []


@EACH
def test_on_the_smallest_phone_all_is_there_and_large_enough(new_context, state):
    page = new_context(viewport={"width": 320, "height": 640}).new_page()
    state(page)
    assert_targets_are_large_enough(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    sizes = page.locator("input:not([type=checkbox]), select, textarea").evaluate_all(
        "(all) => all.map((one) => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert all(size >= 16 for size in sizes)
    page.set_viewport_size({"width": 1280, "height": 800})
    assert_targets_are_large_enough(page)


def assert_targets_are_large_enough(page):
    """Assert that fingers find what is not part of a sentence (WCAG 2.2, 2.5.8)."""
    targets = page.evaluate(TARGETS, CONTROLS)
    assert targets
    for target in targets:
        least = 24 if 'class="show"' in target["text"] or target["text"].startswith("<a ") else 44
        assert target["sentence"] or round(min(target["height"], target["width"])) >= least, target


@EACH
def test_each_page_has_one_heading_landmarks_and_no_motion_for_who_wants_none(new_context, state):
    page = new_context(**STILL).new_page()
    state(page)
    assert page.locator("html").get_attribute("lang") == "en"
    for landmark in ("h1", "main", "header"):
        assert page.locator(landmark).count() == 1
    assert page.title().endswith(" – Latchkey")
    expect(page.locator("#flash")).to_have_attribute("role", "status")
    assert page.evaluate(MOVING) == 0
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(MOVING) > 0


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize(
    "state",
    ["login", "login, incomplete", "sign-ins, token refused", "sign-ins, ended", "home", "my info, saved", "notes"],
)
def test_tab_goes_from_top_to_bottom_and_is_always_seen(new_context, state, width):
    page = new_context(viewport={"width": width, "height": 700}, **STILL).new_page()
    STATES[state](page)
    controls = page.locator(CONTROLS).evaluate_all("(all) => all.filter((one) => one.checkVisibility()).length")
    page.keyboard.press("ArrowUp")
    page.locator(".skip").focus()
    passed = [page.evaluate(SEEN)]
    for _ in range(3 * controls):
        page.keyboard.press("Tab")
        page.evaluate(NEXT_FRAME)
        focused = page.evaluate(SEEN)
        if focused["order"] != passed[-1]["order"]:  # a date has several parts
            passed.append(focused)
        if len(passed) == controls:
            break
    assert len(passed) == controls
    assert [one["order"] for one in passed] == sorted(one["order"] for one in passed)
    for one in passed:
        assert (one["inside"], one["on_top"], one["marked"]) == (True, True, True), one


def test_the_skip_link_leads_past_the_header(page):
    STATES["home"](page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_the_page_that_is_shown_is_marked_in_the_header(ann_page):
    ann_page.goto("/auth/home")
    ways = ann_page.get_by_role("navigation", name="Pages")
    for name, heading in (
        ("My Info", "My Info"),
        ("Notes", "Notes"),
        ("My sign-ins", "My sign-ins"),
        ("Home", "Welcome, Ann"),
    ):
        ways.get_by_role("link", name=name).click()
        expect(ann_page.get_by_role("heading", level=1, name=heading)).to_be_focused()
        expect(ways.locator("[aria-current]")).to_have_text(name)
        ann_page.reload()
        expect(ways.locator("[aria-current]")).to_have_text(name)


def test_a_page_that_cannot_come_leaves_the_one_that_is_there_with_its_address(ann_page):
    ann_page.goto("/auth/home")
    with ann_page.expect_response("**/nope"):
        ann_page.evaluate("""() => {
          const link = document.querySelector("#pages a[href='/notes']");
          link.setAttribute("hx-get", "/nope");
          htmx.process(link);
          link.click();
        }""")
    expect(ann_page.locator("#flash")).to_contain_text("There is no such page")
    assert ann_page.evaluate("location.pathname") == "/auth/home"
    expect(ann_page.locator("#pages [aria-current]")).to_have_text("Home")
    expect(ann_page.get_by_role("heading", level=1)).to_have_text("Welcome, Ann")


@pytest.mark.parametrize("path", ["/auth/home", "/admin/me", "/notes", "/auth/sign-ins"])
def test_on_the_smallest_phone_the_ways_are_one_line_on_every_page(new_context, path):
    context = new_context(viewport={"width": 320, "height": 640})
    log_in(context, ANN)
    page = context.new_page()
    page.goto(path)
    tops = page.locator("#pages a").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().top)")
    assert len(set(tops)) == 1


def test_no_page_is_kept_in_the_browsers_storage(ann_page):
    """ASVS 14.3.3."""
    ann_page.goto("/auth/home")
    for name in ("My Info", "My sign-ins", "Home"):
        ann_page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(ann_page.get_by_role("heading", level=1)).to_be_focused()
    assert ann_page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    ann_page.go_back()
    expect(ann_page.get_by_role("heading", level=1, name="My sign-ins")).to_be_visible()
    assert ann_page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


@pytest.mark.parametrize("javascript", [True, False])
def test_log_out_is_sent_as_a_post_and_back_shows_nothing_private(new_context, javascript):
    """ASVS 14.3.1."""
    page = new_context(java_script_enabled=javascript).new_page()
    log_in(page.context, ANN)
    page.goto("/auth/home")
    page.goto("/admin/me")
    sent = []
    page.on("request", lambda request: sent.append((request.method, request.url.split("/", 3)[3])))
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out")).to_be_visible()
    assert ("POST", "auth/logout") in sent
    assert ("GET", "auth/logout") not in sent
    for _ in range(2):
        page.go_back()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        assert ANN not in page.content()
        assert "Ann" not in page.content()


def test_no_page_that_the_browser_keeps_in_memory_comes_back_after_a_logout(chromium, site):
    """ASVS 14.3.1; the other tests run without that memory."""
    remembering = chromium.browser_type.launch(
        executable_path=chromium_path(), args=FLAGS, ignore_default_args=["--disable-back-forward-cache"]
    )
    page = remembering.new_context(base_url=site.address).new_page()
    page.goto("/auth/login")
    log_in(page.context, ANN)
    page.goto("/auth/home")
    page.goto("/admin/me")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out")).to_be_visible()
    for _ in range(2):
        page.evaluate("history.back()")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        assert "Ann" not in page.content()
    remembering.close()


def test_the_browser_takes_no_local_address_for_another_sites(page):
    """What `next` may be is asked of a browser's own reading of addresses (WHATWG URL)."""
    pieces = ["/", "\\", ".", "%2e", "%2f", "%5c", "?", "#", "@", ":", ";", "\uff0f", "evil.example"]
    local = [path for size in range(1, 5) for path in map("".join, product(["/"], *[pieces] * size)) if is_local(path)]
    assert len(local) > 1000
    page.goto("/auth/login")
    away = """(paths) => paths.filter((path) => {
        const url = new URL(path, location.href);
        return url.origin !== location.origin || url.pathname.startsWith("//");
    })"""
    assert page.evaluate(away, local) == []
