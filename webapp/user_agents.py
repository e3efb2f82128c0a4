"""What a client's User-Agent says, in words."""

import functools


@functools.lru_cache(maxsize=1000)
def in_words(user_agent: str) -> str:
    """Return the browser and the system that a User-Agent names, such as "Firefox on Linux"."""
    from ua_parser import parse  # only here: it takes long to import

    found = parse(user_agent)
    browser = found.user_agent.family if found.user_agent else user_agent.split("/")[0] or "An unnamed program"
    words = f"{browser} on {found.os.family}" if found.os else browser
    return "".join(sign if sign.isprintable() else "?" for sign in words)
