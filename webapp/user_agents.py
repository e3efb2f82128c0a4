"""What a client's User-Agent says, in words."""

import functools

LONGEST = 255


def kept(user_agent: str) -> str:
    """Return as much of a User-Agent as is kept, with a question mark for what cannot be shown."""
    return printable(user_agent[:LONGEST])


@functools.lru_cache(maxsize=1000)
def in_words(user_agent: str) -> str:
    """Return the browser and the system that a User-Agent names, such as "Firefox on Linux"."""
    from ua_parser import parser  # only here: it takes long to import

    program, system = parser.parse_user_agent(user_agent), parser.parse_os(user_agent)
    browser = program.family if program else user_agent.split("/")[0] or "An unnamed program"
    return printable(f"{browser} on {system.family}" if system else browser)


def printable(text: str) -> str:
    """Return a text with a question mark for each character that cannot be shown, or kept by every database."""
    return "".join(character if character.isprintable() else "?" for character in text)
