"""Latchkey: one set of plain Starlette routes for browsers, HTMX and API clients."""
