"""A unit of work that stays open while its task does other things."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from types import TracebackType
from typing import TypeVar

from clientmgmt.adapters.threads._calls import Call, Leaving, Opening, hop
from clientmgmt.adapters.threads._threads import Threads
from clientmgmt.errors import TransactionError
from clientmgmt.ports.storage import AsyncUnit, UnitOfWork

__all__ = ["OpenUnit"]

R = TypeVar("R")

_ENDED = "this unit of work has ended"
_CLOSED = "the store of this unit of work was closed"


class OpenUnit(AbstractAsyncContextManager[AsyncUnit]):
    """All its calls run in one thread, that of its task. It refuses calls while, for some reason, it cannot work."""

    def __init__(self, threads: Threads, manager: AbstractContextManager[UnitOfWork]) -> None:
        self._threads = threads
        self._opening = Opening(manager)
        self._refusal: str | None = None
        self._was_undone = False

    async def __aenter__(self) -> AsyncUnit:
        self._line = await self._threads.line()
        self._threads.units.add(self)
        try:
            self._uow = await hop(self._line.executor, self._opening)
            self._refuse()
        except BaseException as error:
            await self._end(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        refused = TransactionError(self._refusal) if error is None and self._refusal is not None else None
        suppressed = await self._end(error or refused)
        if error is None:
            self._refuse()
        self._refusal = _ENDED
        return suppressed

    async def run(self, work: Callable[[UnitOfWork], R], /) -> R:
        """What ``work`` answers in the thread."""
        self._refuse()
        self._refusal = "this unit of work is in use by another task"
        call = Call(partial(work, self._uow))
        try:
            return await hop(self._line.executor, call)
        finally:
            spoilt = "the task of this unit of work was cancelled in it" if call.cancelled else None
            self._refusal = _CLOSED if self._was_undone else spoilt

    def undo(self) -> Future[None]:
        """End it from outside, after the call that is running in it."""
        self._was_undone, self._refusal = True, _CLOSED
        return self._line.executor.submit(Leaving(self._opening, TransactionError(_CLOSED)))

    def _refuse(self) -> None:
        if self._refusal is not None:
            raise TransactionError(self._refusal)

    async def _end(self, error: BaseException | None) -> bool:
        self._threads.units.discard(self)
        given_up = self._opening.cancelled and not self._opening.is_open
        try:
            if given_up or self._was_undone:
                return False
            return await hop(self._line.executor, Leaving(self._opening, error))
        finally:
            self._threads.give_back(self._line, is_busy=given_up)
