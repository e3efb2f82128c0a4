"""What strangers can have written into the log comes once a minute, and a failure's number always."""

import logging
import logging.config

import pytest

from webapp import answers, clock, server
from webapp.repeated_lines import MAX_KINDS, RepeatedLines


@pytest.fixture
def steady(monkeypatch):
    """A steady clock that the test moves."""
    time = [1000.0]
    monkeypatch.setattr(clock, "steady", lambda: time[0])
    return time


def line(text, *arguments, level=logging.WARNING, name="x", **options):
    """Return one line of a log."""
    record = logging.LogRecord(name, level, "file", 1, text, arguments, options.get("exc_info"))
    record.__dict__.update(options.get("extra", {}))
    return record


def test_one_line_of_a_kind_passes_in_a_minute(steady):
    limit = RepeatedLines()
    assert [limit.filter(line("Away: %s", number)) for number in range(4)] == [True, False, False, False]
    assert limit.filter(line("Back: %s", 1))
    assert limit.filter(line("Away: %s", 1, name="y"))
    steady[0] += 61
    written = line("Away: %s", "100%")
    assert limit.filter(written)
    assert written.getMessage() == "Away: 100% (3 more like this were left out)"
    assert not limit.filter(line("Away: %s", 9))


def test_texts_that_differ_in_a_number_are_of_a_kind(steady):
    limit = RepeatedLines()
    assert limit.filter(line("Task 0x7f12 of connection 12\nmore"))
    assert not limit.filter(line("Task 0xabcd of connection 345\nother"))


def failure(error, call=None):
    """Return an exception as it is logged."""
    try:
        call() if call else None
        raise error
    except Exception as caught:
        return (type(caught), caught, caught.__traceback__)


def test_exceptions_from_different_places_are_of_different_kinds(steady):
    limit = RepeatedLines()
    assert limit.filter(line("Failed", exc_info=failure(ValueError())))
    assert not limit.filter(line("Failed", exc_info=failure(ValueError())))
    assert limit.filter(line("Failed", exc_info=failure(ValueError(), lambda: 1 / 0)))


def test_what_no_stranger_causes_always_passes(steady):
    limit = RepeatedLines()
    assert all(limit.filter(line("Started worker %d", number, level=logging.INFO)) for number in range(5))


def test_the_kinds_that_are_remembered_are_bounded(steady):
    limit = RepeatedLines()
    for number in range(2 * MAX_KINDS):
        limit.filter(line("".join(chr(ord("a") + int(digit)) for digit in str(number))))
    assert len(limit.written) == MAX_KINDS


def test_every_failure_is_written_with_its_number(anonymous, monkeypatch, steady):
    records = []
    monkeypatch.setattr(answers.log, "handle", records.append)

    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr("webapp.pages.home.answers.page", fail)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            anonymous.get("/auth/login")
    limit = RepeatedLines()
    assert [limit.filter(record) for record in records] == [True] * 3
    assert all(record.getMessage().startswith("Request ") for record in records)


def test_every_logger_of_the_server_has_the_limit():
    config = server.log_config()
    assert config["handlers"]["default"]["filters"] == ["repeated"]
    assert config["root"]["handlers"] == config["loggers"]["latchkey"]["handlers"] == ["default"]
    assert logging.config.DictConfigurator({"version": 1}).configure_filter(config["filters"]["repeated"])
