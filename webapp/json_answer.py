"""JSON answers, encoded by orjson: the largest cost of an authenticated answer that is ours to choose."""

from typing import Any

import orjson
from starlette.responses import JSONResponse


class JSONAnswer(JSONResponse):
    """Starlette's JSONResponse with a faster encoder."""

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)
