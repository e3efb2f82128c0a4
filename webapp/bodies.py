"""Read a request's fields from whichever body a route takes: a form, a form with files, or a JSON object."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from python_multipart.multipart import Field, File, FormParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from webapp.answers import Refused
from webapp.forms import FORM_TYPE, MOST_FIELDS, Form, form_in, media_type

FORM = FORM_TYPE
MULTIPART = "multipart/form-data"
JSON = "application/json"
MAX_TYPE_LENGTH = 500
# Of a form that carries files. A part has few short headers; python-multipart itself takes eight of four thousand bytes
# each, and reads a thousand semicolons in half a millisecond.
MAX_PARTS = 10
PARTS: Any = {"MAX_HEADER_COUNT": 4, "MAX_HEADER_SIZE": 300}
# It logs what is wrong with a form, which is answered and is nobody else's business.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent: its name as the client says it, and its content."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """What a request's body says: the values of each field, its files, and whether it is JSON."""

    values: Form
    files: dict[str, Upload] = field(default_factory=dict)
    is_json: bool = False


async def read_fields(request: Request, kinds: Iterable[str] = (FORM,)) -> Body:
    """Return the fields of a body.

    Args:
        kinds: the content types that the route takes, of FORM, MULTIPART and JSON.

    Raises:
        Refused: 415 where the body is of another type.
        HTTPException: 400 where it is not what its type says, is not in UTF-8, or has too many fields.
    """
    body = await request.body()
    kind = media_type(request.headers)
    if not body and not kind:
        return Body({})
    if kind not in kinds:
        raise Refused(f"Send the fields as {' or '.join(kinds)}", "invalid_request", status=415)
    if kind == FORM:
        return Body(form_in(request.scope, body))
    try:
        return from_json(body) if kind == JSON else from_multipart(body, request.headers["content-type"])
    except (ValueError, RecursionError):
        raise HTTPException(400) from None


def from_multipart(body: bytes, content_type: str) -> Body:
    """Return the fields and the files of a form that carries files (RFC 7578)."""
    found: list[tuple[str, str]] = []
    files: dict[str, Upload] = {}

    def keep_field(part: Field) -> None:
        found.append(((part.field_name or b"").decode(), (part.value or b"").decode()))

    def keep_file(part: File) -> None:
        part.file_object.seek(0)
        name = (part.field_name or b"").decode()
        files[name] = Upload((part.file_name or b"").decode(), part.file_object.read())
        part.close()

    boundary = boundary_in(content_type)
    if body.count(b"--" + boundary) > MAX_PARTS + 1:
        raise ValueError("too many parts")
    parser = FormParser(MULTIPART, keep_field, keep_file, boundary=boundary, config=PARTS)
    parser.write(body)
    parser.finalize()
    values: Form = {}
    for name, value in found:
        values.setdefault(name, []).append(value)
    return Body(values, files)


def boundary_in(content_type: str) -> bytes:
    """Return what stands between the parts of a form that carries files.

    Raises:
        ValueError: the Content-Type does not say it, or is too long.
    """
    boundary = (
        b"" if len(content_type) > MAX_TYPE_LENGTH else parse_options_header(content_type)[1].get(b"boundary", b"")
    )
    if not boundary:
        raise ValueError("no boundary")
    return boundary


def from_json(body: bytes) -> Body:
    """Return the members of a JSON object, each as a form would send it (RFC 8259)."""
    objects: list[dict[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        objects.append(members)
        if len(objects) > 1 or len(members) != len(pairs) or len(pairs) > MOST_FIELDS:
            raise ValueError("an object within an object, a member that is named twice, or too many members")
        return members

    members = json.loads(body.decode(), object_pairs_hook=keep, parse_int=str)
    if not isinstance(members, dict):
        raise ValueError("not an object")
    return Body({name: texts_of(value) for name, value in members.items()}, is_json=True)


def texts_of(value: Any) -> list[str]:
    """Return a JSON value as the texts of a field; null is an empty one, an array one with several values."""
    if isinstance(value, list):
        if len(value) > MOST_FIELDS:
            raise ValueError("too many values")
        return [text_of(one) for one in value]
    return [text_of(value)]


def text_of(value: Any) -> str:
    """Return a JSON text, number, truth value or null as a form would send it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise ValueError("neither a text nor a whole number")
