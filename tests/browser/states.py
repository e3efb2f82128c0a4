"""Every page in each of its states: how one gets there in a browser that is not logged in yet."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import ADA, ANN, expire, log_in
from tests.conftest import PASSWORD


def login(page: Any) -> None:
    """The login form, as it comes."""
    page.goto("/auth/login")


def type_login(page: Any, email: str = ANN, password: str = PASSWORD) -> None:
    """Fill in the login form and send it."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()


def login_incomplete(page: Any) -> None:
    """The login form that was sent empty."""
    login(page)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def login_wrong(page: Any) -> None:
    """The login form after a wrong password."""
    login(page)
    type_login(page, password="wrong")
    expect(page.get_by_role("alert")).to_be_visible()


def login_too_often(page: Any) -> None:
    """The login form after so many failures that one must wait."""
    for _ in range(5):
        page.context.request.post("/auth/token", form={"username": ANN, "password": "wrong"})
    login_wrong(page)
    expect(page.get_by_role("alert")).to_contain_text("Too many attempts")


def login_shown(page: Any) -> None:
    """The login form with the password to be seen."""
    login(page)
    page.get_by_label("Password", exact=True).fill("to be seen")
    page.get_by_role("button", name="Show password").click()


def asked_to_log_in(page: Any) -> None:
    """The login form with a message."""
    page.goto("/admin/me")
    expect(page.get_by_role("status").first).to_have_text("Please log in to continue")


def home(page: Any) -> None:
    """Home."""
    log_in(page.context, ANN)
    page.goto("/auth/home")


def my_info(page: Any) -> None:
    """My Info."""
    log_in(page.context, ANN)
    page.goto("/admin/me")


def my_info_refused(page: Any) -> None:
    """My Info after more was typed than can be kept."""
    my_info(page)
    page.get_by_label("Preferred name").fill("a" * 51)
    page.get_by_label("About me").fill("word " * 500)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()


def my_info_saved(page: Any) -> None:
    """My Info with something of each kind."""
    my_info(page)
    page.get_by_label("Preferred name").fill("Annie")
    page.get_by_label("About me").fill("First line\nSecond line")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#flash")).to_have_text("Your details are saved")


def sign_ins(page: Any) -> None:
    """My sign-ins, with a second browser's and a failed attempt."""
    page.context.request.post("/auth/token", form={"username": ANN, "password": "wrong"})
    log_in(page.context, ANN)
    page.context.request.post("/api/login", form={"username": ANN, "password": PASSWORD})
    page.goto("/auth/sign-ins")


def token_refused(page: Any) -> None:
    """My sign-ins after a token was asked for without saying which."""
    sign_ins(page)
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_role("alert")).to_be_visible()


def token_made(page: Any) -> None:
    """My sign-ins with a new token."""
    sign_ins(page)
    page.get_by_label("Name").fill("Nightly backup")
    page.get_by_label("user:read").check()
    page.get_by_label("Last day").fill(in_days(30))
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_role("heading", name="Your new token")).to_be_visible()


def in_days(days: int) -> str:
    """Return the day in so many days, as a date field takes it."""
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def ended(page: Any) -> None:
    """My sign-ins after the others were ended."""
    sign_ins(page)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="End all others").click()
    expect(page.get_by_role("status").first).to_have_text("All other sign-ins have ended")


def notes(page: Any) -> None:
    """Notes, of which one is being edited."""
    log_in(page.context, ANN)
    for text in ("Ask Mei for the new badge", "Call the locksmith\nabout the side door"):
        page.context.request.post("/notes", form={"text": text})
    page.goto("/notes")
    page.get_by_role("link", name="Edit “Call").click()
    expect(page.get_by_label("Note", exact=True)).to_be_focused()


def notes_refused(page: Any) -> None:
    """Notes after nothing was added, and none is there."""
    log_in(page.context, ANN)
    page.goto("/notes")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_be_visible()


def note_deleted(page: Any) -> None:
    """Notes after one was deleted."""
    log_in(page.context, ANN)
    page.context.request.post("/notes", form={"text": "Ask Mei for the new badge"})
    page.goto("/notes")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete “Ask").click()
    expect(page.get_by_text("Deleted.")).to_be_focused()


def unreachable(page: Any) -> None:
    """My Info when the server did not answer."""
    my_info(page)
    page.route("**/admin/me", lambda route: route.abort())
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#flash").get_by_role("alert")).to_be_visible()


def relogin(page: Any) -> None:
    """The dialog over My sign-ins, once the session has expired."""
    sign_ins(page)
    expire(page.context)
    page.get_by_role("link", name="My Info").click()
    expect(page.get_by_role("dialog", name="Log in again")).to_be_visible()


def employee_log(page: Any) -> None:
    """The log of an employee for whom an administrator has made a password link."""
    log_in(page.context, ADA)
    assert page.context.request.post("/employees/10001/password-link").ok
    page.goto("/employees/10001/log")
    expect(page.get_by_text("by Ada Min (10003) on a page from 127.0.0.1")).to_be_visible()


def employee_log_empty(page: Any) -> None:
    """The log of an employee to whom nothing was done yet."""
    log_in(page.context, ADA)
    page.goto("/employees/10001/log")
    expect(page.get_by_text("Nothing yet.")).to_be_visible()


def relogin_wrong(page: Any) -> None:
    """The dialog after a wrong password."""
    relogin(page)
    dialog = page.get_by_role("dialog", name="Log in again")
    dialog.get_by_label("Password", exact=True).fill("wrong")
    dialog.get_by_role("button", name="Log in").click()
    expect(dialog.get_by_role("alert")).to_be_visible()


def signed_out(page: Any) -> None:
    """The page after one did not log in again."""
    relogin(page)
    page.keyboard.press("Escape")
    expect(page.locator("#flash")).to_have_text("You are signed out.")


def logged_out(page: Any) -> None:
    """The login form after a logout."""
    home(page)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("status").first).to_have_text("You are logged out")


def change_password(page: Any) -> None:
    """The form to change the password."""
    log_in(page.context, ANN)
    page.goto("/auth/password")


def change_refused(page: Any) -> None:
    """The same after a weak new password."""
    change_password(page)
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill("Ann Lee Ann Lee")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("alert")).to_contain_text("easy to guess")


def password_changed(page: Any) -> None:
    """My sign-ins after the password has changed."""
    change_password(page)
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill("seven green umbrellas sing")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("status").first).to_contain_text("Your password has changed")


def link(page: Any) -> None:
    """The form that a one-time link leads to."""
    page.goto(page.context.request.get(f"/test/link/{ANN}").json())


def link_refused(page: Any) -> None:
    """The same after it was sent empty."""
    link(page)
    page.get_by_role("button", name="Set your password").click()
    expect(page.get_by_role("alert")).to_be_visible()


def link_dead(page: Any) -> None:
    """What a link leads to that is no longer good."""
    page.goto("/auth/link?token=a.b.c")


def set_up(page: Any) -> None:
    """The form of the first start."""
    page.context.request.post("/test/fresh", data=[])
    token = page.context.request.get("/test/set-up").json()
    page.goto(f"/auth/set-up?token={token}")


def set_up_refused(page: Any) -> None:
    """The same after it was sent empty."""
    set_up(page)
    page.get_by_role("button", name="Set up Latchkey").click()
    expect(page.get_by_role("alert")).to_be_visible()


def not_found(page: Any) -> None:
    """A page that does not exist, for somebody who is logged in."""
    log_in(page.context, ANN)
    page.goto("/nope")


def error(status: int) -> Callable[[Any], None]:
    """Return the way to an error's page, for somebody who is not logged in."""

    def go(page: Any) -> None:
        page.goto(f"/test/error/{status}")
        expect(page).to_have_title(f"Error {status} – Latchkey")

    return go


STATES: dict[str, Callable[[Any], None]] = {
    "login": login,
    "login, incomplete": login_incomplete,
    "login, wrong": login_wrong,
    "login, too often": login_too_often,
    "login, password shown": login_shown,
    "login, asked to": asked_to_log_in,
    "home": home,
    "my info": my_info,
    "my info, refused": my_info_refused,
    "my info, saved": my_info_saved,
    "my info, unreachable": unreachable,
    "sign-ins": sign_ins,
    "sign-ins, token refused": token_refused,
    "sign-ins, token made": token_made,
    "sign-ins, ended": ended,
    "notes": notes,
    "notes, refused": notes_refused,
    "notes, deleted": note_deleted,
    "relogin": relogin,
    "employee's log": employee_log,
    "employee's log, empty": employee_log_empty,
    "relogin, wrong": relogin_wrong,
    "relogin, not now": signed_out,
    "logged out": logged_out,
    "change password": change_password,
    "change password, refused": change_refused,
    "change password, done": password_changed,
    "link": link,
    "link, refused": link_refused,
    "link, dead": link_dead,
    "set-up": set_up,
    "set-up, refused": set_up_refused,
    "not found": not_found,
    **{f"error {status}": error(status) for status in (403, 404, 405, 413, 429, 500, 503)},
}
