"""Asynchronous SQL stores: their engines, their units that stay open, and their errors."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from clientmgmt.adapters.sqlalchemy import AsyncSQLStorage, SQLStorage, connection_of, engine
from clientmgmt.adapters.sqlalchemy.turns import TaskTurn
from clientmgmt.errors import (
    ConfigurationError,
    MissingExtraError,
    SchemaError,
    StorageError,
    TransactionConflictError,
    TransactionError,
)
from clientmgmt.ports import AsyncUnit, ReferenceViolation, UniqueViolation, UnitOfWork
from clientmgmt.testing.kit import BOOKS, KIT, SHELVES, Book, Shelf, uid

pytestmark = pytest.mark.greenlets

R = TypeVar("R")
SHELF = Shelf(id=uid(1), code="A")
PATIENCE = 20


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


def lock(uow: UnitOfWork) -> Shelf:
    return uow.get(SHELVES, SHELF.id, lock=True)


def in_failed_sql(uow: UnitOfWork) -> None:
    """Fail past the verbs, and go on as if nothing had happened."""
    with suppress(sa.exc.DBAPIError):
        connection_of(uow).exec_driver_sql("SELECT 1/0")


@pytest.fixture(params=["asyncpg", "psycopg"])
def url(request: pytest.FixtureRequest, postgres_url: str) -> sa.URL:
    return sa.make_url(postgres_url).set(drivername=f"postgresql+{request.param}")


Opened = Callable[[], AbstractAsyncContextManager[AsyncSQLStorage]]


@asynccontextmanager
async def opened(url: sa.URL, schema: str | None) -> AsyncIterator[AsyncSQLStorage]:
    storage = AsyncSQLStorage(url, schema=schema, collections=KIT)
    try:
        await storage.upgrade()
        yield storage
    finally:
        await storage.close()


@pytest.fixture
def tables(postgres_kit: tuple[SQLStorage, sa.Engine, str], postgres_storage: SQLStorage) -> str:
    """The name of a schema with empty tables."""
    assert postgres_storage is postgres_kit[0]
    return postgres_kit[2]


@pytest.fixture
def on_postgresql_async(url: sa.URL, tables: str) -> Opened:
    return partial(opened, url, tables)


@pytest.fixture
def on_aiosqlite(tmp_path: Path) -> Opened:
    return partial(opened, sa.make_url(f"sqlite+aiosqlite:///{tmp_path / 'own.db'}"), None)


@pytest.fixture(params=["asyncpg", "psycopg", "aiosqlite"])
def opens(request: pytest.FixtureRequest, postgres_url: str) -> Opened:
    """What opens a store in an event loop, and closes it."""
    if request.param == "aiosqlite":
        on_aiosqlite: Opened = request.getfixturevalue("on_aiosqlite")
        return on_aiosqlite
    url = sa.make_url(postgres_url).set(drivername=f"postgresql+{request.param}")
    return partial(opened, url, request.getfixturevalue("tables"))


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg_async"])
def test_postgresql_is_reached_through_psycopg(scheme: str) -> None:
    made = engine.open_async_engine(f"{scheme}://host/name")
    assert (made.dialect.driver, made.dialect.is_async) == ("psycopg", True)


def test_asyncpg_is_used_where_it_is_named() -> None:
    assert engine.open_async_engine("postgresql+asyncpg://host/name").dialect.driver == "asyncpg"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///clients.db"])
def test_sqlite_is_sent_to_threads(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"ThreadedStorage\(SQLStorage\('sqlite:.*'\)\)"):
        AsyncSQLStorage(url)


@pytest.mark.parametrize(
    "url", ["mysql+aiomysql://host/name", "postgresql+pg8000://host/name", "sqlite+aiosqlite://", "no url"]
)
def test_urls_that_name_no_fitting_database_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        AsyncSQLStorage(url)


@pytest.mark.parametrize(
    ("driver", "extra", "scheme"),
    [("asyncpg", "asyncpg", "postgresql+asyncpg"), ("psycopg", "postgres", "postgresql")],
)
def test_a_missing_driver_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, driver: str, extra: str, scheme: str
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(MissingExtraError, match=rf"clientmgmt\[{extra}\]"):
        AsyncSQLStorage(f"{scheme}://host/name")


def test_without_greenlets_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"clientmgmt\[asyncio\]"):
        AsyncSQLStorage("postgresql://host/name")


def test_a_synchronous_engine_is_refused() -> None:
    own = sa.create_engine("sqlite://")
    with pytest.raises(ConfigurationError, match="SQLStorage"):
        AsyncSQLStorage(cast("AsyncEngine", own))


def test_it_says_of_itself_what_it_is(tmp_path: Path) -> None:
    stores = [
        AsyncSQLStorage(url, collections=KIT)
        for url in ("postgresql://host/name", f"sqlite+aiosqlite:///{tmp_path / 'own.db'}")
    ]
    assert [store.ephemeral for store in stores] == [False, False]
    assert [store.exclusive for store in stores] == [False, True]
    assert [store.in_host_transaction for store in stores] == [False, False]


def test_a_unit_is_committed_or_undone(opens: Opened) -> None:
    async def work() -> None:
        async with opens() as storage:
            assert await storage.upgrade() == ()
            await storage.run("t", add)
            with pytest.raises(ZeroDivisionError):
                await storage.run("t", lambda uow: (uow.remove(SHELVES, SHELF.id), 1 / 0))
            assert await storage.run("t", count, read_only=True) == 1
            with pytest.raises(TransactionError, match="only reads"):
                await storage.run("t", lambda uow: uow.remove(SHELVES, SHELF.id), read_only=True)
            assert await storage.tenants(SHELVES) == ("t",)

    awaited(work)


def test_without_tables_nothing_works_but_upgrading(url: sa.URL, schema: str) -> None:
    async def work() -> None:
        storage = AsyncSQLStorage(url, schema=schema, collections=KIT)
        with pytest.raises(SchemaError, match="upgrade"):
            await storage.run("t", count)
        assert "wrong_schema" in {note.code for note in await storage.check()}
        assert (await storage.upgrade(to=1))[-1] == "the schema has version 1"
        assert "wrong_schema" in {note.code for note in await storage.check()}
        await storage.upgrade()
        assert "wrong_schema" not in {note.code for note in await storage.check()}
        assert await storage.run("t", count) == 0
        await storage.close()

    awaited(work)


@pytest.mark.parametrize("level", ["AUTOCOMMIT", "REPEATABLE READ"])
def test_an_engine_of_another_isolation_is_refused(url: sa.URL, tables: str, level: str) -> None:
    async def work() -> None:
        own = create_async_engine(url, isolation_level=level)
        storage = AsyncSQLStorage(own, schema=tables, collections=KIT)
        assert "wrong_isolation" in {note.code for note in await storage.check()}
        with pytest.raises(ConfigurationError, match=level):
            await storage.run("t", count)
        with pytest.raises(ConfigurationError, match=level):
            await in_two_calls(storage.unit_of_work("t"))
        await own.dispose()

    awaited(work)


def test_the_engine_of_a_host_stays_open(url: sa.URL, tables: str) -> None:
    async def work() -> None:
        own = create_async_engine(url, isolation_level="READ COMMITTED")
        storage = AsyncSQLStorage(own, schema=tables, collections=KIT)
        assert await storage.run("t", count) == 0
        pool = own.pool
        await storage.close()
        assert own.pool is pool
        await own.dispose()

    awaited(work)


def test_a_server_that_is_not_there_is_an_error_of_the_store(url: sa.URL) -> None:
    async def work() -> None:
        storage = AsyncSQLStorage(url.set(host="/nowhere", query={}), collections=KIT)
        with pytest.raises(StorageError, match="cannot be reached"):
            await storage.run("t", count)
        assert [note.code for note in await storage.check()] == ["unreachable"]
        await storage.close()

    awaited(work)


def test_a_taken_key_and_a_missing_reference_are_told(opens: Opened) -> None:
    async def work() -> None:
        async with opens() as storage:
            await storage.run("t", add)
            with pytest.raises(UniqueViolation) as raised:
                await storage.run("t", lambda uow: uow.add(SHELVES, Shelf(id=uid(2), code="A")))
            assert (raised.value.collection, raised.value.key) == ("kit_shelves", "kit_shelf_code")
            with pytest.raises(ReferenceViolation):
                await storage.run("t", lambda uow: uow.add(BOOKS, Book(id=uid(3), shelf_id=uid(9), serial="z")))

    awaited(work)


def test_many_rows_are_added_like_one(on_postgresql_async: Opened) -> None:
    async def work() -> None:
        async with on_postgresql_async() as storage:
            await storage.run("t", add)
            books = [Book(id=uid(n), shelf_id=SHELF.id, serial=str(n)) for n in range(1, 2500)]
            await storage.run("t", lambda uow: uow.add(BOOKS, *books))
            assert await storage.run("t", lambda uow: uow.find(BOOKS)) == tuple(books)

    awaited(work)


def test_an_error_that_the_host_swallows_is_not_committed(on_postgresql_async: Opened) -> None:
    def half(uow: UnitOfWork) -> None:
        add(uow)
        in_failed_sql(uow)

    async def work() -> None:
        async with on_postgresql_async() as storage:
            with pytest.raises(TransactionError, match="ended its transaction"):
                await storage.run("t", half)
            with pytest.raises(TransactionError, match="ended its transaction"):
                await in_two_calls(storage.unit_of_work("t"), add, in_failed_sql)
            assert await storage.run("t", count) == 0
            await storage.run("t", look_and_add)
            assert await storage.run("t", count) == 1

    awaited(work)


def look_and_add(uow: UnitOfWork) -> None:
    connection_of(uow).exec_driver_sql("SELECT 1")
    add(uow)


async def in_two_calls(unit: AbstractAsyncContextManager[AsyncUnit], *works: Callable[[UnitOfWork], object]) -> None:
    async with unit as opened:
        for work in works:
            await opened.run(work)


def test_an_open_unit_ends_as_a_whole(opens: Opened) -> None:
    async def work() -> None:
        async with opens() as storage:
            with pytest.raises(ZeroDivisionError):
                await in_two_calls(storage.unit_of_work("t"), add, lambda _: 1 / 0)
            assert await storage.run("t", count) == 0
            async with storage.unit_of_work("t") as unit:
                await unit.run(add)
                assert await unit.run(count) == 1
            assert await storage.run("t", count) == 1
            with pytest.raises(TransactionError, match="has ended"):
                await unit.run(count)

    awaited(work)


def test_an_open_unit_that_has_not_begun_refuses(opens: Opened) -> None:
    async def work() -> None:
        async with opens() as storage:
            with pytest.raises(TransactionError, match="not begun"):
                await cast("AsyncUnit", storage.unit_of_work("t")).run(count)

    awaited(work)


def test_an_open_unit_is_not_used_by_two_tasks_at_once(on_postgresql_async: Opened) -> None:
    async def work() -> None:
        async with on_postgresql_async() as storage, storage.unit_of_work("t") as unit:
            busy = asyncio.create_task(unit.run(add))
            await asyncio.sleep(0)
            with pytest.raises(TransactionError, match="another task"):
                await unit.run(count)
            await busy
            assert await unit.run(count) == 1

    awaited(work)


def test_a_cancellation_that_the_host_swallows_spoils_the_unit(opens: Opened) -> None:
    async def write(storage: AsyncSQLStorage) -> None:
        async with storage.unit_of_work("t") as unit:
            await unit.run(add)
            busy = asyncio.create_task(unit.run(count))
            await asyncio.sleep(0)
            busy.cancel()
            with suppress(asyncio.CancelledError):
                await busy
            with pytest.raises(TransactionError, match="cancelled"):
                await unit.run(count)

    async def work() -> None:
        async with opens() as storage:
            with pytest.raises(TransactionError, match="cancelled"):
                await write(storage)
            assert await storage.run("t", count) == 0

    awaited(work)


def test_who_waits_for_a_lock_is_cancelled_and_the_lock_stays_with_its_owner(on_postgresql_async: Opened) -> None:
    async def work() -> None:
        async with on_postgresql_async() as storage:
            await storage.run("t", add)
            async with storage.unit_of_work("t") as unit:
                await unit.run(lock)
                with pytest.raises(TimeoutError):
                    await soon(storage.run("t", lock))
                await unit.run(lambda uow: uow.save(SHELVES, uow.get(SHELVES, SHELF.id)))
            assert (await storage.run("t", lock)).version == 2

    awaited(work)


async def soon(work: Awaitable[object]) -> None:
    async with asyncio.timeout(0.05):
        await work


def test_an_end_that_is_cancelled_before_it_has_begun_is_an_end(opens: Opened) -> None:
    def cancel_others(known: set[asyncio.Task[Any]]) -> None:
        for task in asyncio.all_tasks() - known:
            task.cancel()

    async def work() -> None:
        async with opens() as storage:
            written, ended = asyncio.Event(), asyncio.Event()

            async def write() -> None:
                async with storage.unit_of_work("t") as unit:
                    await unit.run(add)
                    written.set()
                    await ended.wait()

            task = asyncio.create_task(write())
            await written.wait()
            ended.set()
            asyncio.get_running_loop().call_soon(cancel_others, asyncio.all_tasks())
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await storage.run("t", count) == 0

    awaited(work)


def test_closing_undoes_what_is_open_and_waits_for_what_runs(opens: Opened) -> None:
    async def work() -> None:
        async with opens() as storage:
            running = asyncio.create_task(storage.run("other", count, read_only=True))
            await asyncio.sleep(0)

            async def write() -> None:
                async with storage.unit_of_work("t") as unit:
                    await unit.run(add)
                    await storage.close()
                    with pytest.raises(TransactionError, match="was closed"):
                        await unit.run(add)

            with pytest.raises(TransactionError, match="was closed"):
                await write()
            assert await running == 0
            with pytest.raises(TransactionError, match="is closed"):
                await storage.run("t", count)
            with pytest.raises(TransactionError, match="is closed"):
                storage.unit_of_work("t")
        async with opens() as again:
            assert await again.run("t", count) == 0

    awaited(work)


def test_closing_waits_for_the_call_in_an_open_unit(on_postgresql_async: Opened) -> None:
    async def work() -> None:
        async with on_postgresql_async() as storage:

            async def write() -> None:
                async with storage.unit_of_work("t") as unit:
                    busy = asyncio.create_task(unit.run(add))
                    await asyncio.sleep(0)
                    await storage.close()
                    assert busy.done()
                    await busy

            with pytest.raises(TransactionError, match="was closed"):
                await write()

    awaited(work)


def test_writers_on_aiosqlite_take_turns(on_aiosqlite: Opened) -> None:
    async def work() -> None:
        async with on_aiosqlite() as storage:
            async with storage.unit_of_work("t") as unit:
                await unit.run(add)
                with pytest.raises(TransactionError, match="already"):
                    await storage.run("t", count)
                assert await storage.run("t", count, read_only=True) == 0
                waiting = asyncio.create_task(storage.run("t", count))
                await asyncio.sleep(0)
            assert await waiting == 1

    awaited(work)


def test_a_turn_is_not_waited_for_for_ever() -> None:
    async def work() -> None:
        turn = TaskTurn(0.01)
        async with turn.taken():
            with pytest.raises(TransactionConflictError, match="too long"):
                await asyncio.create_task(take(turn))
        await take(turn)

    async def take(turn: TaskTurn) -> None:
        async with turn.taken():
            pass

    awaited(work)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that is writing to the file."""
    connection = sqlite3.connect(tmp_path / "own.db", isolation_level=None)
    connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def test_write_ahead_logging_waits_for_others_without_holding_up_the_loop(
    on_aiosqlite: Opened, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = asyncio.sleep
    pauses = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        other.execute("COMMIT")
        await sleep(0)

    async def work() -> None:
        monkeypatch.setattr(asyncio, "sleep", pause)
        async with on_aiosqlite() as storage:
            assert await storage.check() == ()

    awaited(work)
    assert pauses


def test_a_synchronous_store_has_the_same_tables(on_postgresql_async: Opened, postgres_storage: SQLStorage) -> None:
    async def work() -> None:
        async with on_postgresql_async() as storage:
            await storage.run("t", add)

    awaited(work)
    with postgres_storage.unit_of_work("t") as uow:
        assert uow.find(SHELVES) == (SHELF,)
