"""Pictures of the pages, for the README: `SCREENSHOTS=1 python -m pytest -n 0 -m browser -k screenshots` makes them anew."""

import os
from pathlib import Path

import pytest

from tests.browser.conftest import ADA, ANN, log_in
from tests.browser.states import STATES, in_days
from tests.conftest import PASSWORD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="made only with SCREENSHOTS=1"),
]
FOLDER = Path(__file__).with_name("screenshots")
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"


def sign_ins(page):
    """My sign-ins, as they look after a while: a browser, a phone and a program's token."""
    page.context.request.post(
        "/auth/token",
        form={"username": ANN, "password": PASSWORD},
        headers={"User-Agent": PHONE, "Accept": "text/html"},
    )
    page.context.clear_cookies()
    page.context.request.post("/auth/token", form={"username": ANN, "password": "wrong"})
    log_in(page.context, ANN)
    token = {"name": "Nightly backup", "scopes": "user:read", "ends": in_days(90)}
    page.context.request.post("/api/tokens", form=token)
    page.goto("/auth/sign-ins")


def employees(page):
    """The employees, as an administrator searches them."""
    log_in(page.context, ADA)
    page.goto("/employees")


PICTURES = {
    "login": STATES["login"],
    "home": STATES["home"],
    "my-info": STATES["my info"],
    "sign-ins": sign_ins,
    "notes": STATES["notes"],
    "employees": employees,
    "relogin": STATES["relogin"],
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PICTURES)
def test_screenshots(new_context, name, scheme):
    page = new_context(
        color_scheme=scheme, viewport={"width": 900, "height": 600}, user_agent=FIREFOX, reduced_motion="reduce"
    ).new_page()
    PICTURES[name](page)
    page.mouse.move(0, 599)
    FOLDER.mkdir(exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}-{scheme}.png")
