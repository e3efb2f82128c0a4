"""Requests of just under 64 KB that are made to be slow to answer, generated from a seed.

Each is sent with another mark in it, so that nothing that is remembered hides what it costs.
"""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote_from_bytes, unquote

LONG = 60_000
# Stands in every request, and is another one each time it is sent.
MARK = "0123456789ab"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
SID = "A" * 22

# Every address that reads a body, with the fields that it knows; {emp_no} is an employee's number.
FORMS = {
    "POST /auth/token": ("username", "password", "next"),
    "POST /api/login": ("username", "password"),
    "POST /api/refresh": ("grant_type", "refresh_token"),
    "POST /auth/logout": ("next",),
    "POST /api/logout": ("token", "refresh_token"),
    "POST /auth/link": ("token", "new_password"),
    "POST /api/link": ("token", "new_password"),
    "POST /auth/forgot": ("email",),
    "POST /api/forgot": ("email",),
    "POST /auth/set-up": ("token", "email", "first_name", "last_name", "new_password"),
    "POST /api/set-up": ("token", "email", "first_name", "last_name", "new_password"),
    "PATCH /api/me": ("preferred_name", "about"),
    "POST /admin/me": ("preferred_name", "about"),
    "POST /auth/tokens": ("name", "scopes", "ends"),
    "POST /api/tokens": ("name", "scopes", "ends"),
    "POST /auth/password": ("current_password", "new_password"),
    "POST /api/password": ("current_password", "new_password"),
    "POST /notes": ("text",),
    "POST /notes/1": ("text",),
    "POST /employees": ("email", "first_name", "last_name", "birth_date", "gender", "hire_date"),
    "POST /api/employees": ("email", "first_name", "last_name", "birth_date", "gender", "hire_date"),
    "POST /employees/{emp_no}/edit": ("email", "first_name", "last_name", "birth_date", "hire_date", "version"),
    "PATCH /api/employees/{emp_no}": ("email", "first_name", "last_name", "birth_date", "gender", "version"),
    "PUT /api/employees/{emp_no}": ("email", "first_name", "last_name", "birth_date", "gender", "version"),
    "POST /employees/{emp_no}/scopes": ("scopes", "version"),
    "PUT /api/employees/{emp_no}/scopes": ("scopes", "version"),
    "POST /nowhere": ("a", "x-expected-format"),
}
# Fields that are right beside the one that is not.
GOOD = {
    "username": "somebody@example.com",
    "password": "some password or other",
    "grant_type": "refresh_token",
    "refresh_token": "x",
    "email": "new@example.com",
    "first_name": "Ann",
    "last_name": "Lee",
    "current_password": "some password or other",
    "new_password": "quite another set of words",
    "name": "backup",
    "scopes": "user:read",
    "ends": "2030-01-01",
    "text": "A note",
    "version": "1",
}


@dataclass(frozen=True, slots=True)
class Hostile:
    """A request, and what is hostile in it."""

    name: str
    method: str = "GET"
    path: bytes = b"/"
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def anew(self, number: int) -> "Hostile":
        """Return a request that is as long and as hostile, and has not been sent before."""
        old, new = MARK.encode(), b"%012x" % number
        headers = [(name, value.replace(old, new)) for name, value in self.headers]
        path, query = self.path.replace(old, new), self.query.replace(old, new)
        return replace(self, path=path, query=query, headers=headers, body=self.body.replace(old, new))


def filled(piece: str, size: int = LONG) -> str:
    """Return a piece of text again and again, as far as its bytes go."""
    return piece * (size // len(piece.encode("utf-8", "surrogatepass")))


def texts(rng: random.Random, size: int = LONG) -> dict[str, str]:
    """Return texts that are slow to compose, fold, split, escape, count or look at."""
    mark = MARK
    marks = ["\u0301", "\u0316", "\u0323", "\u0345", "\u093c", "\u05b0", "\u0334"]
    pieces = {
        "letters": "a",
        "digits": "9",
        "spaces": " ",
        "words": "ab ",
        "marks": "\u0301",
        "marks in turn": "\u0301\u0316",
        "marks of many classes": "".join(reversed(marks)),
        "letters with marks": "a\u0316\u0301",
        "composed": "\u1ea5",
        "jamo": "\u1112\u1161\u11ab",
        "ligatures": "\ufdfa",
        "foreign": "张",
        "emoji": "👩\u200d💻",
        "invisible": "\u200b",
        "control": "\x01",
        "line feeds": "\n",
        "carriage returns": "\r",
        "tabs": "\t",
        "separators": "\u2028",
        "markup": "<'\"&>",
        "quotes": '"',
        "backslashes": "\\",
        "dots": "a.",
        "ats": "@",
        "commas": "a,",
        "semicolons": ";q=1",
        "minus": "-",
        "slashes": "/",
        "scopes": "user:read ",
        "unknown scopes": "".join(f"s{number} " for number in range(3000)),
        "dates": "2030-01-01 ",
        "repeated": "abcabc1",
        "leet": "p4$$w0rd@",
        "percent": "%41",
        "templates": "{{7*7}}",
    }
    long = {name: mark + filled(piece, size - 20) for name, piece in pieces.items()}
    short = {name: mark + filled(piece, 380) for name, piece in pieces.items()}
    shorter = {f"{name}, fifty": mark + piece * 40 for name, piece in pieces.items() if len(piece) < 9}
    return {**long, **{f"{name}, short": text for name, text in short.items()}, **shorter, **emails(mark, size)}


def emails(mark: str, size: int = LONG) -> dict[str, str]:
    """Return texts that email_validator and idna take long for."""
    dots, marks, joiners = "a." * (size // 2 - 20), "\u0301\u0316" * 90, "क्\u200d" * 60
    return {
        "email of dots": f"{mark}@{dots}com",
        "email of short labels": f"{mark}@{'a.' * 120}com",
        "email of punycode": f"{mark}@{'xn--a-0ga.' * (size // 10 - 5)}com",
        "email of short punycode": f"{mark}@xn--{'a' * 200}-0ga.com",
        "email of punycode labels": f"{mark}@{'xn--bcher-kva.' * 16}com",
        "email of marks": f"{mark}@a{marks}.com",
        "email of foreign labels": f"{mark}@{'ü.' * 80}com",
        "email of a long foreign label": f"{mark}@{'ü' * 200}.com",
        "email of right-to-left labels": f"{mark}@{'א.' * 80}com",
        "email of foreign dots": f"{mark}@{'a。' * 60}com",
        "email of joiners": f"{mark}@{joiners}.com",
        "email of compatible letters": f"{mark}@{'ﷺ' * 60}.com",
        "email in quotes": f'"{mark}{" " * 200}"@example.com',
        "email of quoted pairs": '"' + r"x" * 100 + f'{mark}"@example.com',
        "email of comments": f"{mark}{'(' * 200}@example.com",
        "email of an address": f"{mark}@[IPv6:{'1:' * 100}]",
        "email with a name": f"{mark} <{'a' * 100}@example.com>",
        "email with a long local part": f"{dots}{mark}@example.com",
        "email with a foreign local part": f"{mark}{marks}@example.com",
        "email of ats": f"{mark}{'@' * (size - 30)}",
        "email with long plus": f"{mark}+{'-' * (size - 100)}@example.com",
        "email of hyphens": f"{mark}@{'a-' * 100}a.com",
    }


def encoded(fields: list[tuple[str, str]], kind: str) -> tuple[str, bytes]:
    """Return the type and the bytes of a body with some fields."""
    if kind == "form":
        pairs = [f"{quote(name)}={quote(value)}" for name, value in fields]
        return FORM, "&".join(pairs).encode()
    if kind == "escaped form":
        pairs = [f"{name}={quote_from_bytes(value.encode(), safe='')}" for name, value in fields]
        return FORM, "&".join(pairs).encode()
    if kind == "multipart":
        parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields]
        return MULTIPART, ("".join(parts) + "--b--\r\n").encode()
    is_escaped = kind == "escaped JSON" or any("\ud800" <= sign <= "\udfff" for _, value in fields for sign in value)
    return "application/json", json.dumps(dict(fields), ensure_ascii=is_escaped).encode()


def quote(text: str) -> str:
    """Return a text for a form, with no more escapes than are needed."""
    return text.replace("%", "%25").replace("&", "%26").replace("+", "%2B").replace("=", "%3D")


KINDS = ("form", "escaped form", "multipart", "JSON", "escaped JSON")


def fields_of_forms(rng: random.Random) -> Iterator[Hostile]:
    """Yield a form of each address with each text, in one of its fields and one of the encodings."""
    for route, names in FORMS.items():
        method, path = route.split()
        for name, text in texts(rng).items():
            hostile, kind = rng.choice(names), rng.choice(KINDS)
            fields = [(known, text if known == hostile else GOOD.get(known, "x")) for known in names]
            content_type, body = encoded(fields, kind)
            yield Hostile(
                f"{route} {hostile}: {name} ({kind})",
                method,
                path.encode(),
                headers=[(b"content-type", content_type.encode())],
                body=body[:65_500],
            )


def bodies(rng: random.Random) -> Iterator[tuple[str, str, bytes]]:
    """Yield bodies that are slow to take apart: their names, types and bytes."""
    n = MARK.encode()
    for piece in (b"a&", b"&", b"a=&", b"=", b"=&", b";", b"%", b"%&", b"+", b"a=1&a=2&", b"%41", b"%zz", b"%ff", b"\xff", b"%00", b"&&&=",
                  b"x-expected-format&", b"x-expected-format=&", b"\x00", b"%C3%A4", b"\r\n"):  # fmt: skip
        yield f"form of {piece!r}", FORM, n + b"=1&" + piece * (65_000 // len(piece))
        yield (
            f"form of {piece!r} that tells the format",
            FORM,
            b"x-expected-format&" + n + piece * (64_900 // len(piece)),
        )
        yield (
            f"form of {piece!r} in a value",
            FORM,
            b"x-expected-format=a&text=" + n + piece.replace(b"&", b"") * (64_900 // len(piece)),
        )
        yield (
            f"form of {piece!r} in a name",
            FORM,
            n + piece.replace(b"&", b"").replace(b"=", b"") * (64_900 // len(piece)) + b"=x-expected-format",
        )
    few = b"&".join(b"%d=%s" % (number, b"%41" * 430) for number in range(48))
    yield "form of 48 escaped fields", FORM, few + b"&x-expected-format=1"
    yield (
        "form of 48 names",
        FORM,
        b"&".join(b"%d%s=" % (number, b"%41" * 430) for number in range(48)) + b"&x-expected-format=1",
    )
    yield from json_bodies(n)
    yield from multipart_bodies(n)


def json_bodies(n: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Yield bodies of JSON."""
    kinds = {
        "arrays in arrays": b"[" * 65_000,
        "closed arrays": b"[" * 32_000 + b"]" * 32_000,
        "900 arrays": b'{"text":' + b"[" * 900 + b"]" * 900 + b"}",
        "objects in objects": b'{"a":' * 12_000,
        "900 objects": b'{"a":' * 900 + b"1" + b"}" * 900,
        "a long number": b'{"text":' + b"9" * 60_000 + b"}",
        "a number of 4,300 digits": b'{"text":[' + b",".join([b"9" * 4300] * 14) + b"]}",
        "a number of 600 digits": b'{"text":[' + b",".join([b"9" * 600] * 100) + b"]}",
        "small numbers": b'{"text":[' + b"1," * 30_000 + b"1]}",
        "floats": b'{"text":[' + b"1e9," * 15_000 + b"1]}",
        "long floats": b'{"text":[' + b"1." + b"1" * 60_000 + b"]}",
        "negative numbers": b'{"text":[' + b"-1," * 20_000 + b"1]}",
        "nulls": b'{"scopes":[' + b"null," * 12_000 + b"null]}",
        "texts": b'{"scopes":[' + b'"",' * 20_000 + b'""]}',
        "objects": b'{"scopes":[' + b"{}," * 20_000 + b"{}]}",
        "arrays": b'{"scopes":[' + b"[]," * 20_000 + b"[]]}",
        "members": b"{" + b",".join(b'"%d":1' % number for number in range(6_500)) + b"}",
        "members named alike": b"{" + b",".join([b'"a":1'] * 10_000) + b"}",
        "members of members": b'{"a":{' + b",".join(b'"%d":1' % number for number in range(6_500)) + b"}}",
        "members with marks": b"{" + b",".join(b'"\\u0301\\u0316%d":1' % number for number in range(3_000)) + b"}",
        "escapes": b'{"text":"' + b"\\u0301" * 10_000 + b'"}',
        "escapes in turn": b'{"text":"' + b"\\u0301\\u0316" * 5_000 + b'"}',
        "surrogates": b'{"text":"' + b"\\ud800" * 10_000 + b'"}',
        "pairs": b'{"text":"' + b"\\ud83d\\ude00" * 5_000 + b'"}',
        "short escapes": b'{"text":"' + b"\\n" * 30_000 + b'"}',
        "an escaped name": b'{"' + b"\\u0041" * 10_000 + b'":1}',
        "a name with marks": b'{"' + "\u0301\u0316".encode() * 15_000 + b'":1}',
        "no end": b'{"text":"' + b"a" * 60_000,
        "no end of escapes": b'{"text":"' + b"\\" * 60_001,
        "spaces": b" " * 65_000 + b"{}",
        "spaces within": b"{" + b" " * 65_000 + b"}",
        "NaN": b'{"text":[' + b"NaN," * 15_000 + b"1]}",
        "nothing": b"\x00" * 65_000,
        "UTF-16": ("{" + '"a":"b",' * 4_000).encode("utf-16"),
        "broken UTF-8": b'{"text":"' + b"\xff" * 60_000 + b'"}',
        "a byte order mark": b"\xef\xbb\xbf" * 20_000,
    }
    for name, body in kinds.items():
        yield f"JSON: {name}", "application/json", body.replace(b'{"text"', b'{"%s":"","text"' % n)


def multipart_bodies(n: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Yield bodies in the form that carries files."""
    head = b'--b\r\nContent-Disposition: form-data; name="a"\r\n'
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="a%d"; filename="f"\r\n\r\n\r\n'
    kinds = {
        "parts": part * 1_200 + b"--b--",
        "tiny parts": b"--b\r\n\r\n\r\n" * 6_500,
        "files": b"".join(file % number for number in range(900)) + b"--b--",
        "headers": head + b"A: b\r\n" * 10_000 + b"\r\n\r\n--b--",
        "headers without names": head + b":\r\n" * 20_000 + b"\r\n\r\n--b--",
        "a long header": head + b"A: " + b"b" * 60_000 + b"\r\n\r\n\r\n--b--",
        "parameters": b"--b\r\nContent-Disposition: form-data" + b"; a=b" * 12_000 + b"\r\n\r\n\r\n--b--",
        "a long filename": head[:-2] + b'; filename="' + b"f" * 60_000 + b'"\r\n\r\n\r\n--b--',
        "quotes in a filename": head[:-2] + b'; filename="' + b'\\"' * 30_000 + b'"\r\n\r\n\r\n--b--',
        "a long name": b'--b\r\nContent-Disposition: form-data; name="' + b"n" * 60_000 + b'"\r\n\r\n\r\n--b--',
        "no end": head + b"\r\n" + b"a" * 60_000,
        "line ends": head + b"\r\n" + b"\r\n" * 30_000,
        "carriage returns": head + b"\r\n" + b"\r" * 60_000,
        "dashes": head + b"\r\n" + b"\r\n--" * 15_000,
        "almost boundaries": head + b"\r\n" + b"\r\n-" * 20_000,
        "boundaries": b"--b\r\n" * 12_000,
        "boundaries without lines": b"--b" * 20_000,
        "an encoding": head + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=" * 60_000 + b"\r\n--b--",
        "quoted-printable": head
        + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        + b"=41" * 20_000
        + b"\r\n--b--",
        "49 parts of line ends": (head + b"\r\n" + b"\r\n" * 600 + b"\r\n") * 49 + b"--b--",
    }
    for name, body in kinds.items():
        yield f"multipart: {name}", MULTIPART, body.replace(b'name="a', b'name="' + n)
    for boundary in ("-", "a" * 1_000, "a" * 70, '"' + "\\" * 1_000 + '"', ""):
        yield (
            f"multipart: boundary {boundary[:5]}",
            f"multipart/form-data; boundary={boundary}",
            (f"--{boundary}\r\n" * 30_000).encode()[:65_000],
        )
    yield "multipart: type with parameters", "multipart/form-data" + "; a=b" * 5_000, part
    yield "multipart: type of semicolons", "multipart/form-data" + ";" * 30_000, part
    yield "multipart: type of quotes", 'multipart/form-data; a="' + '\\"' * 15_000, part
    yield "a long type", "a" * 32_000, b"x-expected-format=1"
    yield "a form's type with parameters", FORM + "; a=b" * 6_000, b"x-expected-format=1"
    yield (
        "a form's type of continuations",
        FORM + "".join(f"; a*{number}=b" for number in range(2_500)),
        b"x-expected-format=1",
    )


def whole_bodies(rng: random.Random) -> Iterator[Hostile]:
    """Yield each body to some addresses that read one, and to one that does not exist."""
    routes = list(FORMS)
    for name, content_type, body in bodies(rng):
        for route in ("POST /nowhere", "POST /api/login", "PATCH /api/me", "POST /auth/tokens", rng.choice(routes)):
            method, path = route.split()
            headers = [(b"content-type", content_type.encode("latin-1"))]
            yield Hostile(f"{route}: {name}", method, path.encode(), headers=headers, body=body[:65_500])


def headers_of(rng: random.Random) -> Iterator[tuple[str, list[tuple[bytes, bytes]]]]:
    """Yield headers of some 32 KB."""
    n = MARK.encode()
    token = b"a" * 22 + b".b.c"
    deep = b"WyJb" * 1_000
    values = {
        "accept": [b"text/html;q=0.1,", b"*/*,", b",", b";", b";q=0,", b"application/json;q=0.5,", b"a/b;a=b;c=d;q=1,", b"q=", b" ", b"application/*,",
                   b"text/html" + b";q=1" * 200 + b",", b"*/*;q=1" + b"1" * 400 + b","],
        "cookie": [b"a=b;", b";", b"=", b"session;", b"session=x;", b"latchkey-session=x;", b"session=" + token + b";", b"latchkey-session=a.b.c;",
                   b"message=a.b.c;", b"latchkey-message=a.b.c; ", b"__Host-latchkey-session=x;", b"latchkey-browser=a.b.c;", b" ", b"\t", b"session=" + b"a" * 4_000 + b";"],
        "authorization": [b"Bearer " + b"a" * 4_000, b"Bearer ", b"Bearer " + b"." * 4_090, b"Bearer " + deep + b"." + deep[:90] + b".c", b"Basic ", b"Bearer a.b.c,", b" "],
        "user-agent": [b"Mozilla/5.0 (", b"x", b"(;", b"a/", b"\xff", b"Chrome/1 Safari/1 ", b"Android 1; ", b"Windows NT 1.1;", b"iPhone OS 1_", b"1.", b" "],
        "if-match": [b'"1",', b'"', b"*,", b'W/"1",', b"1", b" "],
        "if-none-match": [b'"1",', b'W/"1", ', b"*,"],
        "if-modified-since": [b"Mon, 01 Jan 2024 00:00:00 GMT ", b"1 ", b"("],
        "range": [b"0-1,", b"-", b"bytes=0-0,", b"9"],
        "hx-current-url": [b"http://testserver/", b"/", b"a?", b"#", b"[", b"@", b":", b"%41", b"\xe4", b"http://testserver/a?b=" + b"%41" * 600],
        "hx-target": [b"#", b"relogin#", b"a"],
        "x-forwarded-for": [b"1.2.3.4,", b",", b"::1,", b"unknown, ", b"1", b"[::1]:80,"],
        "x-forwarded-proto": [b"https,", b","],
        "forwarded": [b"for=1.2.3.4;proto=https,", b'for="[::1]:80",', b";", b'for="' + b"\\" * 300, b","],
        "x-expected-format": [b"application/json,", b"a"],
        "origin": [b"http://", b"a://testserver", b":"],
        "sec-fetch-site": [b"same-origin,", b"a"],
        "host": [b"testserver", b"testserver:", b"a."],
        "accept-language": [b"en;q=0.1,"],
        "accept-encoding": [b"gzip;q=0.1,", b","],
        "content-length": [b"1"],
        "transfer-encoding": [b"chunked,"],
    }  # fmt: skip
    for name, pieces in values.items():
        for piece in pieces:
            value = piece * max(1, 31_000 // len(piece))
            if name == "authorization" and piece.startswith(b"Bearer ") and len(piece) > 100:
                value = piece
            yield (
                f"{name}: {piece[:30]!r}",
                [(name.encode(), (value[:-20] + n) if name != "content-length" else value[:4000])],
            )
    yield (
        "parts of a file",
        [(b"range", b"bytes=" + b",".join(b"%d-%d" % (first, first) for first in range(0, 200, 2)))],
    )
    yield "authorization twice", [(b"authorization", b"Bearer a.b.c")] * 1_000
    yield "many headers", [(b"x%d" % number, n) for number in range(2_500)]
    yield "many short headers", [(b"a", b"")] * 7_000
    yield "many cookies", [(b"cookie", b"session=x")] * 1_800
    yield "many of our cookies", [(b"cookie", b"latchkey-session=x.y.z")] * 1_000
    yield "many accepts", [(b"accept", b"*/*;q=0.1")] * 1_500
    yield "many addresses", [(b"x-forwarded-for", b"1.2.3.4")] * 1_200
    yield "many formats", [(b"x-expected-format", n)] * 1_000


def heads(rng: random.Random) -> Iterator[Hostile]:
    """Yield requests with hostile headers."""
    for name, headers in headers_of(rng):
        for route in ("GET /", "GET /api/me", "GET /auth/relogin", "POST /auth/token", "GET /static/style.css",
                      "PATCH /api/employees/{emp_no}", "GET /auth/sign-ins"):  # fmt: skip
            method, path = route.split()
            body = (
                b'{"first_name":"Ann","version":1}'
                if method == "PATCH"
                else b"username=a%40b.c&password=x"
                if method == "POST"
                else b""
            )
            content_type = b"application/json" if method == "PATCH" else FORM.encode()
            typed = [(b"content-type", content_type)] if body else []
            yield Hostile(f"{route} {name}", method, path.encode(), headers=[*typed, *headers], body=body)


def queries(rng: random.Random) -> Iterator[Hostile]:
    """Yield queries of some 8 KB, the most that an address may have, and search words that are as long as they may be."""
    n = MARK.encode()
    for piece in (
        b"a&",
        b"&",
        b"=",
        b"a=b&",
        b"%",
        b"%41",
        b"%ff",
        b"+",
        b";",
        b"q=a&",
        b"next=/&",
        b"token=a&",
        b"\xff",
    ):
        for path in (
            b"/employees",
            b"/api/employees",
            b"/auth/login",
            b"/auth/link",
            b"/auth/set-up",
            b"/employees/{emp_no}/log",
            b"/nowhere",
            b"/",
            b"/notes",
        ):
            yield Hostile(
                f"query of {piece!r} to {path.decode()}", path=path, query=n + b"&" + piece * (8_000 // len(piece))
            )
            value = piece.replace(b"&", b"").replace(b"=", b"") or b"a"
            value = n + value * (8_000 // len(value))
            yield Hostile(
                f"value of {piece!r} to {path.decode()}",
                path=path,
                query=b"q=%b&next=/%b&token=%b" % (value[:2_600], value[:2_600], value[:2_600]),
            )
    for name, text in texts(rng, 8_000).items():
        value = quote_from_bytes(text.encode()).encode()[:8_000]
        for path, parameter in ((b"/employees", b"q"), (b"/api/employees", b"q"), (b"/auth/login", b"next"), (b"/auth/link", b"token"),
                                (b"/employees/{emp_no}/log", b"before"), (b"/notes", b"before"), (b"/notes", b"after"), (b"/api/employees", b"after"), (b"/api/employees", b"sort")):  # fmt: skip
            yield Hostile(f"{path.decode()} {parameter.decode()}: {name}", path=path, query=parameter + b"=" + value)
    for words in ("a b c d e f", "9 8 7 6 5 4", "ann lee@ example", "@ @ @ @ @ @", " ".join(f"w{number}" for number in range(60)), "ß" * 200, "ﷺ" * 200, "a@" * 100,
                  "ﷺ@ " * 66, "张 " * 100, "%_/" * 66, "1 " * 100, "💯" * 200, "e\u0301" * 100):  # fmt: skip
        text = f"{words} {n.decode()[:2]}"
        for path in (b"/employees", b"/api/employees"):
            for sort in (b"name", b"-hired", b"number"):
                yield Hostile(
                    f"search {words[:20]}",
                    path=path,
                    query=b"q=" + quote_from_bytes(text.encode()).encode() + b"&sort=" + sort,
                )


def paths(rng: random.Random) -> Iterator[Hostile]:
    """Yield paths of some 8 KB, the most that an address may have."""
    n = MARK.encode()
    for piece in (
        b"/",
        b"a",
        b"a/",
        b"%41",
        b"%2f",
        b"%00",
        b"%ff",
        b"%C3%A4",
        b"../",
        b"./",
        b"\\",
        b"%0a",
        b"9",
        b"//",
        b";",
        b"~",
        b"%E2%80%A8",
        b"%",
    ):
        for before in (
            b"/",
            b"/static/",
            b"/api/",
            b"/employees/",
            b"/notes/",
            b"/auth/sign-ins/",
            b"/employees/{emp_no}/",
            b"/static/0123456789abcdef/",
        ):
            for after in (b"", b"/end", b"/edit"):
                path = before + n + piece * (8_000 // len(piece)) + after
                yield Hostile(
                    f"path {before.decode()} of {piece!r} {after.decode()}",
                    rng.choice(["GET", "GET", "POST", "PATCH", "HEAD", "DELETE"]),
                    path,
                )
    yield Hostile("a long method", "A" * 30_000, b"/api/me")


def pages(rng: random.Random) -> Iterator[Hostile]:
    """Yield each page that shows what others have done."""
    for path in ("/auth/sign-ins", "/api/sign-ins", "/employees/{emp_no}", "/api/employees/{emp_no}/sign-ins", "/employees/{emp_no}/log",
                 "/notes", "/admin/me", "/employees?limit=100", "/employees?limit=100&sort=-hired", "/employees/{emp_no}/edit", "/employees/{emp_no}/scopes", "/auth/home",
                 "/auth/password", "/auth/forgot", "/employees/new", "/auth/relogin"):  # fmt: skip
        only_path, _, query = path.partition("?")
        yield Hostile(f"page {path}", path=only_path.encode(), query=query.encode())


def scope_of(hostile: Hostile, headers: dict[str, str], emp_no: int, number: int) -> dict[str, Any]:
    """Return the scope that uvicorn makes of a request, each from another address."""
    raw_path = hostile.path.replace(b"{emp_no}", b"%d" % emp_no)
    said = {name for name, _ in hostile.headers}
    length = {"content-length": str(len(hostile.body))} if hostile.body else {}
    usual = {
        name.lower().encode(): value.encode() for name, value in {"host": "testserver", **headers, **length}.items()
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": hostile.method,
        "raw_path": raw_path,
        "path": unquote(raw_path.decode("latin-1")),
        "root_path": "",
        "query_string": hostile.query,
        "scheme": "http",
        "server": ("testserver", 80),
        "client": (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 1),
        "headers": [*((name, value) for name, value in usual.items() if name not in said), *hostile.headers],
        "state": {},
    }


async def cost_of(app: Any, scope: dict[str, Any], body: bytes) -> tuple[int, float]:
    """Return the status of an answer and how many seconds of the processor this thread needed for it."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop() if waiting else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    began = time.thread_time()
    await app(scope, receive, send)
    return sent[0]["status"], time.thread_time() - began


def every(seed: int) -> Iterator[Hostile]:
    """Yield every hostile request."""
    rng = random.Random(seed)  # noqa: S311  these are no secrets
    for kind in (pages, fields_of_forms, whole_bodies, heads, queries, paths):
        yield from kind(rng)
