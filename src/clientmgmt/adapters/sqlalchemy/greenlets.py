"""Synchronous stores on asynchronous drivers: their code runs in greenlets, which the event loop resumes.

The code stays as it is, from the first statement of a unit to its commit; where it waits for the database, its task
does. Each call is a task of its own. A unit that still waits for its connection is given up by a task that is
cancelled, and left as soon as it has begun: not every version of every driver closes what it was just opening. Later
the calling task waits for the end, however often it is cancelled. On PostgreSQL the cancellation is passed on, once:
the driver cancels the statement on the server, and the connection is closed. On SQLite it is looked at before the
commit: a statement that is running in a thread cannot be taken back, and a connection that is closed beneath it may
keep its lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, nullcontext
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy.util import greenlet_spawn

from clientmgmt.adapters.sqlalchemy.turns import TaskTurn
from clientmgmt.domain.results import Note
from clientmgmt.errors import TransactionError
from clientmgmt.ports.storage import AsyncUnit, Collection, Storage, UnitOfWork

__all__ = ["GreenletStorage"]

R = TypeVar("R")

Tasks = set[asyncio.Task[Any]]
Call = Callable[["Waiting"], R]


class GreenletStorage:
    """An :class:`~clientmgmt.ports.storage.AsyncStorage` over one whose engine is asynchronous inside.

    ``turn``: what a task has to hold while it is in a unit that writes, if anything. ``interrupts``: whether the
    driver can be cancelled. ``gives_up``: whether a unit may go on beginning when nobody waits for it any more.
    """

    def __init__(
        self, storage: Storage, *, turn: TaskTurn | None = None, interrupts: bool = True, gives_up: bool = True
    ) -> None:
        self._storage = storage
        self._turn = turn
        self._home = _Home(interrupts=interrupts, gives_up=gives_up)
        self._closed = False

    @property
    def ephemeral(self) -> bool:
        """A database outlives the process."""
        return self._storage.ephemeral

    @property
    def exclusive(self) -> bool:
        """SQLite has one writer at a time, PostgreSQL many."""
        return self._storage.exclusive

    @property
    def in_host_transaction(self) -> bool:
        """Whether units are part of a transaction of the host."""
        return self._storage.in_host_transaction

    async def run(self, tenant: str, work: Callable[[UnitOfWork], R], /, *, read_only: bool = False) -> R:
        """Run ``work`` in a unit of its own, and commit unless it raises."""
        async with self._turn_of(read_only=read_only):
            return await self._spawned(partial(self._work, tenant, work, read_only))

    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> AbstractAsyncContextManager[AsyncUnit]:
        """A unit for several calls, on one connection."""
        self._refuse_when_closed()
        manager = self._storage.unit_of_work(tenant, read_only=read_only)
        return _OpenUnit(manager, self._turn_of(read_only=read_only), self._home)

    async def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """The tenants that have entities in ``collection``: those after ``after``, in order, at most ``limit``."""
        return await self._spawned(lambda _: self._storage.tenants(collection, after=after, limit=limit))

    async def upgrade(self) -> tuple[str, ...]:
        """Bring the schema to this release, in one transaction; answer what was done."""
        return await self._upgraded(self._storage.upgrade)

    async def check(self) -> tuple[Note, ...]:
        """What is wrong with the connection, the settings of the database, and the schema."""
        return await self._spawned(lambda _: self._storage.check())

    async def close(self) -> None:
        """Undo the units that are open, and wait for those that run."""
        self._closed = True
        await asyncio.gather(*(unit.undo() for unit in tuple(self._home.units)))
        await _over(self._home.running)

    def _work(self, tenant: str, work: Callable[[UnitOfWork], R], read_only: bool, task: Waiting) -> R:  # noqa: FBT001
        with self._storage.unit_of_work(tenant, read_only=read_only) as uow:
            task.begin()
            answer = work(uow)
            task.go_on()
        return answer

    async def _upgraded(self, upgrade: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        def call(task: Waiting) -> tuple[str, ...]:
            task.begin()
            return upgrade()

        async with self._turn_of(read_only=False):
            return await self._spawned(call)

    def _turn_of(self, *, read_only: bool) -> AbstractAsyncContextManager[None]:
        return nullcontext() if read_only or self._turn is None else self._turn.taken()

    async def _spawned(self, call: Call[R]) -> R:
        self._refuse_when_closed()
        return await self._home.spawned(call)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            message = "this store is closed"
            raise TransactionError(message)


class _OpenUnit(AbstractAsyncContextManager[AsyncUnit]):
    """A unit that stays open. For whatever reason it is spoilt, it refuses calls, and is undone in the end."""

    def __init__(
        self, manager: AbstractContextManager[UnitOfWork], turn: AbstractAsyncContextManager[None], home: _Home
    ) -> None:
        self._manager, self._turn, self._home = manager, turn, home
        self._around = AsyncExitStack()
        self._calls: Tasks = set()
        self._uow: UnitOfWork | None = None
        self._spoilt: str | None = "this unit of work has not begun"

    async def __aenter__(self) -> AsyncUnit:
        async with AsyncExitStack() as around:
            await around.enter_async_context(self._turn)
            try:
                await self._home.spawned(self._open)
            except BaseException as error:
                await self._leave(error)
                raise
            self._around = around.pop_all()
        self._home.units.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        refused = TransactionError(self._spoilt) if error is None and self._spoilt is not None else None
        suppressed = await self._leave(error or refused)
        if refused is not None:
            raise refused
        return suppressed

    async def run(self, work: Callable[[UnitOfWork], R], /) -> R:
        """What ``work`` answers on the connection of this unit."""
        if self._spoilt is not None or self._uow is None or self._calls:
            raise TransactionError(self._spoilt or "this unit of work is in use by another task")
        try:
            return await self._home.spawned(partial(_called, work, self._uow), self._calls)
        except asyncio.CancelledError:
            self._spoilt = "the task of this unit of work was cancelled in it"
            raise

    async def undo(self) -> None:
        """End it from outside, after the call that is running in it."""
        self._spoilt = "the store of this unit of work was closed"
        await _over(self._calls)
        await self._leave(TransactionError(self._spoilt))

    def _open(self, task: Waiting) -> None:
        uow = self._manager.__enter__()
        try:
            task.begin()
        except asyncio.CancelledError as error:
            self._manager.__exit__(type(error), error, error.__traceback__)
            raise
        self._uow, self._spoilt = uow, None

    async def _leave(self, error: BaseException | None) -> bool:
        self._home.units.discard(self)
        try:
            return await self._home.spawned(partial(self._close, error))
        except asyncio.CancelledError as cancelled:
            await self._home.spawned(partial(self._close, cancelled))  # it may not even have begun
            raise
        finally:
            await self._around.aclose()

    def _close(self, error: BaseException | None, task: Waiting) -> bool:
        task.begin()
        if self._uow is None:
            return False
        self._uow, self._spoilt = None, self._spoilt or "this unit of work has ended"
        if error is None:
            return bool(self._manager.__exit__(None, None, None))
        return bool(self._manager.__exit__(type(error), error, error.__traceback__))


class Waiting:
    """The task that waits for a call; at first it may go away."""

    has_begun: bool = False
    is_cancelled: bool = False

    def begin(self) -> None:
        """From here on it waits to the end; raise if it has gone already."""
        self.go_on()
        self.has_begun = True

    def go_on(self) -> None:
        """Raise if it is cancelled."""
        if self.is_cancelled:
            raise asyncio.CancelledError


class _Home:
    """What is going on in a store."""

    def __init__(self, *, interrupts: bool, gives_up: bool) -> None:
        self.units: set[_OpenUnit] = set()
        self.running: Tasks = set()
        self._interrupts, self._gives_up = interrupts, gives_up

    async def spawned(self, call: Call[R], running: Tasks | None = None) -> R:
        """What ``call`` answers in a greenlet, once that has ended."""
        running = self.running if running is None else running
        waiting = Waiting()
        task = asyncio.create_task(greenlet_spawn(call, waiting))
        running.add(task)
        task.add_done_callback(running.discard)
        try:
            while not task.done():
                try:
                    await asyncio.wait((task,))
                except asyncio.CancelledError:
                    self._cancel(task, waiting)
            running.discard(task)
            if waiting.is_cancelled:
                _look_at(task)
            waiting.go_on()
            return task.result()
        finally:
            del task  # it may hold an error whose traceback leads here

    def _cancel(self, task: asyncio.Task[Any], waiting: Waiting) -> None:
        """Pass a first cancellation on; raise if the end need not be waited for."""
        is_first = not waiting.is_cancelled
        waiting.is_cancelled = True
        if self._gives_up and not waiting.has_begun:
            task.add_done_callback(_look_at)
            waiting.go_on()
        if self._interrupts and is_first:
            task.cancel()


def _look_at(task: asyncio.Task[Any]) -> None:
    """Keep an error that nobody is interested in from being reported."""
    if not task.cancelled():
        task.exception()


def _called(work: Callable[[UnitOfWork], R], uow: UnitOfWork, task: Waiting) -> R:
    task.begin()
    return work(uow)


async def _over(tasks: Tasks) -> None:
    while tasks:
        await asyncio.wait(tuple(tasks))
