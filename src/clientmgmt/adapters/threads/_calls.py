"""Calls on their way through a thread, and what becomes of them when the task that waits is cancelled.

A unit that has not begun is given up at once: its thread may still wait for the store, and then leaves the unit
before anything is done in it. A unit in which work has begun is waited for, however often the task is cancelled; it
is undone if the cancellation came before the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from functools import partial
from threading import Lock
from typing import Generic, TypeVar, cast

from clientmgmt.ports.storage import UnitOfWork

__all__ = ["Call", "Leaving", "Look", "Opening", "WholeUnit", "hop"]

R = TypeVar("R")


class Call(Generic[R]):
    """A function for a thread, and what it came to. It is waited for, whatever happens."""

    def __init__(self, function: Callable[[], R]) -> None:
        self._function = function
        self._lock = Lock()
        self._begun = False
        self._answer: R | None = None
        self._error: BaseException | None = None
        self.cancelled: bool = False

    def __call__(self) -> None:
        """Run it, in the thread. Nothing is raised: futures do not take every kind of error."""
        try:
            self._answer = self._run()
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            self._error = error

    def cancel(self) -> bool:
        """Note that the task is cancelled; answer whether it need not wait for the thread."""
        self.cancelled = True
        return False

    def result(self) -> R:
        """What the function answered or raised."""
        if self._error is None:
            return cast("R", self._answer)
        try:
            raise self._error
        finally:
            self._error = None  # its traceback leads here

    def _run(self) -> R:
        return self._function()

    def _begin(self) -> None:
        """From here on the task waits for the thread; raises if it has gone already."""
        with self._lock:
            self._go_on()
            self._begun = True

    def _give_up(self) -> bool:
        with self._lock:
            self.cancelled = True
            return not self._begun

    def _go_on(self) -> None:
        if self.cancelled:
            raise asyncio.CancelledError


class Look(Call[R]):
    """A call that changes nothing and holds nothing: nobody has to wait for its end."""

    def cancel(self) -> bool:
        """It is given up."""
        return self._give_up()


class WholeUnit(Call[R]):
    """A unit of work in one call; given up until it has begun."""

    def __init__(
        self, begin: Callable[[], AbstractContextManager[UnitOfWork]], work: Callable[[UnitOfWork], R]
    ) -> None:
        super().__init__(partial(self._work, begin, work))

    def cancel(self) -> bool:
        """It is given up, or undone if its commit has not begun."""
        return self._give_up()

    def _work(self, begin: Callable[[], AbstractContextManager[UnitOfWork]], work: Callable[[UnitOfWork], R]) -> R:
        self._go_on()
        with begin() as uow:
            self._begin()
            answer = work(uow)
            self._go_on()
        return answer


class Opening(Call[UnitOfWork]):
    """The beginning of a unit that stays open; given up until it has begun."""

    def __init__(self, manager: AbstractContextManager[UnitOfWork]) -> None:
        super().__init__(manager.__enter__)
        self.manager: AbstractContextManager[UnitOfWork] = manager
        self.is_open: bool = False

    def cancel(self) -> bool:
        """It is given up, if it has not begun."""
        return self._give_up()

    def _run(self) -> UnitOfWork:
        self._go_on()
        uow = self._function()
        try:
            self._begin()
        except asyncio.CancelledError as error:
            self.manager.__exit__(type(error), error, error.__traceback__)
            raise
        self.is_open = True
        return uow


class Leaving(Call[bool]):
    """The end of a unit that stayed open: by ``error``, or by a cancellation that comes before the commit."""

    def __init__(self, opening: Opening, error: BaseException | None) -> None:
        super().__init__(partial(self._leave, opening, error))

    def _leave(self, opening: Opening, error: BaseException | None) -> bool:
        if not opening.is_open:
            return False
        opening.is_open = False
        if error is None and self.cancelled:
            error = asyncio.CancelledError()
        if error is None:
            return bool(opening.manager.__exit__(None, None, None))
        return bool(opening.manager.__exit__(type(error), error, error.__traceback__))


async def hop(executor: ThreadPoolExecutor, call: Call[R]) -> R:
    """Run ``call`` in a thread of ``executor``, with copies of the context variables; answer what it came to."""
    future = asyncio.wrap_future(executor.submit(copy_context().run, call))
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError as error:
            cancelled = error
            if call.cancel():
                future.cancel()
                raise
    if cancelled is not None:
        raise cancelled
    return call.result()
