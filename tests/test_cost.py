"""No request under 64 KB, of any kind, to any path, costs the event loop's thread more than 5 ms of the processor.

It is measured in the processor time of that thread at the pace of a usual core, so that other programs change little;
what is too slow is tried again, as new texts, so that nothing is remembered. `-m long` sends every case as everybody, and takes minutes.
"""

import gc
import json
import random
from collections import Counter
from urllib.parse import urlencode

import pytest
from sqlalchemy import insert

from tests import hostile_requests
from tests.conftest import (
    API,
    BROWSER,
    EMAIL,
    HTMX,
    ON_SQLITE,
    PASSWORD,
    add_employee,
    client_like,
    log_in,
    skip_if_traced,
)
from tests.pace import slowness
from webapp import clock, settings
from webapp.app import app
from webapp.auth import signins
from webapp.database import database
from webapp.tables import attempts, audit, notes, sign_ins

# A server's driver reads its answers in the loop's thread, SQLite's does not.
LIMIT_SECONDS = 0.005 if ON_SQLITE else 0.0075
TRIES = 20
# The part of all cases that is sent by default: some hundreds.
SENT = 0.06
CLIENTS = {"browser": BROWSER, "htmx": HTMX, "json": {"Accept": "application/json"}}
PEOPLE = {"nobody": None, "ann": EMAIL, "boss": "boss@example.com"}
MARKUP = "<'\"&>"
FORM = (b"content-type", b"application/x-www-form-urlencoded")


class Costs:
    """Sends hostile requests and measures them.

    Attributes:
        over: what was too slow, with the seconds that it took.
        slow: the same as `measure` takes it.
    """

    def __init__(self, client, emp_no):
        self.client, self.emp_no = client, emp_no
        self.sent, self.over, self.slow, self.statuses = 0, {}, [], Counter()
        self.credentials = {"nobody": {}}
        self.log_in("ann")
        self.log_in("boss")

    def log_in(self, who):
        """Log somebody in, whose session may have been ended."""
        answer = log_in(client_like(self.client, API), "/api/login", username=PEOPLE[who])
        self.credentials[who] = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def cost(self, hostile, who, client):
        """Return the status of an answer and how many seconds of the processor the loop's thread needed for it."""
        self.sent += 1
        scope = hostile_requests.scope_of(hostile, {**CLIENTS[client], **self.credentials[who]}, self.emp_no, self.sent)
        answer = self.client.portal.call(hostile_requests.cost_of, app, scope, hostile.body)
        if who != "nobody" and hostile.path.endswith((b"/logout", b"/auth/token")):
            self.log_in(who)
        return answer

    def measure(self, hostile, who, client):
        """Send a request, again while it is too slow, and note it where it is each time."""
        seconds = 1.0
        for _ in range(TRIES):
            before = slowness()
            status, cost = self.cost(hostile.anew(self.sent), who, client)
            self.statuses[status] += 1
            seconds = min(seconds, cost / min(before, slowness()))
            if seconds <= LIMIT_SECONDS:
                return
        self.over[f"{hostile.name} as {who}, {client}"] = round(seconds, 4)
        self.slow.append((hostile, who, client))

    def still_over(self):
        """Return what is too slow once more, now that what disturbed the machine may be over."""
        slow, self.slow, self.over = self.slow, [], {}
        for case in slow:
            self.measure(*case)
        return self.over


@pytest.fixture
def costs(anonymous, run, ann, monkeypatch):
    """A site with as much in every list as there may be, and nobody who waits for an attempt."""
    skip_if_traced()
    for name in ("THROTTLE_PAIR_FAILURES", "THROTTLE_ADDRESS_FAILURES", "THROTTLE_EMAIL_FAILURES"):
        monkeypatch.setattr(settings, name, 10**6)
    boss = add_employee(run, PEOPLE["boss"], scopes=("super:*",))
    other = add_employee(run, "other@example.com", first_name=MARKUP * 9, last_name=MARKUP * 9)
    run(add_colleagues, boss)
    for employee in (ann, boss, other):
        run(fill_lists, employee.emp_no)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield Costs(anonymous, other.emp_no)
    finally:
        gc.enable()
        gc.unfreeze()


async def add_colleagues(boss):
    """Add as many employees as one page of the list shows, whose names have to be escaped."""
    from webapp import employees

    for number in range(100):
        name = f"{MARKUP * 8}{number}"
        await employees.create(email=f"u{number}@example.com", password_hash="", first_name=name, last_name=name)


async def fill_lists(emp_no):
    """Give an employee as much as there may be, and strangers' attempts on them."""
    now, agents = clock.now(), [f"Mozilla/5.0 ({number};" + "(;<1." * 60 for number in range(170)]
    lasting = {"emp_no": emp_no, "opened": now, "used": now, "ends": now + 9e6, "address": "2001:db8::1"}
    async with database.transaction():
        for number in range(signins.MAX_SESSIONS + signins.MAX_TOKENS - 1):
            is_token = number < signins.MAX_TOKENS
            kind = (
                {"kind": "token", "name": MARKUP * 10, "scopes": "user:read user:write"}
                if is_token
                else {"kind": "browser"}
            )
            row = {**lasting, **kind, "id": f"{emp_no:011d}{number:011d}", "user_agent": agents[number][:255]}
            await database.execute(insert(sign_ins).values(**row))
        for number in range(60):
            await database.execute(insert(notes).values(emp_no=emp_no, text=MARKUP * 400, changed=now))
            details = {name: [MARKUP * 10, MARKUP * 10] for name in ("first_name", "last_name")}
            row = {
                "made": now,
                "actor": emp_no,
                "how": "page",
                "address": "2001:db8::1",
                "action": "edited",
                "emp_no": emp_no,
            }
            await database.execute(insert(audit).values(**row, details=json.dumps(details)))
            attempt = {
                "made": now,
                "email": EMAIL,
                "email_key": EMAIL,
                "emp_no": emp_no,
                "outcome": "wrong",
                "address": "2001:db8::1",
            }
            await database.execute(insert(attempts).values(**attempt, user_agent=agents[number][:255]))


def test_no_request_takes_the_loop_more_than_5_ms(costs):
    rng = random.Random(11)  # noqa: S311  these are no secrets
    for hostile in hostile_requests.every(seed=1):
        if hostile.name.startswith("page") or rng.random() < SENT:
            costs.measure(hostile, rng.choice([*PEOPLE]), rng.choice([*CLIENTS]))
    assert costs.still_over() == {}
    assert len(costs.statuses) > 8
    assert not any(status >= 500 for status in costs.statuses)


@pytest.mark.parametrize("who", ["ann", "stranger"])
@pytest.mark.parametrize("password", [PASSWORD, "another"])
def test_no_login_takes_the_loop_more_than_5_ms(costs, who, password):
    form = urlencode({"username": PEOPLE.get(who, "x@example.com"), "password": password}).encode()
    sent = hostile_requests.Hostile("login", "POST", b"/api/login", headers=[FORM], body=form)
    for _ in range(3):
        costs.measure(sent, "nobody", "json")
    assert costs.still_over() == {}
    assert set(costs.statuses) == {200 if who == "ann" and password == PASSWORD else 400}


@pytest.mark.long
def test_no_request_of_anybody_takes_the_loop_more_than_5_ms(costs):
    for hostile in hostile_requests.every(seed=1):
        for who in PEOPLE:
            for client in CLIENTS:
                costs.measure(hostile, who, client)
    assert costs.still_over() == {}
    assert not any(status >= 500 for status in costs.statuses)
