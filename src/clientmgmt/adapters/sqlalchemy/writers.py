"""One writer at a time, in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from threading import Lock as Turn

from clientmgmt.errors import TransactionConflictError, TransactionError

__all__ = ["WriterQueue"]


class _Ticket:
    """A thread's place in the queue; ``turn`` is released when it has come to the front."""

    __slots__ = ("thread", "turn")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.turn = Turn()
        self.turn.acquire()


class WriterQueue:
    """A lock that is fair, knows its holder, and is not waited for longer than ``timeout`` seconds.

    SQLite lets one connection write and has the others poll; who polls at the wrong moments waits for ever.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._mutex = threading.Lock()
        self._tickets: deque[_Ticket] = deque()  # the first one holds the lock

    def acquire(self) -> None:
        """Wait for this thread's turn.

        ``TransactionError`` if it holds the lock already, ``TransactionConflictError`` after the timeout.
        """
        ticket = _Ticket()
        with self._mutex:
            if self._tickets and self._tickets[0].thread == ticket.thread:
                message = "this thread is inside a unit of work of this store already"
                raise TransactionError(message)
            self._tickets.append(ticket)
            if self._tickets[0] is ticket:
                return
        self._wait(ticket)

    def release(self) -> None:
        """Let the next one in."""
        self._remove(self._tickets[0])

    def _wait(self, ticket: _Ticket) -> None:
        try:
            arrived = ticket.turn.acquire(timeout=self._timeout)
        except BaseException:  # an interrupt must not leave a ticket that nobody gives back
            self._remove(ticket)
            raise
        if not arrived:
            self._remove(ticket)
            message = "other units of work were writing for too long"
            raise TransactionConflictError(message)

    def _remove(self, ticket: _Ticket) -> None:
        with self._mutex:
            was_first = self._tickets[0] is ticket
            self._tickets.remove(ticket)
            if was_first and self._tickets:
                self._tickets[0].turn.release()
