"""What strangers can have written into the log, again and again, is written once a minute."""

import logging
import re
from collections import OrderedDict
from typing import Any

from webapp import clock

EVERY_SECONDS = 60.0
MAX_KINDS = 1000
# `extra` of a line that is always written.
EACH: dict[str, Any] = {"is_always_written": True}
# What differs between two lines of a kind where the text was put together before it came here.
DIGITS = re.compile(r"0x[0-9a-f]+|\d+")


class RepeatedLines(logging.Filter):
    """Lets one warning or error of a kind pass in a minute, and says with the next one how many were left out.

    A kind is a message before its arguments are filled in, and where an exception came from. What is no warning, as
    the start of a worker is not, always passes.
    """

    def __init__(self) -> None:
        super().__init__()
        # For each kind, when it was written last and how many have been left out since then.
        self.written: OrderedDict[tuple[object, ...], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or hasattr(record, "is_always_written"):
            return True
        kind, now = kind_of(record), clock.steady()
        last, left_out = self.written.get(kind, (-EVERY_SECONDS, 0))
        if now - last < EVERY_SECONDS:
            self.written[kind] = (last, left_out + 1)
            return False
        self.written[kind] = (now, 0)
        self.written.move_to_end(kind)
        if len(self.written) > MAX_KINDS:
            self.written.popitem(last=False)
        if left_out:
            record.msg, record.args = f"{record.getMessage().rstrip()} ({left_out} more like this were left out)", ()
        return True


def kind_of(record: logging.LogRecord) -> tuple[object, ...]:
    """Return what all lines of a kind have in common."""
    text = str(record.msg)[:200].partition("\n")[0]
    error = record.exc_info[1] if record.exc_info else None
    trace = error.__traceback__ if error is not None else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace is not None else None
    return record.name, DIGITS.sub("#", text), type(error), where
