"""Any store in an event loop: threads for its units, turns for its writers, and what a cancelled task leaves."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar, cast

import pytest

from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.adapters.threads import ThreadedStorage
from clientmgmt.adapters.threads._calls import Leaving, Opening
from clientmgmt.adapters.threads._threads import Threads
from clientmgmt.errors import StorageError, TransactionError
from clientmgmt.ports import AsyncUnit, Storage, UnitOfWork
from clientmgmt.testing.kit import KIT, SHELVES, Shelf, uid
from tests.threads import no_thread_left

R = TypeVar("R")
SHELF = Shelf(id=uid(1), code="A")
PATIENCE = 20
COLOUR = ContextVar("COLOUR", default="white")


def awaited(work: Callable[[], Coroutine[Any, Any, R]]) -> R:
    async def patiently() -> R:
        async with asyncio.timeout(PATIENCE):
            return await work()

    answer = asyncio.run(patiently())
    gc.collect()
    return answer


def add(uow: UnitOfWork) -> None:
    uow.add(SHELVES, SHELF)


def count(uow: UnitOfWork) -> int:
    return uow.count(SHELVES)


def never(_: UnitOfWork) -> None:
    pytest.fail("it was given up")


async def spoil(unit: AbstractAsyncContextManager[AsyncUnit]) -> None:
    async with unit as opened:
        await opened.run(add)
        raise ZeroDivisionError


class Gate:
    """Work that waits in its thread until the test lets it go."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.begun = asyncio.Event()
        self.open = threading.Event()

    def __call__(self, uow: UnitOfWork) -> None:
        uow.add(SHELVES, SHELF)
        self.wait()

    def wait(self) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.open.wait(PATIENCE)


class Held(InMemoryStorage):
    """Lets units begin when the test allows it."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(collections=KIT)
        self.gate: Gate | None = gate

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        if self.gate is not None:
            self.gate.wait()
        with super().unit_of_work(tenant, read_only=read_only) as uow:
            yield uow


@pytest.fixture
def memory() -> InMemoryStorage:
    return InMemoryStorage(collections=KIT)


@pytest.fixture(params=["memory_storage", "sqlite_storage"])
def storage(request: pytest.FixtureRequest) -> Storage:
    store: Storage = request.getfixturevalue(request.param)
    return store


def test_it_says_of_itself_what_the_store_says(memory: InMemoryStorage) -> None:
    lifted = ThreadedStorage(memory)
    assert (lifted.ephemeral, lifted.exclusive, lifted.in_host_transaction) == (True, True, False)


def test_there_must_be_workers(memory: InMemoryStorage) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        ThreadedStorage(memory, workers=0)


def test_a_unit_is_committed_or_undone(storage: Storage) -> None:
    async def work() -> None:
        lifted = ThreadedStorage(storage)
        assert await lifted.upgrade() == ()
        await lifted.run("t", add)
        with pytest.raises(ZeroDivisionError):
            await lifted.run("t", lambda uow: (uow.remove(SHELVES, SHELF.id), 1 / 0))
        assert await lifted.run("t", count, read_only=True) == 1
        with pytest.raises(TransactionError, match="only reads"):
            await lifted.run("t", lambda uow: uow.remove(SHELVES, SHELF.id), read_only=True)
        assert await lifted.tenants(SHELVES) == ("t",)
        assert await lifted.check() == ()

    awaited(work)


def test_an_error_comes_back_as_it_is(memory: InMemoryStorage) -> None:
    def fail(_: UnitOfWork) -> None:
        raise FloatingPointError

    async def work() -> None:
        with pytest.raises(FloatingPointError) as raised:
            await ThreadedStorage(memory).run("t", fail)
        assert raised.traceback[-1].name == "fail"

    awaited(work)


def test_an_error_that_futures_do_not_take_comes_back_as_well(memory: InMemoryStorage) -> None:
    async def work() -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await ThreadedStorage(memory).run("t", lambda _: next(iter(())))

    awaited(work)


def test_work_sees_the_context_of_its_task(memory: InMemoryStorage) -> None:
    async def work() -> None:
        lifted = ThreadedStorage(memory)
        COLOUR.set("red")
        assert await lifted.run("t", lambda _: (COLOUR.get(), COLOUR.set("blue"))[0]) == "red"
        async with lifted.unit_of_work("t") as unit:
            COLOUR.set("green")
            assert await unit.run(lambda _: COLOUR.get()) == "green"
        assert COLOUR.get() == "green"

    awaited(work)


def test_the_loop_is_not_held_up(memory: InMemoryStorage) -> None:
    async def work() -> None:
        lifted, gate = ThreadedStorage(memory), Gate()
        task = asyncio.create_task(lifted.run("t", gate))
        await gate.begun.wait()
        gate.open.set()
        await task

    awaited(work)


def test_writers_in_turn_leave_threads_to_readers(sqlite_storage: SQLStorage) -> None:
    async def work() -> None:
        lifted, gate = ThreadedStorage(sqlite_storage, workers=1), Gate()
        first = asyncio.create_task(lifted.run("t", gate))
        await gate.begun.wait()
        writers = [asyncio.create_task(lifted.run("t", count)) for _ in range(3)]
        assert await lifted.run("t", count, read_only=True) == 0
        gate.open.set()
        await first
        assert await asyncio.gather(*writers) == [1, 1, 1]

    awaited(work)


def test_an_open_unit_keeps_its_thread(storage: Storage) -> None:
    async def work() -> None:
        lifted = ThreadedStorage(storage)
        threads = set()
        for _ in range(2):
            async with lifted.unit_of_work("t") as unit:
                for _ in range(3):
                    threads.add(await unit.run(lambda _: threading.get_ident()))
        assert len(threads) == 1
        assert threading.get_ident() not in threads

    awaited(work)


def test_an_open_unit_is_undone_by_an_error(storage: Storage) -> None:
    async def work() -> None:
        lifted = ThreadedStorage(storage)
        unit = lifted.unit_of_work("t")
        with pytest.raises(ZeroDivisionError):
            await spoil(unit)
        assert await lifted.run("t", count) == 0
        with pytest.raises(TransactionError, match="has ended"):
            await cast("AsyncUnit", unit).run(count)

    awaited(work)


def test_an_error_may_be_kept_from_leaving() -> None:
    class Forgiving(InMemoryStorage):
        @contextmanager
        def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
            with suppress(ZeroDivisionError), super().unit_of_work(tenant, read_only=read_only) as uow:
                yield uow

    async def work() -> None:
        async with ThreadedStorage(Forgiving(collections=KIT)).unit_of_work("t"):
            raise ZeroDivisionError

    awaited(work)


def test_what_a_task_does_beside_its_open_unit_runs_in_its_thread(
    memory: InMemoryStorage, sqlite_storage: SQLStorage
) -> None:
    async def work() -> None:
        for store in (memory, sqlite_storage):
            lifted = ThreadedStorage(store, workers=1)
            async with lifted.unit_of_work("t") as unit:
                await unit.run(add)
                with pytest.raises(TransactionError, match="already"):
                    await lifted.run("t", add)
                with pytest.raises(TransactionError, match="already"):
                    async with lifted.unit_of_work("t"):
                        pass
                if store is sqlite_storage:
                    async with lifted.unit_of_work("t", read_only=True) as reader:
                        assert await reader.run(count) == 0
            assert await lifted.run("t", count) == 1

    awaited(work)


def test_other_tasks_have_their_own_units(sqlite_storage: SQLStorage) -> None:
    async def work() -> None:
        lifted = ThreadedStorage(sqlite_storage)
        async with lifted.unit_of_work("t") as unit:
            await unit.run(add)
            assert await asyncio.create_task(lifted.run("t", count, read_only=True)) == 0

    awaited(work)


def test_more_open_units_than_workers_wait(sqlite_storage: SQLStorage) -> None:
    async def read(lifted: ThreadedStorage, going: asyncio.Event) -> int:
        async with lifted.unit_of_work("t", read_only=True) as unit:
            going.set()
            return await unit.run(count)

    async def work() -> None:
        lifted, going = ThreadedStorage(sqlite_storage, workers=1), asyncio.Event()
        async with lifted.unit_of_work("t", read_only=True):
            waiting = [asyncio.create_task(read(lifted, going)) for _ in range(2)]
            await lifted.check()
            waiting[1].cancel()
            await asyncio.wait(waiting[1:])
            assert waiting[1].cancelled()
            assert not going.is_set()
        assert await waiting[0] == 0

    awaited(work)


def test_an_open_unit_is_not_used_by_two_tasks_at_once(memory: InMemoryStorage) -> None:
    async def work() -> None:
        lifted, gate = ThreadedStorage(memory), Gate()
        async with lifted.unit_of_work("t") as unit:
            busy = asyncio.create_task(unit.run(gate))
            await gate.begun.wait()
            with pytest.raises(TransactionError, match="another task"):
                await unit.run(count)
            gate.open.set()
            await busy
            assert await unit.run(count) == 1

    awaited(work)


def test_a_task_that_waits_for_a_thread_is_cancelled_at_once(memory: InMemoryStorage) -> None:
    async def work() -> None:
        lifted, gate = ThreadedStorage(memory), Gate()
        busy = asyncio.create_task(lifted.run("t", gate))
        await gate.begun.wait()
        waiting = asyncio.create_task(lifted.run("t", never))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert not busy.done()
        gate.open.set()
        await busy
        assert await lifted.run("t", count) == 1

    awaited(work)


@pytest.mark.parametrize("opens", [False, True])
def test_a_task_that_waits_for_the_store_is_cancelled_at_once(opens: bool) -> None:
    async def open_one(lifted: ThreadedStorage) -> None:
        async with lifted.unit_of_work("t"):
            pytest.fail("it was given up")

    async def work() -> None:
        gate = Gate()
        held = Held(gate)
        lifted = ThreadedStorage(held, workers=1)
        call = open_one(lifted) if opens else lifted.run("t", never)
        waiting = asyncio.create_task(call)
        await gate.begun.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        held.gate = None
        gate.open.set()
        async with lifted.unit_of_work("t") as unit:  # in the same thread, once that is free
            await unit.run(add)
        assert await lifted.run("t", count) == 1

    awaited(work)


def test_looking_around_is_given_up_at_once(memory: InMemoryStorage) -> None:
    async def work() -> None:
        lifted, gate = ThreadedStorage(memory), Gate()
        busy = asyncio.create_task(lifted.run("t", gate))
        await gate.begun.wait()
        looking = asyncio.create_task(lifted.tenants(SHELVES))
        await asyncio.sleep(0)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        gate.open.set()
        await busy

    awaited(work)


@pytest.mark.parametrize("times", [1, 3])
def test_a_cancellation_during_work_undoes_it_and_waits_for_its_end(storage: Storage, times: int) -> None:
    async def work() -> None:
        lifted, gate = ThreadedStorage(storage), Gate()
        task = asyncio.create_task(lifted.run("t", gate))
        await gate.begun.wait()
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await lifted.run("t", count) == 0

    awaited(work)


def test_a_cancellation_in_an_open_unit_undoes_it(storage: Storage) -> None:
    async def work() -> None:
        lifted, gate = ThreadedStorage(storage), Gate()

        async def write() -> None:
            async with lifted.unit_of_work("t") as unit:
                await unit.run(gate)

        task = asyncio.create_task(write())
        await gate.begun.wait()
        task.cancel()
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await lifted.run("t", count) == 0

    awaited(work)


def test_a_cancellation_that_the_host_swallows_spoils_the_unit(storage: Storage) -> None:
    async def work() -> None:
        lifted, gate = ThreadedStorage(storage), Gate()

        async def write() -> None:
            async with lifted.unit_of_work("t") as unit:
                with suppress(asyncio.CancelledError):
                    await unit.run(gate)
                with pytest.raises(TransactionError, match="cancelled"):
                    await unit.run(count)

        task = asyncio.create_task(write())
        await gate.begun.wait()
        task.cancel()
        gate.open.set()
        with pytest.raises(TransactionError, match="cancelled"):
            await task
        assert await lifted.run("t", count) == 0

    awaited(work)


class SlowToEnd(InMemoryStorage):
    """Waits at the end of a unit, before anything is final."""

    gate: Gate | None = None

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        with super().unit_of_work(tenant, read_only=read_only) as uow:
            yield uow
            if self.gate is not None:
                self.gate.wait()


def test_a_cancellation_during_the_commit_waits_for_it() -> None:
    async def work() -> None:
        storage = SlowToEnd(collections=KIT)
        storage.gate = gate = Gate()
        lifted = ThreadedStorage(storage)
        task = asyncio.create_task(lifted.run("t", add))
        await gate.begun.wait()
        task.cancel()
        await asyncio.sleep(0)
        storage.gate = None
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await lifted.run("t", count) == 1

    awaited(work)


def test_a_cancellation_before_the_commit_of_an_open_unit_undoes_it(memory: InMemoryStorage) -> None:
    opening = Opening(memory.unit_of_work("t"))
    opening()
    add(opening.result())
    leaving = Leaving(opening, None)
    assert not leaving.cancel()
    leaving()
    assert leaving.result() is False
    with memory.unit_of_work("t") as uow:
        assert count(uow) == 0


def test_a_unit_that_cannot_begin_leaves_its_thread_to_others() -> None:
    class Broken(InMemoryStorage):
        broken = True

        @contextmanager
        def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
            if self.broken:
                raise StorageError
            with super().unit_of_work(tenant, read_only=read_only) as uow:
                yield uow

    async def work() -> None:
        storage = Broken(collections=KIT)
        lifted = ThreadedStorage(storage, workers=1)
        for _ in range(2):
            with pytest.raises(StorageError):
                async with lifted.unit_of_work("t"):
                    pass
        storage.broken = False
        async with lifted.unit_of_work("t") as unit:
            assert await unit.run(count) == 0

    awaited(work)


def test_closing_undoes_what_is_open_and_waits_for_what_runs(storage: Storage) -> None:
    async def work() -> None:
        lifted, gate = ThreadedStorage(storage), Gate()
        async with lifted.unit_of_work("other") as unit:
            await unit.run(add)
        running = asyncio.create_task(lifted.run("t", gate))
        await gate.begun.wait()
        closing = asyncio.create_task(lifted.close())
        await asyncio.sleep(0)
        with pytest.raises(TransactionError, match="closed"):
            await lifted.run("t", count)
        with pytest.raises(TransactionError, match="closed"):
            lifted.unit_of_work("t")
        gate.open.set()
        await running
        await closing
        await lifted.close()

    awaited(work)


def test_an_open_unit_ends_badly_when_its_store_is_closed(memory: InMemoryStorage) -> None:
    async def work() -> None:
        lifted = ThreadedStorage(memory)

        async def write() -> None:
            async with lifted.unit_of_work("t") as unit:
                await unit.run(add)
                await lifted.close()
                with pytest.raises(TransactionError, match="was closed"):
                    await unit.run(add)

        with pytest.raises(TransactionError, match="was closed"):
            await write()
        assert await ThreadedStorage(memory).run("t", count) == 0

    awaited(work)


def test_a_unit_that_begins_while_its_store_is_closed_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        gate = Gate()
        held = Held(gate)
        lifted = ThreadedStorage(held)

        async def write() -> None:
            async with lifted.unit_of_work("t"):
                pytest.fail("the store is closed")

        writing = asyncio.create_task(write())
        await gate.begun.wait()
        (unit,) = lifted._threads.units  # noqa: SLF001 - to know when it is told to end there is no other way
        told, undo = asyncio.Event(), unit.undo

        def telling() -> Future[None]:
            leaving = undo()
            loop.call_soon_threadsafe(told.set)
            return leaving

        loop = asyncio.get_running_loop()
        monkeypatch.setattr(unit, "undo", telling)
        closing = asyncio.create_task(lifted.close())
        await told.wait()
        held.gate = None
        gate.open.set()
        with pytest.raises(TransactionError, match="was closed"):
            await writing
        await closing

    awaited(work)


def test_a_loop_that_ends_undoes_what_is_open(sqlite_storage: SQLStorage) -> None:
    lifted = ThreadedStorage(sqlite_storage)

    async def write(begun: asyncio.Event) -> None:
        async with lifted.unit_of_work("t") as unit:
            await unit.run(add)
            begun.set()
            await asyncio.Event().wait()

    async def leave() -> asyncio.Task[None]:
        begun = asyncio.Event()
        task = asyncio.create_task(write(begun))
        await begun.wait()
        return task

    assert awaited(leave).cancelled()
    assert awaited(lambda: lifted.run("t", count)) == 0


def test_threads_end_with_their_store(memory: InMemoryStorage) -> None:
    async def work() -> None:
        lifted = ThreadedStorage(memory)
        await lifted.run("t", count)
        async with lifted.unit_of_work("t"):
            pass
        await lifted.close()

    with no_thread_left():
        awaited(work)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_starts_its_own_threads(memory: InMemoryStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    after_fork: list[Callable[[], object]] = []
    monkeypatch.setattr("os.register_at_fork", lambda *, after_in_child: after_fork.append(after_in_child))

    async def work() -> None:
        lifted = ThreadedStorage(memory)
        ident = partial(lifted.run, "t", lambda _: threading.get_ident())
        thread = await ident()
        assert await ident() == thread
        after_fork[0]()
        assert await ident() != thread

    awaited(work)
    gc.collect()
    after_fork[0]()


def test_where_nothing_forks_nothing_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.register_at_fork", raising=False)
    Threads(1).end()
