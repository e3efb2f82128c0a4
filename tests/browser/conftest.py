"""What a browser test gets: a server of its own, Chromium, pages whose console is read, and axe.

The tests run only when asked for with `-m browser`: Playwright's loop and the other tests' loops do not share a process.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest

from tests.conftest import PASSWORD, SECRET_KEY, wants_browser_tests

ROOT = Path(__file__).resolve().parents[2]
ANN, BOB, ADA = "ann.lee@example.com", "bob.ray@example.com", "ada.min@example.com"
USER = ["user:read", "user:write"]
EMPLOYEES = [
    {"email": ANN, "first_name": "Ann", "last_name": "Lee", "scopes": USER, "password": PASSWORD},
    {"email": BOB, "first_name": "Bob", "last_name": "Ray", "scopes": USER, "password": PASSWORD},
    {"email": ADA, "first_name": "Ada", "last_name": "Min", "scopes": [*USER, "super:*"], "password": PASSWORD},
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No request leaves this machine.
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
    "--disable-domain-reliability",
    "--no-proxy-server",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PATIENCE_MS = 8000


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these tests out unless they are asked for; they import Playwright, which need not be installed."""
    return True if missing() or not wants_browser_tests(config) else None


def missing() -> str:
    """Return what there must be for these tests and is not, "" where all is there."""
    absent = [name for name in ("playwright", "axe_playwright_python") if importlib.util.find_spec(name) is None]
    if absent:
        return "Playwright or axe is missing: pip install -r .ci/requirements.txt"
    return "" if chromium_path() else f"there is no Chromium: none of {', '.join(NAMES)} is in the PATH"


def chromium_path() -> str | None:
    """Return where Chromium is, None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Site:
    """A running Latchkey with an SQLite file of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{folder}/test.db",
            "SECRET_KEY": SECRET_KEY,
            "PORT": "0",
            "WORKERS": "1",
            "BCRYPT_ROUNDS": "4",
            "ACCESS_LOG": "false",
            **settings,
        }
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.browser.site"],
                cwd=ROOT,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdout is not None
        lines = iter(self.process.stdout.readline, "")
        found = next((match for line in lines if (match := re.search(r"http://\S+", line))), None)
        assert found, self.log.read_text()
        self.address = found[0]

    def call(self, path: str, body: Any = None, **headers: str) -> Any:
        """Ask the server for JSON, from outside the browser."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers)  # noqa: S310  loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def stop(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.communicate(timeout=20)


@pytest.fixture(scope="session")
def start_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Start a server with settings of its own; it is stopped at the end."""
    started: list[Site] = []

    def start(**settings: str) -> Site:
        started.append(Site(tmp_path_factory.mktemp("site"), **settings))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="session")
def shared_site(start_site: Callable[..., Site]) -> Site:
    """The server that the tests share."""
    return start_site()


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The server, with Ann, Bob and Ada (who may do everything) and nothing else."""
    shared_site.call("/test/fresh", EMPLOYEES)
    return shared_site


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser, which the tests share."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_context(chromium: Any, site: Site) -> Iterator[Callable[..., Any]]:
    """Open a browser that has no cookies; afterwards no page of it may have complained.

    `context.complaints` has what the console said of the Content-Security-Policy and what scripts threw.
    """
    opened: list[Any] = []

    def open_context(**options: Any) -> Any:
        context = chromium.new_context(base_url=site.address, **options)
        context.set_default_timeout(PATIENCE_MS)
        context.complaints = []
        context.on("console", lambda message: keep(context, message.text, "Content Security Policy"))
        context.on("weberror", lambda error: keep(context, str(error.error), ""))
        opened.append(context)
        return context

    yield open_context
    complaints = [complaint for context in opened for complaint in context.complaints]
    for context in opened:
        context.close()
    assert complaints == []


def keep(context: Any, text: str, about: str) -> None:
    """Keep what a page complained of."""
    if about in text:
        context.complaints.append(text)


@pytest.fixture
def page(new_context: Callable[..., Any]) -> Any:
    """A page of a browser that is not logged in."""
    return new_context().new_page()


@pytest.fixture
def ann_page(page: Any) -> Any:
    """A page of a browser in which Ann is logged in."""
    log_in(page.context, ANN)
    return page


def log_in(context: Any, email: str) -> None:
    """Log in without the form: the browser gets the session cookie."""
    answer = context.request.post("/auth/token", form={"username": email, "password": PASSWORD}, max_redirects=0)
    assert answer.ok, answer.text()


def token_of(context: Any) -> str:
    """Return the token in the session cookie."""
    return next(str(cookie["value"]) for cookie in context.cookies() if cookie["name"] == "latchkey-session")


def expire(context: Any) -> None:
    """Let the session expire at once: its token was good, and rightly signed, until a minute ago."""
    (cookie,) = (cookie for cookie in context.cookies() if cookie["name"] == "latchkey-session")
    header = jwt.get_unverified_header(cookie["value"])
    claims = jwt.decode(cookie["value"], options={"verify_signature": False})
    claims |= {"iat": int(time.time()) - 3600, "exp": int(time.time()) - 60}
    cookie["value"] = jwt.encode(claims, SECRET_KEY, header["alg"], headers=header)
    context.add_cookies([cookie])


def end(site: Site, context: Any) -> None:
    """End the sign-in on the server, while the browser keeps its cookie."""
    site.call("/api/logout", {}, Authorization=f"Bearer {token_of(context)}")


@pytest.fixture
def violations(chromium: Any) -> Callable[[Any], list[str]]:
    """Return what axe finds on a page; what axe itself does to the page's styles is no complaint."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()

    def find(page: Any) -> list[str]:
        before = list(page.context.complaints)
        found = axe.run(page, options={"runOnly": RULES}).response["violations"]
        page.context.complaints[:] = before
        return [f"{one['id']}: {node['html']}: {node['failureSummary']}" for one in found for node in one["nodes"]]

    return find


def focused(page: Any) -> SimpleNamespace:
    """Return the tag and the id of the element that has the focus."""
    return SimpleNamespace(**page.evaluate("({tag: document.activeElement.tagName, id: document.activeElement.id})"))


def sent(page: Any, method: str = "POST") -> list[str]:
    """Return a list to which the path of every request of a method is added from now on."""
    paths: list[str] = []
    page.on("request", lambda request: paths.append(request.url) if request.method == method else None)
    return paths
