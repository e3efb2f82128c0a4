"""Old rows go again and again, whatever happens meanwhile; what goes is tested where its subject is."""

import asyncio

import pytest

from webapp.auth import housekeeping
from webapp.database import Unavailable


def test_a_failure_is_told_and_the_next_time_may_be_better(monkeypatch, caplog):
    times = []

    async def tidy():
        times.append("now")
        if len(times) == 1:
            raise Unavailable("it is away")
        if len(times) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(housekeeping, "tidy", tidy)
    monkeypatch.setattr(housekeeping, "MAX_DELAY_SECONDS", 0)
    monkeypatch.setattr(housekeeping, "EVERY_SECONDS", 0)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(housekeeping.keep_tidy())
    assert len(times) == 3
    assert caplog.messages == ["Old rows could not be removed: it is away"]
