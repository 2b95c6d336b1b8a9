"""One writer at a time, in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque

from clientmgmt.errors import TransactionConflictError, TransactionError

__all__ = ["WriterQueue"]


class WriterQueue:
    """A lock that is fair, knows its holder, and is not waited for longer than ``timeout`` seconds.

    SQLite lets one connection write and lets the others poll; who polls last may wait for ever.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._mutex = threading.Lock()
        self._holder: int | None = None
        self._waiting: deque[tuple[int, threading.Lock]] = deque()

    def acquire(self) -> None:
        """Wait for this thread's turn.

        ``TransactionError`` if it holds the lock already, ``TransactionConflictError`` after the timeout.
        """
        me = threading.get_ident()
        with self._mutex:
            if self._holder is None:
                self._holder = me
                return
            if self._holder == me:
                message = "this thread is inside a unit of work of this store already"
                raise TransactionError(message)
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append((me, turn))
        try:
            arrived = turn.acquire(timeout=self._timeout)
        except BaseException:  # an interrupt: whoever comes next must not wait for this thread
            self._leave(me, turn)
            raise
        if not arrived:
            self._leave(me, turn)
            message = "other units of work were writing for too long"
            raise TransactionConflictError(message)

    def release(self) -> None:
        """Let the next one in."""
        with self._mutex:
            if self._waiting:
                self._holder, turn = self._waiting.popleft()
                turn.release()
            else:
                self._holder = None

    def _leave(self, me: int, turn: threading.Lock) -> None:
        with self._mutex:
            if (me, turn) in self._waiting:
                self._waiting.remove((me, turn))
                return
        self.release()  # the turn came after all
