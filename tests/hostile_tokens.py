"""Tokens that somebody would make who wants to be let in: each is (what it is, its text)."""

import base64
import hashlib
import hmac
import itertools
import json
import time

from webapp.auth.keys import SIGNING_KEY, SIGNING_KEY_ID

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
HEADER = {"alg": "HS256", "typ": "at+jwt", "kid": SIGNING_KEY_ID}
SEGMENTS = ("header", "payload", "signature")


def b64(data):
    """Return bytes, or something made JSON, in base64url."""
    if not isinstance(data, bytes):
        data = data.encode() if isinstance(data, str) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header, payload, key=SIGNING_KEY, algorithm="HS256"):
    """Return a token with a right signature over whatever header and payload."""
    text = f"{b64(header)}.{b64(payload)}"
    return f"{text}.{b64(hmac.new(key, text.encode(), HASHES[algorithm]).digest())}"


def good_claims(sid, emp_no, /, **changes):
    """Return the claims of a good token, with changes; a change to `...` takes the claim away."""
    now = int(time.time())
    claims = {
        "iss": "latchkey",
        "aud": "latchkey",
        "sub": str(emp_no),
        "sid": sid,
        "iat": now,
        "exp": now + 600,
        "scopes": ["user:read"],
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


def hostile_tokens(good, sid, emp_no):
    """Yield every hostile token, given a good one of a living sign-in."""
    claims = good_claims(sid, emp_no)
    yield from algorithms(good, claims)
    yield from signatures(good, claims)
    yield from headers(claims)
    yield from changed_claims(sid, emp_no)
    yield from not_json(claims)
    yield from shapes(good)


def algorithms(good, claims):
    _, payload, signature = good.split(".")
    for name in map("".join, itertools.product("nN", "oO", "nN", "eE")):
        for end in ("", signature):
            yield f"alg {name}", f"{b64({**HEADER, 'alg': name})}.{payload}.{end}"
    for name in ("HS384", "HS512"):
        yield f"{name}, right key", signed({**HEADER, "alg": name}, claims, algorithm=name)
        yield f"{name} said, HS256 done", signed({**HEADER, "alg": name}, claims)
        yield f"HS256 said, {name} done", signed(HEADER, claims, algorithm=name)
    for name in (
        "RS256",
        "ES256",
        "PS256",
        "EdDSA",
        "hs256",
        "HS256 ",
        "HS-256",
        "HMACSHA256",
        "",
        "b64",
        "HS1",
        "A128KW",
    ):
        yield f"alg {name!r}", signed({**HEADER, "alg": name}, claims)
    for value in (None, 0, True, ["HS256"], {"HS256": 1}):
        yield f"alg {value!r}", signed({**HEADER, "alg": value}, claims)


def signatures(good, claims):
    header, payload, signature = good.split(".")
    yield "no signature", f"{header}.{payload}."
    yield "no signature, no dot", f"{header}.{payload}"
    for position in (0, 10, 20, 41, 42):
        for letter in "AQgw_-":
            if signature[position] != letter:
                flipped = signature[:position] + letter + signature[position + 1 :]
                yield f"flipped at {position}", f"{header}.{payload}.{flipped}"
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for letter in alphabet.replace(signature[-1], ""):
        yield f"last letter {letter}, perhaps for the same bytes", f"{header}.{payload}.{signature[:-1]}{letter}"
    yield "cut", f"{header}.{payload}.{signature[:-1]}"
    yield "cut in half", f"{header}.{payload}.{signature[:20]}"
    yield "zeros", f"{header}.{payload}.{b64(bytes(32))}"
    yield "too long", f"{header}.{payload}.{signature}AAAA"
    for key in (b"", b"secret", b"0" * 32, SIGNING_KEY + b"\0", SIGNING_KEY[:-1], SIGNING_KEY_ID.encode()):
        yield f"foreign key of {len(key)} bytes", signed(HEADER, claims, key=key)
    yield "payload swapped", f"{header}.{b64({**claims, 'sub': '1'})}.{signature}"


def headers(claims):
    extra = {
        "crit": ["exp"],
        "jwk": {"kty": "oct", "k": b64(b"0" * 32)},
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/cert",
        "x5c": ["MIIB"],
        "x5t": "AAAA",
        "b64": False,
        "cty": "JWT",
        "zip": "DEF",
        "enc": "A128GCM",
        "exp": 1,
    }
    for name, value in extra.items():
        yield f"header {name}", signed({**HEADER, name: value}, claims)
    for kid in (
        "",
        "0",
        "../../etc/passwd",
        "' OR 1=1 --",
        "/dev/null",
        SIGNING_KEY_ID.upper() + "A",
        None,
        0,
        [],
        {},
        True,
    ):
        yield f"kid {kid!r}", signed({**HEADER, "kid": kid}, claims)
    for typ in ("JWT", "AT+JWT", "at+jwt ", "application/at+jwt", "", None, 1, ["at+jwt"]):
        yield f"typ {typ!r}", signed({**HEADER, "typ": typ}, claims)
    for missing in HEADER:
        yield f"no {missing}", signed({name: value for name, value in HEADER.items() if name != missing}, claims)


def changed_claims(sid, emp_no):
    now = int(time.time())
    times = (..., None, "", str(now + 600), "9" * 20, True, 0, -1, 1e400, float(now + 600), [now + 600], {}, 10**30)
    wrong = {
        "exp": (*times, now, now - 1, 1),
        "iat": (*(value for value in times if value is not True), True, now + 60, now + 3600, now + 700),
        "sub": (..., None, "", "0", "-1", emp_no, float(emp_no), [str(emp_no)], f" {emp_no}", f"{emp_no} ", f"0{emp_no}",
                f"+{emp_no}", f"{emp_no}.0", "1", "99999", "9" * 400, "²", "१", "admin", True, {}),
        "sid": (..., None, "", sid[:-1], sid + "A", sid.swapcase(), [sid], {"id": sid}, 0, "A" * 22, "' OR ''='' -- AAAAAA",
                sid + "\n"),
        "iss": (..., None, "", "Latchkey", "latchkey ", "evil", ["latchkey"], 1, {}),
        "aud": (..., None, "", "Latchkey", "latchke", "latchkeys", "evil", ["latchkey"], ["latchkey", "evil"], 1, {}),
        "scopes": (None, "super:*", {"super:*": 1}, [1], [None], [["super:*"]], 1),
        "nbf": (now + 3600, "0", None, 1e400),
        "jti": ("1",),
        "cnf": ({"jkt": "x"},),
    }  # fmt: skip
    for claim, values in wrong.items():
        for value in values:
            yield f"{claim} {value!r}"[:60], signed(HEADER, good_claims(sid, emp_no, **{claim: value}))
    yield "exp before iat", signed(HEADER, good_claims(sid, emp_no, iat=now, exp=now - 10))


def not_json(claims):
    text = json.dumps(claims)
    twice = text[:-1] + ', "sub": "1"}'
    deep = "[" * 1000 + "]" * 1000
    spoilt = {
        "list": "[]",
        "list around": f"[{text}]",
        "string": '"x"',
        "number": "1",
        "null": "null",
        "true": "true",
        "empty": "",
        "white": " ",
        "cut": text[:-1],
        "trailing": text + "x",
        "two": text + text,
        "single quotes": text.replace('"', "'"),
        "BOM": "\ufeff" + text,
        "duplicate": twice,
        "deep": deep,
        "deep member": text[:-1] + f', "deep": {deep}}}',
        "NaN": text[:-1] + ', "exp": NaN}',
        "Infinity": text[:-1] + ', "x": Infinity}',
        "long number": text[:-1] + f', "x": {"9" * 2000}}}',
        "UTF-16": text.encode("utf-16"),
        "UTF-32": text.encode("utf-32"),
        "latin-1": text.replace("latchkey", "lätchkey").encode("latin-1"),
        "lone surrogate": text.replace("user:read", "\\ud800").encode() + b"\xed\xa0\x80",
        "escaped surrogate as sid": text.replace(claims["sid"], "\\ud800" * 22),
        "NUL": text + "\0",
        "not UTF-8": b"\xff\xfe\xff",
    }
    for what, payload in spoilt.items():
        yield f"payload {what}", signed(HEADER, payload)
    for what, header in {**spoilt, "duplicate": '{"alg":"HS256","alg":"HS256","typ":"at+jwt","kid":"x"}'}.items():
        yield f"header {what}", signed(header, claims)
    again = json.dumps(HEADER)[:-1] + f', "kid": "{SIGNING_KEY_ID}"}}'
    yield "header names kid twice", signed(again, claims)


def shapes(good):
    parts = good.split(".")
    for index, name in enumerate(SEGMENTS):
        for what, end in {
            "=": "=",
            "==": "==",
            "!": "!",
            "%": "%3D",
            "+": "+",
            "/": "/",
            "*": "*",
            "nbsp": "\xa0",
        }.items():
            yield f"{name} with {what}", ".".join([*parts[:index], parts[index] + end, *parts[index + 1 :]])
        yield f"no {name}", ".".join([*parts[:index], "", *parts[index + 1 :]])
    yield "empty", ""
    yield "dots", ".."
    yield "one part", parts[0]
    yield "four parts", good + ".AAAA"
    yield "five parts", "A.A.A.A.A"
    yield "a dot before", "." + good
    yield "very long", good + "A" * 5000
    yield "very long payload", signed(HEADER, {"x": "y" * 60_000})
    yield "itself twice", good + good
    yield "reversed", good[::-1]
    yield "JSON serialisation", json.dumps({"payload": parts[1], "protected": parts[0], "signature": parts[2]})
