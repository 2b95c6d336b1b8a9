"""One writing task at a time, without holding up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from clientmgmt.errors import TransactionConflictError, TransactionError

__all__ = ["TaskTurn"]


class TaskTurn:
    """What :class:`~.writers.WriterQueue` is for threads: fair, knows its holder, not waited for too long."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for this task's turn, and have it.

        ``TransactionError`` if it has it already, ``TransactionConflictError`` after the timeout.
        """
        task = asyncio.current_task()
        if self._holder is task:
            message = "this task is inside a unit of work of this store already"
            raise TransactionError(message)
        await self._acquire()
        self._holder = task
        try:
            yield
        finally:
            self._holder = None
            self._lock.release()

    async def _acquire(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._lock.acquire()
        except TimeoutError:
            message = "other units of work were writing for too long"
            raise TransactionConflictError(message) from None
