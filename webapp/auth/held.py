"""What a worker knows of living sign-ins, so that it need not ask the database on every request."""

from collections import OrderedDict
from dataclasses import dataclass

from webapp import clock, settings
from webapp.employees import Employee

SIGN_INS_HELD = 20_000


@dataclass(slots=True)
class SignIn:
    """A living sign-in and its employee.

    Attributes:
        scopes: what it may do, `authenticated` among them.
        used: when this worker last saw it, in seconds since 1970.
    """

    id: str
    kind: str
    employee: Employee
    scopes: tuple[str, ...]
    ends: float
    used: float


class Held:
    """The sign-ins that this worker holds, the longest unused first."""

    def __init__(self) -> None:
        self.sign_ins: OrderedDict[str, SignIn] = OrderedDict()
        self.learned = float("-inf")
        self.drops = 0

    def is_fresh(self) -> bool:
        """Return whether the worker has heard of changes lately enough to trust what it holds."""
        return clock.steady() - self.learned <= settings.STALE_AFTER_SECONDS

    def find(self, sid: str) -> SignIn | None:
        """Return a sign-in that is held and can be trusted."""
        sign_in = self.sign_ins.get(sid)
        if sign_in is None or not self.is_fresh():
            return None
        self.sign_ins.move_to_end(sid)
        return sign_in

    def keep(self, sign_in: SignIn, drops_before: int) -> None:
        """Hold a sign-in, unless something was dropped since it was asked for: it might be just that."""
        if drops_before == self.drops:
            self.sign_ins[sign_in.id] = sign_in
            if len(self.sign_ins) > SIGN_INS_HELD:
                self.sign_ins.popitem(last=False)

    def drop_sign_in(self, sid: str) -> None:
        """Forget a sign-in; it is asked for again where it is needed."""
        self.drops += 1
        self.sign_ins.pop(sid, None)

    def drop_employee(self, emp_no: int) -> None:
        """Forget every sign-in of an employee."""
        self.drops += 1
        for sid in [sid for sid, sign_in in self.sign_ins.items() if sign_in.employee.emp_no == emp_no]:
            del self.sign_ins[sid]


held = Held()
