"""Forgot your password? A link comes by mail, and nobody else learns whether there is such an account."""

import asyncio
import logging
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pytest
from sqlalchemy import select

from tests import accounts
from tests.conftest import API, BROWSER, EMAIL, HTMX, client_like, log_in, without_title
from tests.test_change_password import NEW
from tests.test_mail import Inbox, close, listen
from tests.test_throttle import client_at
from webapp import employees, mail, request_log, settings
from webapp.app import app
from webapp.auth import forgotten, links
from webapp.database import database
from webapp.request_log import RequestLog
from webapp.tables import attempts, audit

ON_ITS_WAY = "Look into your mail: if there is an account with this email"
THREE = pytest.mark.parametrize("headers", [BROWSER, HTMX, API], ids="bha")


@pytest.fixture
def inbox(run, monkeypatch):
    """A mail server that the application uses, and the mail that it gets."""
    inbox = Inbox()
    server = run(listen, inbox)
    use(monkeypatch, server.sockets[0].getsockname()[1])
    monkeypatch.setattr(forgotten, "LONGEST_PAUSE_SECONDS", 0)
    forgotten.waiting_of.clear()
    yield inbox
    run(forgotten.waiting.join)
    run(close, server)


def use(monkeypatch, port):
    monkeypatch.setattr(settings, "SMTP_URL", settings.mail_server(f"smtp://127.0.0.1:{port}?tls=none"))
    monkeypatch.setattr(settings, "MAIL_FROM", "latchkey@example.com")


def ask(client, email=EMAIL):
    path = "/auth/forgot" if "text/html" in client.headers["accept"] else "/api/forgot"
    return client.post(path, data={"email": email})


def mailed(run, inbox):
    """Wait until every link has been mailed, and return the mails."""
    run(forgotten.waiting.join)
    return inbox.mails


def test_login_page_leads_there_only_where_there_is_a_mail_server(anonymous, monkeypatch):
    assert "Ask an administrator for a link" in anonymous.get("/auth/login").text
    assert "/auth/forgot" not in anonymous.get("/auth/login").text
    use(monkeypatch, 25)
    assert '<a href="/auth/forgot">Forgot your password?</a>' in anonymous.get("/auth/login").text
    assert "Ask an administrator" not in anonymous.get("/auth/login").text


@THREE
def test_without_a_mail_server_there_is_no_such_page(anonymous, headers):
    client = client_like(anonymous, headers)
    assert client.get("/auth/forgot").status_code == ask(client).status_code == 404


class TestTheForm:
    def test_browser(self, anonymous, inbox):
        text = anonymous.get("/auth/forgot").text
        assert "<title>Forgot your password?" in text
        assert 'autocomplete="username"' in text

    def test_htmx(self, anonymous, inbox):
        assert '<form id="forgot"' in without_title(client_like(anonymous, HTMX).get("/auth/forgot"))

    def test_api(self, anonymous, inbox):
        assert "/api/forgot" in client_like(anonymous, API).get("/api/forgot").json()["detail"]


class TestAsked:
    def test_browser(self, anonymous, ann, inbox):
        answer = ask(anonymous)
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/login")
        assert ON_ITS_WAY in anonymous.get("/auth/login").text

    def test_htmx(self, anonymous, ann, inbox):
        answer = ask(client_like(anonymous, HTMX))
        assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/auth/login")

    def test_api(self, anonymous, ann, inbox):
        answer = ask(client_like(anonymous, API))
        assert answer.status_code == 202
        assert answer.json()["detail"].startswith(ON_ITS_WAY)

    def test_the_link_in_the_mail_sets_a_password_and_logs_in(self, anonymous, run, ann, inbox, monkeypatch):
        """ASVS 6.4.3."""
        monkeypatch.setattr(settings, "PUBLIC_URL", "https://tool.example.com")
        ask(anonymous, f" {EMAIL.upper()} ")
        (message,) = mailed(run, inbox)
        assert (message["to"], message["from"]) == (EMAIL, "latchkey@example.com")
        assert "within 15 minutes" in message.get_content()
        (link,) = re.findall(r"https://tool\.example\.com(/auth/link\?token=\S+)", message.get_content())
        form = {"token": link.partition("token=")[2], "new_password": NEW}
        assert anonymous.post("/auth/link", data=form).status_code == 303
        assert anonymous.get("/api/me").json()["email"] == EMAIL

    def test_it_is_noted_and_shown(self, anonymous, run, ann, inbox):
        """ASVS 16.2.1."""
        ask(client_at(anonymous, "10.0.0.9", BROWSER))
        mailed(run, inbox)
        (noted,) = run(database.fetch_all, select(audit))
        assert (noted["action"], noted["emp_no"], noted["actor"]) == ("password link mailed", ann.emp_no, None)
        assert noted["address"] == "10.0.0.9"
        log_in(anonymous)
        shown = anonymous.get("/api/sign-ins").json()["attempts"]
        assert [(one["outcome"], one["address"]) for one in shown][1:] == [("asked", "10.0.0.9")]
        assert "Asked for a link by mail" in anonymous.get("/auth/sign-ins").text

    def test_asking_leaves_the_password_as_it_is(self, anonymous, run, ann, inbox):
        for _ in range(5):
            ask(anonymous)
        mailed(run, inbox)
        assert log_in(anonymous).status_code == 303


@THREE
@pytest.mark.parametrize("email", ["", "nobody", "a@b@c", "x" * 300 + "@example.com"])
def test_what_is_no_email_is_refused(anonymous, inbox, headers, email):
    answer = ask(client_like(anonymous, headers), email)
    assert answer.status_code == (400 if headers is API else 422)
    assert "Enter your email" in answer.text


class TestNobodyLearnsWhoHasAnAccount:
    """ASVS 6.3.8."""

    @THREE
    def test_the_answer_is_the_same(self, anonymous, run, ann, inbox, headers, caplog):
        from tests.conftest import add_employee

        gone = add_employee(run, "gone@example.com")
        run(accounts.deactivate, gone.emp_no)
        told = [ask(client_like(anonymous, headers), email) for email in (EMAIL, "nobody@example.com", gone.email)]
        assert len({answer.status_code for answer in told}) == 1
        assert len({answer.content for answer in told}) == 1
        assert len({tuple(answer.headers.keys()) for answer in told}) == 1
        assert [message["to"] for message in mailed(run, inbox)] == [EMAIL]
        assert [record for record in caplog.records if record.name == "latchkey"] == []

    @pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
    def test_nothing_is_looked_up_hashed_or_sent_before_the_answer(self, anonymous, ann, inbox, monkeypatch, email):
        """What is not done until then takes no time: the worker is held back, and the answer comes all the same."""

        async def held_back(asked):
            nothing_but_the_email.append(asked.email)

        def too_early(*_):
            raise AssertionError("before the answer")

        nothing_but_the_email = []
        monkeypatch.setattr(forgotten, "answer", held_back)
        for module, name in (
            (employees, "with_email"),
            (links, "make"),
            (mail, "send"),
            (bcrypt, "checkpw"),
            (bcrypt, "hashpw"),
        ):
            monkeypatch.setattr(module, name, too_early)
        queries = []
        fetch_all = database.fetch_all
        monkeypatch.setattr(
            database, "fetch_all", lambda query, values=None: queries.append(str(query)) or fetch_all(query, values)
        )
        assert ask(anonymous, email).status_code == 303
        assert nothing_but_the_email == [email]
        assert not any("employees" in query for query in queries)

    @pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
    def test_the_next_request_cannot_tell_which_it_was(self, anonymous, run, ann, inbox, monkeypatch, email):
        """The account is looked for, and the mail sent, only after a while that nobody knows."""
        assert forgotten.LONGEST_PAUSE_SECONDS == 0
        paused, looked = [], []

        async def pause():
            assert looked == []
            paused.append(email)

        with_email = forgotten.employees.with_email
        monkeypatch.setattr(forgotten, "pause", pause)
        monkeypatch.setattr(forgotten.employees, "with_email", lambda text: looked.append(text) or with_email(text))
        ask(anonymous, email)
        mailed(run, inbox)
        assert paused == looked == [email]

    def test_a_slow_mail_server_holds_nobody_up(self, anonymous, run, ann, inbox):
        """The server takes no mail until it is told to, after the answer."""

        async def gate():
            return asyncio.Event()

        told = run(gate)

        async def wait(server, session, envelope, address, options):
            await told.wait()
            envelope.rcpt_tos.append(address)
            return "250 taken"

        inbox.handle_RCPT = wait
        assert ask(anonymous).status_code == 303
        assert inbox.mails == []

        async def tell():
            told.set()

        run(tell)
        assert len(mailed(run, inbox)) == 1


class TestTooOften:
    """ASVS 6.3.1."""

    @THREE
    def test_one_email_gets_five_links_in_a_quarter_of_an_hour(self, anonymous, run, ann, inbox, moved_clock, headers):
        for number in range(5):
            ask(client_at(anonymous, f"10.0.1.{number}"))
        client = client_at(anonymous, "10.0.0.1", headers)
        answer = ask(client)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
        assert "Try again in 15 minutes" in answer.text
        assert len(mailed(run, inbox)) == 5
        moved_clock.forward(901)
        assert ask(client).status_code < 400

    def test_an_unknown_email_is_counted_alike(self, anonymous, inbox):
        statuses = [ask(client_at(anonymous, "10.0.0.1"), "nobody@example.com").status_code for _ in range(6)]
        assert statuses == [202] * 5 + [429]

    def test_one_address_asks_for_few_employees(self, anonymous, inbox, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_ADDRESS_FAILURES", 3)
        here = client_at(anonymous, "10.0.0.1")
        assert [ask(here, f"e{number}@example.com").status_code for number in range(4)] == [202] * 3 + [429]
        assert ask(client_at(anonymous, "10.0.0.2")).status_code == 202

    def test_nobody_is_kept_from_logging_in_by_it(self, anonymous, ann, inbox):
        here = client_at(anonymous, "10.0.0.1")
        for _ in range(20):
            ask(here)
        assert log_in(here, "/api/login").status_code == 200

    def test_each_try_is_a_row(self, anonymous, run, ann, inbox):
        here = client_at(anonymous, "10.0.0.1")
        for _ in range(6):
            ask(here)
        rows = run(database.fetch_all, select(attempts.c.outcome).order_by(attempts.c.id))
        assert [row[0] for row in rows] == ["asked"] * 5 + ["throttled"]

    def test_one_email_gets_ten_links_a_day(self, anonymous, run, ann, inbox, moved_clock):
        told = []
        for number in range(12):
            told.append(ask(client_at(anonymous, f"10.{number}.0.1")).status_code)
            moved_clock.forward(901)
        assert told == [202] * 10 + [429] * 2
        assert len(mailed(run, inbox)) == 10
        moved_clock.forward(86400)
        assert ask(client_at(anonymous, "10.0.0.1")).status_code == 202

    def test_ten_at_once_from_everywhere_are_five_links(self, anonymous, run, ann, inbox):
        clients = [client_at(anonymous, f"10.{number}.0.1") for number in range(10)]
        with ThreadPoolExecutor(10) as threads:
            told = [answer.status_code for answer in threads.map(ask, clients)]
        assert told.count(202) == len(mailed(run, inbox)) == 5

    def test_all_addresses_of_one_network_are_one(self, anonymous, inbox, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_ADDRESS_FAILURES", 3)
        clients = [client_at(anonymous, f"2001:db8::{number}") for number in range(4)]
        told = [ask(client, f"e{number}@example.com").status_code for number, client in enumerate(clients)]
        assert told == [202] * 3 + [429]

    def test_an_address_space_asks_for_few_employees(self, anonymous, inbox, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_SPACE_FAILURES", 3)
        clients = [client_at(anonymous, f"10.0.0.{number}") for number in range(4)]
        told = [ask(client, f"e{number}@example.com").status_code for number, client in enumerate(clients)]
        assert told == [202] * 3 + [429]

    def test_one_address_does_not_fill_the_queue(self, anonymous, inbox, monkeypatch):
        with monkeypatch.context() as stuck:
            stuck.setattr(forgotten, "waiting", asyncio.Queue(200))
            stuck.setattr(forgotten, "waiting_of", Counter())
            here = client_at(anonymous, "10.0.0.1")
            answers = [ask(here, f"e{number}@example.com") for number in range(11)]
            assert [answer.status_code for answer in answers] == [202] * 10 + [429]
            assert answers[-1].headers["retry-after"] == "60"
            assert ask(client_at(anonymous, "10.0.0.2"), "e@example.com").status_code == 202

    @pytest.mark.parametrize("network", ["10.0.0.{}", "2001:db8:1:{}::1"])
    def test_nor_do_all_addresses_of_one_customer(self, anonymous, inbox, monkeypatch, network):
        with monkeypatch.context() as stuck:
            stuck.setattr(forgotten, "waiting", asyncio.Queue(200))
            stuck.setattr(forgotten, "waiting_of", Counter())
            clients = [client_at(anonymous, network.format(number)) for number in range(42)]
            told = [ask(client, f"e{number}@example.com").status_code for number, client in enumerate(clients)]
            assert told == [202] * 40 + [429] * 2
            assert ask(client_at(anonymous, "10.9.0.1"), "e@example.com").status_code == 202

    def test_strangers_do_not_keep_an_owner_from_asking_in_a_browser_that_they_have_used(
        self, anonymous, run, ann, inbox, monkeypatch
    ):
        """Nor do they with a full queue."""
        owner = client_at(anonymous, "10.0.0.1", BROWSER)
        log_in(owner)
        owner.post("/auth/logout")
        for number in range(5):
            ask(client_at(anonymous, f"10.{number}.0.1"))
        assert ask(client_at(anonymous, "10.9.0.1")).status_code == 429
        monkeypatch.setattr(forgotten, "waiting", asyncio.Queue(1))
        forgotten.waiting.put_nowait(None)
        told = [ask(owner).status_code for _ in range(6)]
        assert told == [303] * 5 + [429]
        run(forgotten.waiting_known.join)
        monkeypatch.undo()
        assert len(mailed(run, inbox)) == 10

    def test_places_are_given_back(self, anonymous, run, ann, inbox):
        for number in range(4):
            ask(client_at(anonymous, "10.0.0.1"), f"e{number}@example.com")
        mailed(run, inbox)
        assert not forgotten.waiting_of

    @THREE
    def test_what_waits_is_bounded(self, anonymous, inbox, monkeypatch, headers):
        client = client_like(anonymous, headers)
        with monkeypatch.context() as stuck:
            stuck.setattr(forgotten, "waiting", asyncio.Queue(1))
            assert ask(client).status_code < 400
            answer = ask(client, "nobody@example.com")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert "Try again in a minute" in answer.text


def test_a_mail_server_that_is_down_is_logged_and_the_next_mail_goes(
    anonymous, run, ann, inbox, monkeypatch, caplog, unused_port
):
    """ASVS 16.2.5: without email and link."""
    port = settings.SMTP_URL
    use(monkeypatch, unused_port)
    assert ask(anonymous).status_code == 303
    assert mailed(run, inbox) == []
    (record,) = [record for record in caplog.records if record.name == "latchkey"]
    assert record.levelno == logging.ERROR
    assert re.fullmatch(r"A link could not be mailed: SMTPConnectError \w+Error", record.getMessage())
    monkeypatch.setattr(settings, "SMTP_URL", port)
    assert ask(anonymous).status_code == 303
    assert len(mailed(run, inbox)) == 1


@pytest.fixture
def unused_port():
    """A port on which nobody listens."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_another_sites_page_cannot_ask(anonymous, run, ann, inbox):
    """ASVS 3.5.1."""
    client = client_like(anonymous, {**BROWSER, "Sec-Fetch-Site": "cross-site"})
    assert ask(client).status_code == 403
    assert mailed(run, inbox) == []


def test_the_request_log_has_no_email(anonymous, ann, inbox, capsys):
    """ASVS 16.2.5."""
    client = client_like(anonymous, BROWSER)
    client._transport.app = RequestLog(app)
    ask(client)
    request_log.write()
    assert EMAIL not in capsys.readouterr().out
