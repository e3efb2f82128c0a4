"""The templates, and what they can call: a time in words, the address of a static file."""

import functools
from datetime import datetime

import jinja2
from markupsafe import Markup

from webapp import mail, settings, static_files

templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(settings.ROOT / "templates"),
    autoescape=True,
    auto_reload=False,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

# A page has up to 450 of them, the same each time it is shown.
TIMES_REMEMBERED = 10_000


@functools.lru_cache(maxsize=TIMES_REMEMBERED)
def in_words(iso_time: str) -> str:
    """Return a time for people."""
    read = datetime.fromisoformat(iso_time)
    return f"{read.day} {read:%b %Y, %H:%M} UTC"


@functools.lru_cache(maxsize=TIMES_REMEMBERED)
def when(iso_time: str) -> Markup:
    """Return a time for people, and for machines in its `datetime`."""
    return Markup('<time datetime="{}">{}</time>').format(iso_time, in_words(iso_time))


templates.filters.update(when=when, in_words=in_words)
templates.globals.update(static=static_files.files.address, mail_is_on=mail.is_on)
