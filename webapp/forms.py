"""Read a form's fields from a request, strictly."""

import io
from urllib.parse import unquote_to_bytes

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

FORM_TYPE = b"application/x-www-form-urlencoded"
MOST_FIELDS = 50
EXPECTED_FORMAT = b"x-expected-format"

Form = dict[str, list[str]]


def only(form: Form, name: str) -> str:
    """Return a field's one value, "" where it has none or several."""
    values = form.get(name, [])
    return values[0] if len(values) == 1 else ""


async def read_form(request: Request) -> Form:
    """Return the values of each field of a form.

    Raises:
        HTTPException: 415 where the body is not a form, 400 where it is not in UTF-8 or has too many fields.
    """
    body = await request.body()
    content_type, _ = parse_options_header(request.headers.get("content-type"))
    if content_type != FORM_TYPE and (body or content_type):
        raise HTTPException(415)
    try:
        return fields_in(body)
    except (FormParserError, UnicodeDecodeError):
        raise HTTPException(400) from None


def expected_format(scope: Scope, body: bytes) -> bytes:
    """Return the value of the field x-expected-format in the body of a request, where that is a form and has it."""
    if EXPECTED_FORMAT not in body:
        return b""
    content_type, _ = parse_options_header(Headers(scope=scope).get("content-type"))
    try:
        return only(fields_in(body), EXPECTED_FORMAT.decode()).encode() if content_type == FORM_TYPE else b""
    except (FormParserError, UnicodeDecodeError, HTTPException):
        return b""


def fields_in(body: bytes) -> Form:
    """Return the fields of a body in the urlencoded form, whose text is UTF-8 (WHATWG URL 5.1)."""
    found: list[tuple[str, str]] = []

    def keep(field: Field) -> None:
        found.append((plain(field.field_name), plain(field.value)))

    parse_form({"Content-Type": FORM_TYPE}, io.BytesIO(body), keep, None)
    if len(found) > MOST_FIELDS:
        raise HTTPException(400)
    form: Form = {}
    for name, value in found:
        form.setdefault(name, []).append(value)
    return form


def plain(encoded: bytes | None) -> str:
    """Return the text of a name or a value."""
    return unquote_to_bytes((encoded or b"").replace(b"+", b" ")).decode("utf-8")
