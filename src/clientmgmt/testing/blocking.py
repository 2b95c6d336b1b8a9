"""An asynchronous store for tests that know no event loop, such as the conformance suite.

::

    class TestMyAsyncStorage(StorageConformance):
        @pytest.fixture
        def storage(self):
            with BlockingStorage(MyAsyncStorage(collections=KIT)) as storage:
                yield storage
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

from clientmgmt.domain.results import Note
from clientmgmt.ports.storage import (
    AsyncStorage,
    AsyncUnit,
    Collection,
    Condition,
    Entity,
    Order,
    QueueEntity,
    Source,
    UnitOfWork,
    VersionedEntity,
)

__all__ = ["BlockingStorage"]

E = TypeVar("E", bound=Entity)
V = TypeVar("V", bound=VersionedEntity)
Q = TypeVar("Q", bound=QueueEntity)
R = TypeVar("R")
F = TypeVar("F")

Work = Callable[[], Coroutine[Any, Any, Any]]


class BlockingStorage:
    """A :class:`~clientmgmt.ports.storage.Storage` that drives an asynchronous one, in an event loop of its own.

    The loop runs in a thread until :meth:`close`; units of work of one thread belong to one task of the loop.
    """

    def __init__(self, storage: AsyncStorage) -> None:
        self._storage = storage
        self._mine = threading.local()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clientmgmt-blocking", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

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

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        """A unit of the store that stays open; each verb is a call in it."""
        with self._in_one_task():
            manager = self._storage.unit_of_work(tenant, read_only=read_only)
            unit = _BlockingUnit(self._wait(manager.__aenter__), self._wait)
            try:
                yield unit
            except BaseException as error:
                if not self._wait(lambda error=error: manager.__aexit__(type(error), error, error.__traceback__)):  # type: ignore[misc]
                    raise
            else:
                self._wait(lambda: manager.__aexit__(None, None, None))

    def run(self, tenant: str, work: Callable[[UnitOfWork], R], *, read_only: bool = False) -> R:
        """What the store's own ``run`` answers."""
        return self._wait(lambda: self._storage.run(tenant, work, read_only=read_only))

    def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """As the store answers."""
        return self._wait(lambda: self._storage.tenants(collection, after=after, limit=limit))

    def upgrade(self) -> tuple[str, ...]:
        """As the store answers."""
        return self._wait(self._storage.upgrade)

    def check(self) -> tuple[Note, ...]:
        """As the store answers."""
        return self._wait(self._storage.check)

    def close(self) -> None:
        """Close the store and end the loop."""
        self._wait(self._storage.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    @contextmanager
    def _in_one_task(self) -> Iterator[None]:
        if self._task is not None:
            yield
            return
        self._mine.task = task = _Task(self._loop)
        try:
            yield
        finally:
            self._mine.task = None
            task.end()

    @property
    def _task(self) -> _Task | None:
        return getattr(self._mine, "task", None)

    def _wait(self, work: Callable[[], Coroutine[Any, Any, R]]) -> R:
        if self._task is not None:
            return self._task.wait(work)
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result()


class _Task:
    """A task that does what a thread tells it, one after another."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._inbox: asyncio.Queue[tuple[Work, Future[Any]] | None] = asyncio.Queue()
        self._end = asyncio.run_coroutine_threadsafe(self._serve(), loop)

    def wait(self, work: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """What ``work`` answers in the task."""
        future: Future[R] = Future()
        self._loop.call_soon_threadsafe(self._inbox.put_nowait, (work, future))
        return future.result()

    def end(self) -> None:
        """Wait for its end."""
        self._loop.call_soon_threadsafe(self._inbox.put_nowait, None)
        self._end.result()

    async def _serve(self) -> None:
        while (order := await self._inbox.get()) is not None:
            work, future = order
            try:
                future.set_result(await work())
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                future.set_exception(error)


class _BlockingUnit:
    """The verbs of :class:`~clientmgmt.ports.storage.UnitOfWork`, each as a call in an asynchronous unit."""

    def __init__(self, unit: AsyncUnit, wait: Callable[[Work], Any]) -> None:
        self._unit, self._wait = unit, wait

    def get(self, collection: Collection[E], id: UUID, *, lock: bool = False) -> E:  # noqa: A002 - the field's name
        """As the unit answers."""
        return self._run(lambda uow: uow.get(collection, id, lock=lock))

    def get_many(self, collection: Collection[E], ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, E]:
        """As the unit answers."""
        return self._run(lambda uow: uow.get_many(collection, ids, lock=lock))

    def find(
        self,
        source: Source[R, F],
        *where: Condition[F],
        order: Order[F] | None = None,
        after: tuple[object, UUID] | None = None,
        limit: int | None = None,
    ) -> tuple[R, ...]:
        """As the unit answers."""
        return self._run(lambda uow: uow.find(source, *where, order=order, after=after, limit=limit))

    def count(self, source: Source[R, F], *where: Condition[F]) -> int:
        """As the unit answers."""
        return self._run(lambda uow: uow.count(source, *where))

    def add(self, collection: Collection[E], *entities: E) -> None:
        """As the unit does."""
        self._run(lambda uow: uow.add(collection, *entities))

    def add_if_absent(self, collection: Collection[E], entity: E) -> bool:
        """As the unit answers."""
        return self._run(lambda uow: uow.add_if_absent(collection, entity))

    def save(self, collection: Collection[V], entity: V) -> V:
        """As the unit answers."""
        return self._run(lambda uow: uow.save(collection, entity))

    def remove(self, collection: Collection[E], *ids: UUID) -> int:
        """As the unit answers."""
        return self._run(lambda uow: uow.remove(collection, *ids))

    def next_number(self, name: str) -> int:
        """As the unit answers."""
        return self._run(lambda uow: uow.next_number(name))

    def claim(self, collection: Collection[Q], *, now: datetime, lease: timedelta, limit: int) -> tuple[Q, ...]:
        """As the unit answers."""
        return self._run(lambda uow: uow.claim(collection, now=now, lease=lease, limit=limit))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A savepoint of the unit; its beginning and its end are calls of their own."""
        manager = self._run(lambda uow: uow.savepoint())
        self._run(lambda _: manager.__enter__())
        try:
            yield
        except BaseException as error:
            self._run(lambda _, error=error: manager.__exit__(type(error), error, error.__traceback__))  # type: ignore[misc]
            raise
        else:
            self._run(lambda _: manager.__exit__(None, None, None))

    def _run(self, work: Callable[[UnitOfWork], R]) -> R:
        answer: R = self._wait(lambda: self._unit.run(work))
        return answer
