"""A task that is cancelled at any point leaves no lock, no half of a unit, and nothing unclosed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.sqlalchemy import AsyncSQLStorage, SQLStorage
from clientmgmt.adapters.threads import ThreadedStorage
from clientmgmt.ports import AsyncStorage, UnitOfWork
from clientmgmt.testing.kit import BOOKS, KIT, LABELS, SHELVES, Book, Label, Shelf, uid

pytestmark = pytest.mark.greenlets

SHELF = Shelf(id=uid(1), code="A")
TENANT = "t"
ROUNDS = 60
MANY = 1000
AT_ONCE = 4
WINDOWS = (1, AT_ONCE, 5 * AT_ONCE)
PATIENCE = 20

Opened = Callable[[], AsyncIterator[AsyncStorage]]


def lock(uow: UnitOfWork) -> None:
    uow.get(SHELVES, SHELF.id, lock=True)


def add_book(uow: UnitOfWork, number: int) -> None:
    uow.add(BOOKS, Book(id=uid(number), shelf_id=SHELF.id, serial=str(number)))


def add_label(uow: UnitOfWork, number: int) -> None:
    uow.add(LABELS, Label(id=uid(number), key=str(number), shelf_id=SHELF.id))


def write(uow: UnitOfWork, number: int) -> None:
    lock(uow)
    add_book(uow, number)
    add_label(uow, number)


async def in_one_call(storage: AsyncStorage, number: int) -> None:
    await storage.run(TENANT, partial(write, number=number))


async def in_several_calls(storage: AsyncStorage, number: int) -> None:
    async with storage.unit_of_work(TENANT) as unit:
        await unit.run(lock)
        await unit.run(partial(add_book, number=number))
        await asyncio.sleep(0)
        await unit.run(partial(add_label, number=number))


Write = Callable[[AsyncStorage, int], Awaitable[None]]


async def storm(storage: AsyncStorage, write: Write, random: Random, rounds: int) -> set[int]:
    """Cancel units at random moments, some twice; answer which were not cancelled."""
    loop = asyncio.get_running_loop()
    await write(storage, 1)
    begun = loop.time()
    await write(storage, 2)
    duration = loop.time() - begun
    done = {1, 2}
    for first in range(3, 3 + rounds, AT_ONCE):
        tasks = {number: loop.create_task(_awaited(write(storage, number))) for number in range(first, first + AT_ONCE)}
        for task in tasks.values():
            for _ in range(random.choice([1, 1, 2, 3])):
                loop.call_later(random.uniform(0, random.choice(WINDOWS) * duration), task.cancel)
        for number, task in tasks.items():
            with suppress(asyncio.CancelledError):
                await task
                done.add(number)
    return done


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def check(storage: AsyncStorage, done: set[int]) -> None:
    """Every unit is there as a whole or not at all, and who writes next need not wait."""
    async with asyncio.timeout(PATIENCE):
        await in_one_call(storage, 9999)
        await in_several_calls(storage, 9998)
    books = {book.id for book in await storage.run(TENANT, lambda uow: uow.find(BOOKS), read_only=True)}
    labels = {label.id for label in await storage.run(TENANT, lambda uow: uow.find(LABELS), read_only=True)}
    assert books == labels
    assert {uid(number) for number in done} <= books


async def ride_out(opened: Opened, write: Write, *, seed: int, rounds: int) -> set[int]:
    async with asynccontextmanager(opened)() as storage:
        await storage.upgrade()
        await storage.run(TENANT, lambda uow: uow.add(SHELVES, SHELF))
        done = await storm(storage, write, Random(seed), rounds)  # noqa: S311 - moments are no secrets
        await check(storage, done)
    return done


async def on_memory() -> AsyncIterator[AsyncStorage]:
    storage = ThreadedStorage(InMemoryStorage(collections=KIT))
    yield storage
    await storage.close()


async def on_sqlite(folder: Path) -> AsyncIterator[AsyncStorage]:
    storage = ThreadedStorage(SQLStorage(f"sqlite:///{folder / 'kit.db'}", collections=KIT))
    yield storage
    await storage.close()


async def on_aiosqlite(folder: Path) -> AsyncIterator[AsyncStorage]:
    storage = AsyncSQLStorage(f"sqlite+aiosqlite:///{folder / 'kit.db'}", collections=KIT)
    yield storage
    await storage.close()


NAME = "clientmgmt-cancelling"
OPTIONS = {"asyncpg": {"server_settings": {"application_name": NAME}}, "psycopg": {"application_name": NAME}}
LEFT = sa.text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND state <> 'idle'").bindparams(
    name=NAME
)
LOCKS = sa.text(
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE application_name = :name"
).bindparams(name=NAME)


async def on_postgresql(driver: str, url: str, schema: str, watcher: sa.Engine) -> AsyncIterator[AsyncStorage]:
    engine = create_async_engine(
        sa.make_url(url).set(drivername=f"postgresql+{driver}"),
        connect_args=OPTIONS[driver],
        isolation_level="READ COMMITTED",
    )
    storage = AsyncSQLStorage(engine, schema=schema, collections=KIT)
    yield storage
    await storage.close()
    async with asyncio.timeout(PATIENCE):
        while any(found(watcher)):  # noqa: ASYNC110 - the server tells nobody when it has seen a connection close
            await asyncio.sleep(0.01)
    await engine.dispose()


def found(watcher: sa.Engine) -> tuple[int, int]:
    """How many of our connections are not idle, and how many locks they hold."""
    with watcher.connect() as connection:
        return connection.execute(LEFT).scalar_one(), connection.execute(LOCKS).scalar_one()


@pytest.fixture(autouse=True)
def nothing_is_left_unclosed() -> Iterator[None]:
    """What is found unclosed now is a warning, and so an error of this test."""
    yield
    gc.collect()


@pytest.fixture(params=["memory", "sqlite", "aiosqlite", "asyncpg", "psycopg"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """What opens a store in an event loop, and closes it."""
    if request.param in OPTIONS:
        named = map(request.getfixturevalue, ("postgres_url", "schema", "postgres_engine"))
        return partial(on_postgresql, request.param, *named)
    openers: dict[str, Opened] = {
        "memory": on_memory,
        "sqlite": partial(on_sqlite, tmp_path),
        "aiosqlite": partial(on_aiosqlite, tmp_path),
    }
    return openers[request.param]


writes = pytest.mark.parametrize("write", [in_one_call, in_several_calls])


@writes
def test_cancelling_at_random_leaves_nothing_behind(opened: Opened, write: Write) -> None:
    done = asyncio.run(ride_out(opened, write, seed=1, rounds=ROUNDS))
    assert 2 < len(done) < ROUNDS


@pytest.mark.slow
@writes
def test_cancelling_very_often_leaves_nothing_behind(opened: Opened, write: Write) -> None:
    done = asyncio.run(ride_out(opened, write, seed=2, rounds=MANY))
    assert 2 < len(done) < MANY
