"""Whether the account that mail is sent with is accepted: while it is not, nothing is tried."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock

from clientmgmt.domain.rules import DeliveryRules

__all__ = ["Circuit", "Turn"]


class Circuit:
    """Closed, until the account is refused; then open for a pause that grows; then one mail is tried.

    Belongs to a manager, and so to one process; its threads share it.
    """

    __slots__ = ("_lock", "_pause", "_refusals", "_until")

    def __init__(self) -> None:
        self._lock = Lock()
        self._refusals = 0
        self._pause = timedelta(0)
        self._until: datetime | None = None

    def enter(self, now: datetime) -> Turn:
        """The turn of one round.

        Of those who come after a pause, the first tries one mail; for as long as that pause was, the others find
        the circuit open. Should the first never come back, one of them is the next.
        """
        with self._lock:
            if self._until is None:
                return Turn(self, None, first=False)
            if now < self._until:
                return Turn(self, self._until, first=False)
            self._until = now + self._pause
            return Turn(self, None, first=True)

    def open(self, now: datetime, rules: DeliveryRules, wanted: timedelta | None, *, first: bool) -> datetime:
        """Send nothing for a while; until when. Who was refused at the same time as others changes nothing."""
        with self._lock:
            if self._until is None or first:
                self._refusals += 1
                pause = rules.pause_after(self._refusals)
                self._pause = max(pause, rules.asked(wanted))
                self._until = now + self._pause
            return self._until

    def close(self) -> None:
        """The account is accepted."""
        with self._lock:
            self._refusals, self._until = 0, None

    def leave_untried(self, now: datetime) -> None:
        """Let the next one be the first."""
        with self._lock:
            self._until = now


class Turn:
    """How one round passes through the circuit.

    ``until`` is set while the circuit is open, also if this round has found that out. ``first``: whether one mail
    is to be tried before any others.
    """

    __slots__ = ("_circuit", "first", "until")

    def __init__(self, circuit: Circuit, until: datetime | None, *, first: bool) -> None:
        self._circuit = circuit
        self.until: datetime | None = until
        self.first: bool = first

    def accepted(self) -> None:
        """Note that the other side has answered to a message, not to the account."""
        if self.first:
            self.first = False
            self._circuit.close()

    def refused(self, now: datetime, rules: DeliveryRules, wanted: timedelta | None) -> None:
        """Note that the account was refused; ``wanted`` is the least pause that the other side asks for."""
        self.until = self._circuit.open(now, rules, wanted, first=self.first)
        self.first = False

    def leave(self, now: datetime) -> None:
        """End the turn; a first one without an answer leaves being first to the next."""
        if self.first:
            self._circuit.leave_untried(now)
