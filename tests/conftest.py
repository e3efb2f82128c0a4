"""What every test gets: a database of its own, three clients, and a clock that it moves."""

import asyncio
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import delete
from starlette.config import environ

from tests.fresh_database import fresh_database, let_rows_go

FOLDER = tempfile.TemporaryDirectory(prefix="latchkey-tests-")
SECRET_KEY = secrets.token_urlsafe(64)

environ.update(
    {
        "DATABASE_URL": fresh_database(f"sqlite:///{FOLDER.name}/test.db"),
        "SECRET_KEY": SECRET_KEY,
        "SECRET_KEY_FILE": f"{FOLDER.name}/secret-key",
        "BCRYPT_ROUNDS": "4",
        "ACCESS_LOG": "false",
    }
)

from starlette.testclient import TestClient  # noqa: E402

from webapp import app as application  # noqa: E402
from webapp import clock, employees, request_log, schema  # noqa: E402
from webapp.app import app  # noqa: E402
from webapp.auth import changes, housekeeping, last_used, passwords, spraying, throttle, tokens  # noqa: E402
from webapp.database import database  # noqa: E402
from webapp.tables import metadata  # noqa: E402

# Tests say themselves when a worker learns of changes, writes and tidies: by chance it would do so while a command uses
# the same connections in another thread, and the two would wait for each other for ever.
changes.LEARN_EVERY_SECONDS = request_log.EVERY_SECONDS = last_used.EVERY_SECONDS = 86400.0
application.background = tuple(task for task in application.background if task is not housekeeping.keep_tidy)

# One use of a connection to the database, whichever it is.
CONNECTION = type(database._backend.connection())
ON_SQLITE = database.url.dialect == "sqlite"

PASSWORD = "correct horse battery staple"
EMAIL = "ann.lee@example.com"
BCRYPT_HASH = re.compile(r"\$2[aby]\$\d\d\$")

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"}
HTMX = {
    "Accept": "text/html, */*",
    "HX-Request": "true",
    "HX-Current-URL": "http://testserver/auth/home",
    "Sec-Fetch-Site": "same-origin",
}
API = {"Accept": "*/*"}


class Client(TestClient):
    """A client that follows no redirect and looks for passwords and hashes in every answer it gets."""

    def __init__(self, headers: dict[str, str], **options: Any) -> None:
        super().__init__(app, headers=headers, follow_redirects=False, backend_options={"use_uvloop": True}, **options)

    def request(self, *arguments: Any, **options: Any) -> Any:
        answer = super().request(*arguments, **options)
        told = answer.text + repr(answer.headers)
        assert PASSWORD not in told
        assert not BCRYPT_HASH.search(told)
        return answer


class MovableClock:
    """The time as the program sees it."""

    def __init__(self) -> None:
        self.time = clock.now()

    def now(self) -> float:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += seconds


def skip_if_traced() -> None:
    """Skip a test that measures time where each line is traced for the coverage, which takes a multiple of it."""
    if sys.gettrace() is not None:
        pytest.skip("traced code takes a multiple of its time")


def wants_browser_tests(config: pytest.Config) -> bool:
    """Return whether the tests in a real browser were asked for."""
    return "browser" in config.option.markexpr.replace("not browser", "")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say at the end that the tests in a browser were left out, and how they are run."""
    from tests.browser.conftest import missing

    if wants_browser_tests(config):
        if missing():
            terminalreporter.write_line(f"LEFT OUT: the tests in a browser, since {missing()}")
    elif config.args_source is pytest.Config.ArgsSource.TESTPATHS or "browser" in " ".join(config.args):
        terminalreporter.write_line("LEFT OUT: the tests in a browser; python -m pytest -m browser runs them")


@pytest.fixture(autouse=True)
def no_costlier_hash() -> None:
    """No hash is known whose cost every check would have to match."""
    passwords.highest_known = 0


@pytest.fixture(scope="session")
def running() -> Iterator[Client]:
    """The running application, which all tests share."""
    asyncio.run(migrated())
    with Client(BROWSER) as client:
        yield client


async def migrated() -> None:
    """Make the tables, as `migrate` does before the first start on a server; tests may empty the audit log."""
    async with database:
        await schema.migrate()
        await let_rows_go(database)


@pytest.fixture
def anonymous(running: Client) -> Client:
    """A browser that is not logged in, before an empty database and a worker that knows nobody."""
    tokens.verified.cache_clear()
    for counts in (throttle.rows_written, throttle.malformed, throttle.refused_before):
        counts.counted.clear()
    spraying.wrong.clear()
    running.portal.call(empty_tables)
    running.portal.call(changes.start)
    return client_like(running, BROWSER)


async def empty_tables() -> None:
    """Remove every row of every table."""
    async with database.transaction():
        for table in reversed(metadata.sorted_tables):
            await database.execute(delete(table))


@pytest.fixture
def stopped(anonymous: Client) -> Iterator[None]:
    """The application as if it were not running: a command may use the database."""
    anonymous.portal.call(database.disconnect)
    yield
    anonymous.portal.call(database.connect)


@pytest.fixture
def moved_clock(monkeypatch: pytest.MonkeyPatch) -> MovableClock:
    """A clock that stands still until the test moves it."""
    movable = MovableClock()
    monkeypatch.setattr(clock, "now", movable.now)
    return movable


@pytest.fixture
def run(anonymous: Client) -> Callable[..., Any]:
    """Run a coroutine function with its arguments where the application runs."""
    return anonymous.portal.call


@pytest.fixture
def ann(run: Callable[..., Any]) -> employees.Employee:
    """An employee."""
    return add_employee(run)


def add_employee(run: Callable[..., Any], email: str = EMAIL, **details: Any) -> employees.Employee:
    """Add an employee and return them."""

    async def add() -> employees.Employee:
        details.setdefault("first_name", "Ann")
        details.setdefault("last_name", "Lee")
        password_hash = await passwords.hash_password(details.pop("password", PASSWORD))
        await employees.create(email=email, password_hash=password_hash, **details)
        found = await employees.with_email(email)
        assert found is not None
        return found[0]

    return run(add)


def client_like(anonymous: Client, headers: dict[str, str], **options: Any) -> Client:
    """Return another client of the same running application."""
    client = Client(headers, **options)
    client.portal = anonymous.portal
    return client


def log_in(client: Client, path: str = "/auth/token", **fields: str) -> Any:
    """Log in through the real form and return the answer."""
    return client.post(path, data={"username": EMAIL, "password": PASSWORD, **fields})


@pytest.fixture
def browser(anonymous: Client, ann: employees.Employee) -> Client:
    """A browser in which Ann is logged in."""
    client = client_like(anonymous, BROWSER)
    assert log_in(client).status_code == 303
    return client


@pytest.fixture
def htmx(anonymous: Client, ann: employees.Employee) -> Client:
    """An HTMX page in which Ann is logged in."""
    client = client_like(anonymous, HTMX)
    assert log_in(client).status_code == 204
    return client


@pytest.fixture
def api(anonymous: Client, ann: employees.Employee) -> Client:
    """A program that has Ann's token."""
    client = client_like(anonymous, API)
    answer = log_in(client, "/api/login")
    assert answer.status_code == 200
    assert not client.cookies
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


@pytest.fixture
def person(run: Callable[..., Any], anonymous: Client) -> Callable[..., SimpleNamespace]:
    """Add an employee with scopes and log them in, as a program."""

    def add(name: str, *scopes: str) -> SimpleNamespace:
        employee = add_employee(run, f"{name}@example.com", first_name=name.title(), scopes=scopes)
        client = client_like(anonymous, API)
        token = log_in(client, "/api/login", username=employee.email).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        return SimpleNamespace(client=client, emp_no=employee.emp_no, email=employee.email)

    return add


@pytest.fixture(params=["browser", "htmx", "api"])
def signed_in(request: pytest.FixtureRequest) -> Client:
    """Each of the three clients, logged in."""
    return request.getfixturevalue(request.param)


def without_title(answer: Any) -> str:
    """Return a fragment without the title that it gives to the page that it comes into."""
    title, fragment = re.fullmatch(r"<title>([^<]+)</title>\n(.*)", answer.text, re.DOTALL).groups()  # type: ignore[union-attr]
    assert title.endswith(" – Latchkey")
    return str(fragment)


def session_of(client: Client) -> str:
    """Return the token in a client's cookie."""
    return client.cookies["latchkey-session"]


assert os.environ["SECRET_KEY"] == SECRET_KEY
