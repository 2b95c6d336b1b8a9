"""The store that lifts another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeVar

from clientmgmt.adapters.threads._calls import Call, Look, WholeUnit, hop
from clientmgmt.adapters.threads._open import OpenUnit
from clientmgmt.adapters.threads._threads import Threads
from clientmgmt.domain.results import Note
from clientmgmt.errors import TransactionError
from clientmgmt.ports.storage import AsyncUnit, Collection, Storage, UnitOfWork

__all__ = ["ThreadedStorage"]

R = TypeVar("R")


class ThreadedStorage:
    """An :class:`~clientmgmt.ports.storage.AsyncStorage` over any :class:`~clientmgmt.ports.storage.Storage`.

    Work sees copies of the context variables of its task. Units that write to a store with one writer at a time take
    turns in one thread, and so do not keep others from reading. What a task does in the store while a unit of its own
    is open runs in the thread of that unit; the store itself says whether it can have two at once.

    A task that is cancelled before its unit has begun ends at once. Later it waits until its work has returned and
    the unit is undone, or committed if the commit had begun.

    Args:
        storage: the store; it is closed with this one.
        workers: how many units run at the same time, and how many others may stay open.

    Raises:
        ValueError: there are no workers.

    >>> import asyncio
    >>> from clientmgmt.adapters.memory import InMemoryStorage
    >>> async def numbered() -> int:
    ...     storage = ThreadedStorage(InMemoryStorage())
    ...     number = await storage.run("acme", lambda uow: uow.next_number("invoices"))
    ...     await storage.close()
    ...     return number
    >>> asyncio.run(numbered())
    1
    """

    def __init__(self, storage: Storage, *, workers: int = 8) -> None:
        self._storage = storage
        self._threads = Threads(workers)
        self._closed = False

    @property
    def ephemeral(self) -> bool:
        """As the store says."""
        return self._storage.ephemeral

    @property
    def exclusive(self) -> bool:
        """As the store says."""
        return self._storage.exclusive

    @property
    def in_host_transaction(self) -> bool:
        """As the store says."""
        return self._storage.in_host_transaction

    async def run(self, tenant: str, work: Callable[[UnitOfWork], R], /, *, read_only: bool = False) -> R:
        """Run ``work`` in a unit of its own, in a thread, and commit unless it raises."""
        unit = WholeUnit(partial(self._storage.unit_of_work, tenant, read_only=read_only), work)
        return await self._hop(unit, in_turn=not read_only and self._storage.exclusive)

    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> AbstractAsyncContextManager[AsyncUnit]:
        """A unit for several calls, all of them in one thread, which is its own meanwhile."""
        self._refuse_when_closed()
        return OpenUnit(self._threads, self._storage.unit_of_work(tenant, read_only=read_only))

    async def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """The tenants that have entities in ``collection``: those after ``after``, in order, at most ``limit``."""
        return await self._hop(Look(partial(self._storage.tenants, collection, after=after, limit=limit)))

    async def upgrade(self) -> tuple[str, ...]:
        """Bring the schema to this release; answer what was done."""
        return await self._hop(Call(self._storage.upgrade))

    async def check(self) -> tuple[Note, ...]:
        """What is wrong with the installation."""
        return await self._hop(Look(self._storage.check))

    async def close(self) -> None:
        """Undo the units that are open, wait for those that run, end the threads, and close the store."""
        if self._closed:
            return
        self._closed = True
        last = ThreadPoolExecutor(1, "clientmgmt-close")
        try:
            await hop(last, Call(self._end))
        finally:
            last.shutdown(wait=False)

    async def _hop(self, call: Call[R], *, in_turn: bool = False) -> R:
        self._refuse_when_closed()
        return await hop(self._threads.free(in_turn=in_turn), call)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            message = "this store is closed"
            raise TransactionError(message)

    def _end(self) -> None:
        self._threads.end()
        self._storage.close()
