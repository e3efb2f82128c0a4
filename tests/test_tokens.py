"""Reading a token: whatever is not exactly ours is refused, with 401 and nothing else."""

import jwt
import pytest

from tests.conftest import API, client_like, session_of
from tests.hostile_tokens import HEADER, good_claims, hostile_tokens, signed
from webapp.auth import tokens
from webapp.auth.keys import SIGNING_KEY, SIGNING_KEY_ID


@pytest.fixture
def sign_in(browser):
    """A living sign-in: its token, id and employee."""
    token = session_of(browser)
    claims = jwt.decode(token, options={"verify_signature": False})
    return token, claims["sid"], int(claims["sub"])


def status_by_header(client, token):
    return client.get("/api/me", headers=[(b"authorization", b"Bearer " + token.encode("latin-1"))]).status_code


def status_by_cookie(client, token):
    return client.get("/api/me", headers=[(b"cookie", b"latchkey-session=" + token.encode("latin-1"))]).status_code


def test_good_tokens_are_good(anonymous, sign_in):
    token, sid, emp_no = sign_in
    client = client_like(anonymous, API)
    made_by_hand = signed(HEADER, good_claims(sid, emp_no))
    without_scopes = signed(HEADER, good_claims(sid, emp_no, scopes=...))
    for good in (token, made_by_hand, without_scopes):
        assert status_by_header(client, good) == 200
        assert status_by_cookie(client, good) == 200


def test_hostile_tokens_are_refused_in_the_header_and_in_the_cookie(anonymous, sign_in):
    client = client_like(anonymous, API)
    corpus = list(hostile_tokens(*sign_in))
    let_in = [what for what, token in corpus if status_by_header(client, token) != 401]
    let_in += [what for what, token in corpus if status_by_cookie(client, token) != 401]
    assert let_in == []
    assert len(corpus) > 250
    assert status_by_header(client, sign_in[0]) == 200


def test_only_token_errors_leave_the_reader(sign_in):
    for what, token in hostile_tokens(*sign_in):
        try:
            claims = tokens.read_token(token)
        except tokens.TokenError:
            continue
        # A right token of somebody else, or of no sign-in: the sign-in is asked for next.
        assert (claims.sid, claims.emp_no) != sign_in[1:], what


def test_a_token_is_verified_once(sign_in):
    for _ in range(3):
        tokens.read_token(sign_in[0])
    assert tokens.verified.cache_info().misses == 1


def test_refused_tokens_are_not_remembered(sign_in):
    tokens.read_token(sign_in[0])
    before = tokens.verified.cache_info().currsize
    for number in range(50):
        with pytest.raises(tokens.TokenError):
            tokens.read_token(f"{sign_in[0]}{number}")
    assert tokens.verified.cache_info().currsize == before


def test_a_token_says_what_the_design_says(sign_in):
    token, _, emp_no = sign_in
    claims = jwt.decode(token, SIGNING_KEY, algorithms=["HS256"], audience="latchkey", issuer="latchkey")
    assert claims.keys() == {"iss", "aud", "sub", "sid", "iat", "exp", "scopes"}
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "at+jwt", "kid": SIGNING_KEY_ID}
    assert claims["sub"] == str(emp_no)
    assert claims["exp"] - claims["iat"] == 1800


def test_a_token_falls_at_its_expiry_to_the_second(moved_clock, sign_in):
    expires = tokens.read_token(sign_in[0]).expires
    moved_clock.time = expires - 0.01
    assert tokens.read_token(sign_in[0])
    moved_clock.time = expires
    with pytest.raises(tokens.TokenExpired):
        tokens.read_token(sign_in[0])
