"""Every list has a bound: personal access tokens, sessions, notes; two who add at once keep to it, on every engine."""

import asyncio
import threading

import pytest
from sqlalchemy import func, insert, select

from tests.conftest import API, BROWSER, HTMX, PASSWORD, add_employee, client_like, log_in
from tests.test_my_sign_ins import in_days, make_token, rows_of
from webapp import clock
from webapp.auth import signins
from webapp.database import database
from webapp.pages import notes as notes_page
from webapp.tables import notes, sign_ins

JSON = {"X-Expected-Format": "application/json"}


async def add_sign_ins(emp_no, count, kind, since):
    """Add sign-ins of an employee, the later ones used more lately."""
    async with database.transaction():
        for number in range(count):
            row = {
                "id": f"{kind:_<10}{number:012d}",
                "emp_no": emp_no,
                "kind": kind,
                "opened": since,
                "used": since + number / 1000,
            }
            row |= {"ends": since + 86400, "address": "a", "user_agent": "u", "name": "n", "scopes": "user:read"}
            await database.execute(insert(sign_ins).values(**row))


async def add_notes(emp_no, count):
    async with database.transaction():
        for number in range(count):
            await database.execute(insert(notes).values(emp_no=emp_no, text=f"note {number}", changed=clock.now()))


def living(run, kind):
    """Return the ids of the sign-ins of a kind that have not ended."""
    query = select(sign_ins.c.id).where(sign_ins.c.kind == kind, sign_ins.c.ended.is_(None))
    return [row["id"] for row in run(database.fetch_all, query)]


class TestTokens:
    @pytest.fixture
    def full(self, run, ann):
        """As many tokens as one may have, but one."""
        run(add_sign_ins, ann.emp_no, signins.MAX_TOKENS - 1, "token", clock.now())

    @pytest.mark.parametrize("headers", [BROWSER, HTMX], ids="bh")
    def test_one_too_many_is_refused_and_what_was_typed_is_kept(self, full, browser, headers):
        assert make_token(browser, "/auth/tokens").status_code == 200
        answer = browser.post(
            "/auth/tokens", data={"name": "one more", "scopes": "user:read", "ends": in_days(3)}, headers=headers
        )
        assert answer.status_code == 409
        assert "You have 25 personal access tokens, which is the maximum. End one of them first" in answer.text
        assert 'value="one more"' in answer.text

    def test_a_program_is_told_too(self, full, api, run):
        assert make_token(api).status_code == 201
        answer = make_token(api)
        assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
        assert "maximum" in answer.json()["detail"]
        assert len(living(run, "token")) == signins.MAX_TOKENS

    def test_one_that_has_ended_makes_room(self, full, browser, moved_clock):
        made = make_token(browser).json()
        assert browser.post(f"/api/sign-ins/{made['id']}/end").status_code == 200
        assert make_token(browser).status_code == 201
        moved_clock.forward(1700)
        assert make_token(browser).status_code == 409

    def test_of_two_at_once_one_is_made(self, full, browser, api, run):
        answers = at_once(lambda: make_token(browser), lambda: make_token(api), lambda: make_token(browser))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
        assert len(living(run, "token")) == signins.MAX_TOKENS


def at_once(*calls):
    """Return what calls return that are made at once."""
    results = []
    threads = [threading.Thread(target=lambda call=call: results.append(call())) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class TestSessions:
    @pytest.fixture
    def full(self, run, ann):
        """As many sessions as one may have."""
        run(add_sign_ins, ann.emp_no, signins.MAX_SESSIONS, "api", clock.now() - 3600)
        run(add_sign_ins, ann.emp_no, signins.MAX_TOKENS, "token", clock.now() - 7200)

    def test_a_login_ends_the_longest_unused(self, full, anonymous, run):
        before = living(run, "api")
        assert log_in(client_like(anonymous, API), "/api/login").status_code == 200
        after = living(run, "api")
        assert len(after) == signins.MAX_SESSIONS
        assert set(before) - set(after) == {f"{'api':_<10}{0:012d}"}
        assert len(living(run, "token")) == signins.MAX_TOKENS
        why = run(database.fetch_val, select(sign_ins.c.ended_why).where(sign_ins.c.ended.is_not(None)))
        assert why == "more than 50 sessions"

    def test_its_token_is_refused_at_once(self, anonymous, run, ann, monkeypatch, moved_clock):
        monkeypatch.setattr(signins, "MAX_SESSIONS", 2)
        clients = [client_like(anonymous, BROWSER) for _ in range(3)]
        for client in clients:
            moved_clock.forward(1)
            log_in(client)
        assert [client.get("/api/me").status_code for client in clients] == [401, 200, 200]

    def test_what_came_before_there_was_a_bound_goes(self, anonymous, run, ann):
        run(add_sign_ins, ann.emp_no, signins.MAX_SESSIONS + 30, "browser", clock.now() - 60)
        log_in(client_like(anonymous, API), "/api/login")
        assert len(living(run, "browser")) == signins.MAX_SESSIONS - 1

    def test_ten_logins_at_once_all_succeed_and_keep_to_it(self, full, run, ann, anonymous):
        from webapp.auth import attempt_log, login

        async def opened(request):
            employee, hashed = await login.employees.with_email(ann.email)
            source = await attempt_log.source_of(request, ann.email)
            number = await attempt_log.record(request, source, ann)
            return await login.opened(request, "api", number, employee, hashed)

        async def all_at_once():
            from starlette.requests import Request

            scope = {"type": "http", "scheme": "http", "headers": [], "client": ("10.0.0.1", 1)}
            return await asyncio.gather(*(asyncio.create_task(opened(Request(scope))) for _ in range(10)))

        assert None not in run(all_at_once)
        assert len(living(run, "api")) == signins.MAX_SESSIONS

    def test_lists_are_never_longer(self, anonymous, browser, run, ann):
        run(add_sign_ins, ann.emp_no, 300, "token", clock.now())
        boss = add_employee(run, "boss@example.com", scopes=("super:*",))
        program = client_like(anonymous, API)
        log_in(program, "/auth/token", username=boss.email)
        most = signins.MAX_SESSIONS + signins.MAX_TOKENS
        rows = rows_of(browser)
        assert len(rows) == most
        assert rows[0]["this_device"]
        assert browser.get("/auth/sign-ins").text.count('<li class="row">') == most
        assert len(program.get(f"/api/employees/{ann.emp_no}/sign-ins").json()["sign_ins"]) == most
        page = program.get(f"/employees/{ann.emp_no}", headers=BROWSER)
        assert page.text.count('<li class="row">') == most
        assert PASSWORD not in page.text


class TestNotes:
    def test_pages_lead_on_to_the_last(self, htmx, run, ann):
        run(add_notes, ann.emp_no, 120)
        texts, address, lengths = [], "/notes", []
        while address:
            page = htmx.get(address, headers=JSON).json()
            lengths.append(len(page["notes"]))
            texts += [note["text"] for note in page["notes"]]
            address = page["next"]
        assert lengths == [50, 50, 20]
        assert texts == [f"note {number}" for number in reversed(range(120))]

    def test_links_lead_to_the_next_page_and_back(self, browser, run, ann):
        run(add_notes, ann.emp_no, 51)
        first = browser.get("/notes").text
        assert (first.count('class="lines"'), "Next page" in first, "First page" in first) == (50, True, False)
        address = browser.get("/notes", headers=JSON).json()["next"]
        assert f'href="{address}"' in first
        second = browser.get(address).text
        assert (second.count('class="lines"'), "Next page" in second, "First page" in second) == (1, False, True)
        assert 'id="note-new"' not in second
        assert "There are no further notes." in browser.get("/notes?before=1").text

    @pytest.mark.parametrize("number", [0, 1, 50])
    def test_one_page_leads_nowhere(self, browser, run, ann, number):
        run(add_notes, ann.emp_no, number)
        assert browser.get("/notes", headers=JSON).json()["next"] is None
        assert "pager" not in browser.get("/notes").text

    @pytest.mark.parametrize(
        "query", ["before=x", "before=", "before=1&before=2", "before=-1", "before=9999999999", "before=%00"]
    )
    def test_a_page_that_is_none_is_refused(self, signed_in, query):
        answer = signed_in.get(f"/notes?{query}")
        assert answer.status_code == 400
        assert "Start from the first page" in answer.text

    @pytest.mark.parametrize("headers", [BROWSER, HTMX, JSON], ids="bhj")
    def test_one_too_many_is_refused_and_kept_in_the_form(self, browser, run, ann, monkeypatch, headers):
        monkeypatch.setattr(notes_page, "MAX_NOTES", 3)
        run(add_notes, ann.emp_no, 2)
        assert browser.post("/notes", data={"text": "the third"}, headers=JSON).status_code == 200
        answer = browser.post("/notes", data={"text": "typed in vain"}, headers=headers)
        assert answer.status_code == 409
        assert "You have 10,000 notes, which is the maximum. Delete one first" in answer.text
        if headers is not JSON:
            assert "typed in vain</textarea>" in answer.text
        assert run(database.fetch_val, select(func.count()).select_from(notes)) == 3

    def test_of_some_at_once_no_more_are_added_than_there_is_room_for(self, browser, htmx, run, ann, monkeypatch):
        monkeypatch.setattr(notes_page, "MAX_NOTES", 3)
        run(add_notes, ann.emp_no, 2)
        calls = [
            lambda client=client: client.post("/notes", data={"text": "x"}) for client in (browser, htmx, browser, htmx)
        ]
        assert sorted(answer.status_code for answer in at_once(*calls))[-3:] == [409] * 3
        assert run(database.fetch_val, select(func.count()).select_from(notes)) == 3
