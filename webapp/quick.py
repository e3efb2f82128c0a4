"""Starlette's JSON and HTML responses, made without detours: most of an answer's cost that is ours to choose."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import HTMLResponse, JSONResponse, Response


class QuickHeaders(Response):
    """A response whose length and type are written as they are; it always has a body."""

    content_type: bytes

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), (b"content-type", self.content_type)]
        for name, value in (headers or {}).items():
            self.raw_headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))


class JSONAnswer(QuickHeaders, JSONResponse):
    """Starlette's JSONResponse, encoded by orjson."""

    content_type = b"application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


class HTMLAnswer(QuickHeaders, HTMLResponse):
    """Starlette's HTMLResponse."""

    content_type = b"text/html; charset=utf-8"
