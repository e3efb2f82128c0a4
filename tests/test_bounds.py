"""What is held is bounded, what is hostile evicts nothing, and hashing leaves the event loop free."""

import asyncio
import functools
import time
import tracemalloc

import pytest

from tests.conftest import PASSWORD, session_of
from tests.hostile_tokens import HEADER, good_claims, signed
from webapp import settings
from webapp.auth import passwords, tokens
from webapp.auth.held import Held, SignIn

ROOM = 50


@pytest.fixture
def small_memory(monkeypatch):
    """A worker that remembers a hundred tokens."""
    monkeypatch.setattr(tokens, "verified", functools.lru_cache(maxsize=ROOM)(tokens.verified.__wrapped__))


def read_many(first, count):
    """Read distinct good tokens."""
    for number in range(first, first + count):
        tokens.read_token(signed(HEADER, good_claims(f"{number:022d}", 10001)))


def test_distinct_good_tokens_leave_memory_flat(small_memory):
    tracemalloc.start()
    try:
        read_many(0, 2 * ROOM)
        before, _ = tracemalloc.get_traced_memory()
        read_many(10**6, 20 * ROOM)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert tokens.verified.cache_info().currsize == ROOM
    assert after < 1.5 * before


def test_a_hostile_stream_evicts_no_good_token(small_memory, browser):
    token = session_of(browser)
    tokens.read_token(token)
    for number in range(20 * ROOM):
        with pytest.raises(tokens.TokenError):
            tokens.read_token(f"{token[:-8]}{number:08d}")
    misses = tokens.verified.cache_info().misses
    tokens.read_token(token)
    assert tokens.verified.cache_info().misses == misses


def test_a_hostile_stream_evicts_no_held_sign_in(browser):
    from webapp.auth.held import held

    browser.get("/api/me")
    before = dict(held.sign_ins)
    for number in range(300):
        token = signed(HEADER, good_claims(f"{number:022d}", 10001))
        assert browser.get("/api/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert dict(held.sign_ins) == before


def test_held_sign_ins_are_bounded_whatever_comes(monkeypatch, ann):
    monkeypatch.setattr("webapp.auth.held.SIGN_INS_HELD", ROOM)
    worker = Held()
    for number in range(20 * ROOM):
        worker.keep(SignIn(f"{number:022d}", "browser", ann, (), 0, 0), worker.drops)
    assert len(worker.sign_ins) == ROOM
    assert next(iter(worker.sign_ins)) == f"{19 * ROOM:022d}"


def test_the_loop_hashes_nothing_itself_while_eight_log_in(monkeypatch):
    """Counted in the processor time of the loop's own thread, so that a busy machine changes nothing."""
    monkeypatch.setattr(settings, "BCRYPT_ROUNDS", 10)
    password_hash = passwords.hash_now(PASSWORD)
    one_check = timed(lambda: passwords.check_now(PASSWORD, password_hash))

    async def eight_checks():
        assert all(await asyncio.gather(*(passwords.check_password(PASSWORD, password_hash) for _ in range(8))))

    assert timed(lambda: asyncio.run(eight_checks())) < one_check


def timed(work):
    """Return how many seconds of the processor this thread needs for some work."""
    began = time.thread_time()
    work()
    return time.thread_time() - began
