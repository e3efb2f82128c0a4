"""Read a request's fields from whichever body a route takes: a form, a form with files, or a JSON object."""

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from webapp.answers import Refused
from webapp.forms import FORM_TYPE, MOST_FIELDS, Form, fields_in

FORM = FORM_TYPE.decode()
MULTIPART = "multipart/form-data"
JSON = "application/json"


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
    given = request.headers.get("content-type", "")
    kind = parse_options_header(given)[0].decode("latin-1")
    if not body and not kind:
        return Body({})
    if kind not in kinds:
        raise Refused(f"Send the fields as {' or '.join(kinds)}", "invalid_request", status=415)
    read: Callable[[bytes, str], Body] = {FORM: from_form, MULTIPART: from_multipart, JSON: from_json}[kind]
    try:
        return read(body, given)
    except (FormParserError, ValueError, RecursionError):
        raise HTTPException(400) from None


def from_form(body: bytes, content_type: str) -> Body:
    """Return the fields of an urlencoded form."""
    return Body(fields_in(body))


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

    parse_form({"Content-Type": content_type.encode("latin-1")}, io.BytesIO(body), keep_field, keep_file)
    if len(found) + len(files) > MOST_FIELDS:
        raise HTTPException(400)
    values: Form = {}
    for name, value in found:
        values.setdefault(name, []).append(value)
    return Body(values, files)


def from_json(body: bytes, content_type: str) -> Body:
    """Return the members of a JSON object, each as a form would send it (RFC 8259)."""
    members = json.loads(body.decode(), object_pairs_hook=unique)
    if not isinstance(members, dict):
        raise ValueError("not an object")
    return Body({name: texts_of(value) for name, value in members.items()}, is_json=True)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object, none of them named twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def texts_of(value: Any) -> list[str]:
    """Return a JSON value as the texts of a field; null is an empty one, an array one with several values."""
    if isinstance(value, list):
        return [text_of(one) for one in value]
    return [text_of(value)]


def text_of(value: Any) -> str:
    """Return a JSON text, number, truth value or null as a form would send it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise ValueError("neither a text nor a whole number")
