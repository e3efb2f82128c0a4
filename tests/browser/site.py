"""The server of the browser tests: Latchkey, and beside it what only tests need; `python -m tests.browser.site`."""

import asyncio
from datetime import date

from sqlalchemy import delete
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fresh_database import let_rows_go
from webapp import answers, audit, employees, server
from webapp.app import app
from webapp.auth import changes, links, passwords, set_up
from webapp.auth.access import closed_unless_open, open_to_all
from webapp.bodies import MULTIPART, read_fields
from webapp.database import database
from webapp.quick import HTMLAnswer, JSONAnswer
from webapp.tables import metadata
from webapp.templating import templates

asked: list[dict[str, object]] = []

PAGE = templates.from_string("""
{% extends "base.html" %}
{% block main %}
<section class="card stack">
  <h1>For tests</h1>
  <form id="upload" method="post" action="/test/echo" enctype="multipart/form-data"
        hx-post="/test/echo" hx-encoding="multipart/form-data" hx-target="#answer" hx-swap="innerHTML" hx-sync="this:drop">
    <label for="words">Words</label>
    <input id="words" name="words">
    <label for="file">File</label>
    <input id="file" name="file" type="file">
    <button id="draft" name="act" value="draft">Keep a draft</button>
    <button id="send" name="act" value="send">Send</button>
    <button id="asked" name="act" value="asked" hx-post="/test/echo" hx-encoding="multipart/form-data"
            hx-target="#answer" hx-swap="innerHTML" hx-confirm="Really?">Send after a question</button>
  </form>
  <a id="link" href="/test/page" hx-get="/test/part" hx-target="#answer" hx-swap="innerHTML">A part</a>
  {% if poll %}<div id="poll" hx-get="/test/part" hx-trigger="every 100ms" hx-swap="innerHTML"></div>{% endif %}
  <div id="answer"></div>
</section>
{% endblock %}
""")


async def page(request: Request) -> Response:
    """Show a form with two buttons and a file, a link, and on demand an element that asks again and again."""
    poll = "poll" in request.query_params
    return HTMLAnswer(PAGE.render(answers.who_asks(request), message=None, fragment=False, poll=poll))


async def echo(request: Request) -> Response:
    """Write down what was sent by whom, and show it."""
    body = await read_fields(request, (MULTIPART,))
    files = {name: [file.name, file.content.decode("latin-1")] for name, file in body.files.items()}
    asked.append({"who": request.user.email, **body.values, "files": files})
    return HTMLAnswer(f'<p id="done" tabindex="-1" autofocus>Sent {len(asked)}</p>')


async def part(request: Request) -> Response:
    """Answer a fragment."""
    return HTMLAnswer('<p id="part" tabindex="-1">A part</p>')


@open_to_all
async def error(request: Request) -> Response:
    """Answer as where something is wrong."""
    return answers.refusal(request, request.path_params["status"])


@open_to_all
async def seen(request: Request) -> Response:
    """Tell the test what was sent."""
    return JSONAnswer(asked)


@open_to_all
async def fresh(request: Request) -> Response:
    """Begin again with these employees and nothing else."""
    asked.clear()
    async with database.transaction():
        for table in reversed(metadata.sorted_tables):
            await database.execute(delete(table))
    for details in await request.json():
        details["password_hash"] = await passwords.hash_password(details.pop("password"))
        details["scopes"] = tuple(details["scopes"])
        await employees.create(**details, birth_date=date(1990, 2, 28), gender="F", hire_date=date(2020, 1, 2))
    await changes.start()
    return JSONAnswer({})


@open_to_all
async def link(request: Request) -> Response:
    """Make a one-time link for the employee of an email."""
    found = await employees.with_email(request.path_params["email"])
    assert found is not None
    made = await links.make(found[0], audit.Actor.of_command())
    return JSONAnswer(made.address.removeprefix(links.site()))


@open_to_all
async def set_up_token(request: Request) -> Response:
    """Make a token as the first start does."""
    return JSONAnswer(await set_up.new_token())


added = [
    Route("/test/link/{email}", link),
    Route("/test/set-up", set_up_token),
    Route("/test/page", page),
    Route("/test/echo", echo, methods=["POST"]),
    Route("/test/part", part),
    Route("/test/error/{status:int}", error),
    Route("/test/seen", seen),
    Route("/test/fresh", fresh, methods=["POST"]),
]
app.router.routes.extend(closed_unless_open(added))


async def prepared() -> None:
    """Make the tables, whose rows tests may remove."""
    await server.first_steps()
    async with database:
        await let_rows_go(database)


if __name__ == "__main__":
    asyncio.run(prepared())
    server.serve()
