"""Notes of one's own: an example of how an application grows here. Another's note is not found."""

import re
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from starlette.authentication import requires
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, clock, cookies, employees
from webapp.answers import FormRefused, Refused
from webapp.auth.access import ROW_NUMBER
from webapp.bodies import FORM, JSON
from webapp.clients import Client, client_of
from webapp.database import database
from webapp.fields import Fields, submitted
from webapp.inputs import Lines
from webapp.pages.sign_ins import iso
from webapp.quick import JSONAnswer
from webapp.tables import notes

NUMBER = re.compile(ROW_NUMBER)
PAGE = 50
MAX_NOTES = 10_000
TOO_MANY = f"You have {MAX_NOTES:,} notes, which is the maximum. Delete one first"
NO_SUCH_PAGE = "There is no such page of notes. Start from the first page"
NEW = {"id": "new", "text": "", "changed": None}


class Note(Fields):
    """What a note says."""

    text = Lines("a note", 2000)


@requires("user:read")
async def every(request: Request) -> Response:
    """Show a page of the employee's notes, the newest first; the page comes after the note whose id is `before`."""
    before = before_in(request)
    own = select(notes).where(notes.c.emp_no == request.user.emp_no).order_by(notes.c.id.desc()).limit(PAGE + 1)
    found = await database.fetch_all(own if before is None else own.where(notes.c.id < before))
    rows = [shown(row) for row in found[:PAGE]]
    further = f"/notes?before={rows[-1]['id']}" if len(found) > PAGE else None
    if client_of(request) is Client.JSON:
        return JSONAnswer({"notes": rows, "next": further})
    room = [NEW] if "user:write" in request.auth.scopes and before is None else []
    context = {**of_rows(*room, *rows, edited="new"), "further": further, "is_first": before is None}
    return answers.page(request, "notes", context)


def before_in(request: Request) -> int | None:
    """Return the note that the page comes after, None for the first page."""
    given = request.query_params.getlist("before")
    if not given:
        return None
    if len(given) > 1 or not NUMBER.fullmatch(given[0]):
        raise Refused(NO_SUCH_PAGE, "invalid_request")
    return int(given[0])


@requires("user:write")
async def add(request: Request) -> Response:
    """Add a note, and leave room for the next."""
    form = await submitted(request, Note, "note", kinds=(FORM, JSON), place="#note-new", context=context_of)
    row = insert(notes).values(emp_no=request.user.emp_no, changed=clock.now(), **form.data)
    async with database.transaction():
        await ensure_room(request, form)
        request.path_params["id"] = await database.add(row, notes.c.id)
    return done(request, "The note is added", NEW, await own_note(request), edited="new")


async def ensure_room(request: Request, form: Note) -> None:
    """Refuse a note to somebody who has as many as one may have, in the transaction that adds it."""
    emp_no, context = request.user.emp_no, await context_of(request)
    await employees.lock(emp_no)
    last = select(notes.c.id).where(notes.c.emp_no == emp_no).limit(1).offset(MAX_NOTES - 1)
    if await database.fetch_one(last) is not None:
        raise FormRefused(
            "note",
            TOO_MANY,
            errors={},
            values=form.shown,
            error="conflict",
            status=409,
            context=context,
            place="#note-new",
        )


@requires("user:read")
async def one(request: Request) -> Response:
    """Show one note."""
    note = await own_note(request)
    if client_of(request) is Client.JSON:
        return JSONAnswer(note)
    return answers.page(request, "note", of_rows(note, focus=note["id"]))


@requires("user:write")
async def edit(request: Request) -> Response:
    """Show the form for one note, in its place; to a program the note."""
    note = await own_note(request)
    if client_of(request) is Client.JSON:
        return JSONAnswer(note)
    return answers.page(request, "note", of_rows(note, edited=note["id"], focus=note["id"]))


@requires("user:write")
async def save(request: Request) -> Response:
    """Change a note."""
    note = await own_note(request)
    form = await submitted(request, Note, "note", kinds=(FORM, JSON), place=f"#note-{note['id']}", context=context_of)
    await database.execute(update(notes).where(this(request)).values(changed=clock.now(), **form.data))
    return done(request, "The note is saved", await own_note(request))


@requires("user:write")
async def remove(request: Request) -> Response:
    """Delete a note; its place says so."""
    note = await own_note(request)
    await database.execute(delete(notes).where(this(request)))
    return done(request, "The note is deleted", {**note, "text": None})


def this(request: Request) -> ColumnElement[bool]:
    """Return the condition of the note that the address names, if it is one's own."""
    return and_(notes.c.id == request.path_params["id"], notes.c.emp_no == request.user.emp_no)


async def own_note(request: Request) -> dict[str, Any]:
    """Return the note that the address names; another's is not found (ASVS 8.2.2)."""
    found = await database.fetch_one(select(notes).where(this(request)))
    if found is None:
        raise HTTPException(404)
    return shown(found)


def shown(row: Any) -> dict[str, Any]:
    """Return a note as it is shown."""
    return {"id": row["id"], "text": row["text"], "changed": iso(row["changed"])}


async def context_of(request: Request) -> dict[str, Any]:
    """Return the row that is shown again with what to mend."""
    note = await own_note(request) if "id" in request.path_params else NEW
    return of_rows(note, edited=note["id"])


def of_rows(*rows: dict[str, Any], edited: Any = None, focus: Any = None) -> dict[str, Any]:
    """Return what the templates show: rows, of which one may be a form, and one may take the focus."""
    shown_again: dict[str, Any] = {"sentence": None, "errors": {}, "values": None}
    return {"rows": rows, "edited": edited, "focus": focus, "further": None, "is_first": True, **shown_again}


def done(request: Request, sentence: str, *rows: dict[str, Any], edited: Any = None) -> Response:
    """Say what was done: as JSON, in the place of the row, or on the page that lists all."""
    if client_of(request) is Client.JSON:
        return JSONAnswer({"detail": sentence, "note": rows[-1]})
    if client_of(request) is Client.HTMX:
        context = of_rows(*rows, edited=edited, focus=rows[0]["id"])
        return answers.page(request, "note", context, message=sentence)
    response = answers.redirect(request, "/notes")
    cookies.set_message(response, request, sentence)
    return response
