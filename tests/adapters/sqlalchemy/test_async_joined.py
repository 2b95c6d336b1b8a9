"""Asynchronous units inside a transaction of the host: part of it, never its end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from clientmgmt.adapters.sqlalchemy import AsyncSQLStorage, SQLStorage, connection_of
from clientmgmt.errors import ConfigurationError, SchemaError, StorageError, TransactionError
from clientmgmt.ports import UniqueViolation, UnitOfWork
from clientmgmt.testing.kit import KIT, SHELVES, Shelf, uid

pytestmark = pytest.mark.greenlets

R = TypeVar("R")
Host = AsyncConnection | AsyncSession
PATIENCE = 20
SLOW = f"SELECT pg_sleep({PATIENCE})"


def awaited(work: Callable[[], Coroutine[Any, Any, R]]) -> R:
    async def patiently() -> R:
        async with asyncio.timeout(PATIENCE):
            return await work()

    answer = asyncio.run(patiently())
    gc.collect()
    return answer


def shelf(number: int) -> Shelf:
    return Shelf(id=uid(number), code=str(number))


def add(number: int) -> Callable[[UnitOfWork], None]:
    return lambda uow: uow.add(SHELVES, shelf(number))


def add_and_fail(uow: UnitOfWork) -> None:
    uow.add(SHELVES, shelf(7))
    raise ZeroDivisionError


def take_a_key(uow: UnitOfWork) -> None:
    uow.add(SHELVES, shelf(8))
    uow.add(SHELVES, Shelf(id=uid(9), code="1"))


def in_failed_sql(uow: UnitOfWork) -> None:
    uow.add(SHELVES, shelf(6))
    with suppress(sa.exc.DBAPIError):
        connection_of(uow).exec_driver_sql("SELECT 1 FROM no_such_table")


def codes(uow: UnitOfWork) -> list[str]:
    return sorted(found.code for found in uow.find(SHELVES))


@pytest.fixture(params=["asyncpg", "psycopg", "aiosqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> sa.URL:
    if request.param == "aiosqlite":
        return sa.make_url(f"sqlite+aiosqlite:///{tmp_path / 'own.db'}")
    postgres: str = request.getfixturevalue("postgres_url")
    return sa.make_url(postgres).set(drivername=f"postgresql+{request.param}")


@pytest.fixture
def schema(url: sa.URL, request: pytest.FixtureRequest) -> str | None:
    """A schema whose tables are empty."""
    if url.get_backend_name() == "sqlite":
        return None
    request.getfixturevalue("postgres_storage")
    kit: tuple[SQLStorage, sa.Engine, str] = request.getfixturevalue("postgres_kit")
    return kit[2]


@asynccontextmanager
async def opened(url: sa.URL, schema: str | None, **options: Any) -> AsyncIterator[tuple[AsyncEngine, AsyncSQLStorage]]:  # noqa: ANN401 - the engine's
    own = create_async_engine(url, **options)
    if url.get_backend_name() == "sqlite":
        sa.event.listen(own.sync_engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))
    try:
        storage = AsyncSQLStorage(own, schema=schema, collections=KIT)
        if schema is None:
            await storage.upgrade()
        yield own, storage
    finally:
        await own.dispose()


@pytest.fixture
def opens(url: sa.URL, schema: str | None) -> Callable[..., Any]:
    return partial(opened, url, schema)


@pytest.fixture(params=[AsyncEngine.connect, AsyncSession], ids=["connection", "session"])
def hosting(request: pytest.FixtureRequest) -> Callable[[AsyncEngine], AbstractAsyncContextManager[Host]]:
    made: Callable[[AsyncEngine], AbstractAsyncContextManager[Host]] = request.param
    return made


on_postgresql_only = pytest.mark.parametrize("url", ["asyncpg", "psycopg"], indirect=True)


def test_the_host_commits(opens: Any, hosting: Any) -> None:  # noqa: ANN401 - see the fixtures
    async def work() -> None:
        async with opens() as (own, storage):
            async with hosting(own) as host:
                joined = storage.joined(host)
                assert joined.in_host_transaction
                assert (joined.ephemeral, joined.exclusive) == (storage.ephemeral, storage.exclusive)
                await joined.run("t", add(1))
                async with joined.unit_of_work("t") as unit:
                    await unit.run(add(2))
                    assert await unit.run(codes) == ["1", "2"]
                assert await joined.tenants(SHELVES) == ("t",)
                assert await storage.run("t", codes, read_only=True) == []
                await joined.close()
                await host.commit()
            assert await storage.run("t", codes) == ["1", "2"]

    awaited(work)


def test_the_host_rolls_back(opens: Any, hosting: Any) -> None:  # noqa: ANN401 - the same
    async def work() -> None:
        async with opens() as (own, storage):
            async with hosting(own) as host:
                await storage.joined(host).run("t", add(1))
                await host.rollback()
            assert await storage.run("t", codes) == []

    awaited(work)


def test_a_unit_that_fails_is_undone_alone(opens: Any, hosting: Any) -> None:  # noqa: ANN401 - the same
    async def work() -> None:
        async with opens() as (own, storage):
            async with hosting(own) as host:
                joined = storage.joined(host)
                await joined.run("t", add(1))
                with pytest.raises(ZeroDivisionError):
                    await joined.run("t", add_and_fail)
                with pytest.raises(UniqueViolation):
                    await joined.run("t", take_a_key)
                await joined.run("t", add(2))
                await host.commit()
            assert await storage.run("t", codes) == ["1", "2"]

    awaited(work)


def test_a_savepoint_of_the_host_takes_units_with_it(opens: Any, hosting: Any) -> None:  # noqa: ANN401 - the same
    async def work() -> None:
        async with opens() as (own, storage):
            async with hosting(own) as host:
                joined = storage.joined(host)
                await joined.run("t", add(1))
                nested = await host.begin_nested()
                await joined.run("t", add(2))
                await nested.rollback()
                async with host.begin_nested():
                    await joined.run("t", add(3))
                await host.commit()
            assert await storage.run("t", codes) == ["1", "3"]

    awaited(work)


@on_postgresql_only
def test_an_error_that_the_host_swallows_undoes_the_unit(opens: Any, hosting: Any) -> None:  # noqa: ANN401 - the same
    """PostgreSQL only: SQLite undoes the statement alone, and the transaction goes on."""

    async def work() -> None:
        async with opens() as (own, storage):
            async with hosting(own) as host:
                joined = storage.joined(host)
                with pytest.raises(TransactionError, match="ended its transaction"):
                    await joined.run("t", in_failed_sql)
                await joined.run("t", add(1))
                await host.commit()
            assert await storage.run("t", codes) == ["1"]

    awaited(work)


class Base(DeclarativeBase):
    """What the host maps."""


class Remark(Base):
    __tablename__ = "host_remarks"
    id: Mapped[int] = mapped_column(primary_key=True)


def remarks(uow: UnitOfWork) -> int:
    return connection_of(uow).execute(sa.select(sa.func.count()).select_from(Remark)).scalar_one()


def test_a_session_is_flushed_first(opens: Any) -> None:  # noqa: ANN401 - the same
    async def work() -> None:
        async with opens() as (own, storage), AsyncSession(own) as session:
            await (await session.connection()).run_sync(Base.metadata.create_all)
            session.add(Remark(id=1))
            assert await storage.joined(session).run("t", remarks) == 1
            await session.rollback()

    awaited(work)


@on_postgresql_only
def test_a_transaction_of_another_isolation_is_refused(opens: Any) -> None:  # noqa: ANN401 - the same
    async def work() -> None:
        async with opens(isolation_level="REPEATABLE READ") as (own, storage), own.connect() as host:
            with pytest.raises(ConfigurationError, match="REPEATABLE READ"):
                await storage.joined(host).run("t", codes)
            await host.rollback()
            await host.execution_options(isolation_level="READ COMMITTED")
            assert await storage.joined(host).run("t", codes) == []

    awaited(work)


def test_only_connections_and_sessions_that_are_awaited_are_joined(opens: Any) -> None:  # noqa: ANN401 - the same
    async def work() -> None:
        async with opens() as (own, storage):
            for host in (own.connect(), own.sync_engine, None):
                with pytest.raises(ConfigurationError, match="AsyncConnection"):
                    storage.joined(cast("AsyncConnection", host))

    awaited(work)


def test_another_driver_is_refused(opens: Any, postgres_url: str) -> None:  # noqa: ANN401 - the same
    async def work() -> None:
        async with opens() as (own, storage):
            driver = "psycopg" if own.dialect.driver == "asyncpg" else "asyncpg"
            other = create_async_engine(sa.make_url(postgres_url).set(drivername=f"postgresql+{driver}"))
            async with other.connect() as host:
                with pytest.raises(ConfigurationError, match=driver):
                    await storage.joined(host).run("t", codes)
            await other.dispose()

    awaited(work)


@pytest.mark.parametrize("url", ["asyncpg"], indirect=True)
def test_a_schema_is_made_inside_the_transaction(url: sa.URL, postgres_engine: sa.Engine, schema: str) -> None:
    async def work() -> None:
        own = create_async_engine(url)
        storage = AsyncSQLStorage(own, schema=schema, collections=KIT, prefix="joined_")
        async with own.connect() as host:
            joined = storage.joined(host)
            with pytest.raises(SchemaError):
                await joined.run("t", codes)
            assert "wrong_schema" in {note.code for note in await joined.check()}
            assert await joined.upgrade()
            assert await joined.run("t", codes) == []
            await host.rollback()
        await own.dispose()

    awaited(work)
    assert not sa.inspect(postgres_engine).has_table("joined_kit_shelves", schema=schema)


@on_postgresql_only
def test_a_transaction_that_has_failed_before_is_told(opens: Any) -> None:  # noqa: ANN401 - the same
    async def work() -> None:
        async with opens() as (own, storage), own.connect() as host:
            with suppress(sa.exc.DBAPIError):
                await host.exec_driver_sql("SELECT 1 FROM no_such_table")
            with pytest.raises((StorageError, TransactionError)):
                await storage.joined(host).run("t", codes)
            assert [note.code for note in await storage.joined(host).check()] == ["unreachable"]
            await host.rollback()
            assert await storage.joined(host).run("t", codes) == []

    awaited(work)


@on_postgresql_only
def test_a_cancellation_undoes_what_the_host_did_as_well(opens: Any, hosting: Any) -> None:  # noqa: ANN401 - the same
    async def write(own: AsyncEngine, storage: AsyncSQLStorage) -> None:
        async with hosting(own) as host:
            joined = storage.joined(host)
            await joined.run("t", add(1))
            task = asyncio.create_task(joined.run("t", lambda uow: connection_of(uow).exec_driver_sql(SLOW)))
            asyncio.get_running_loop().call_later(0.05, task.cancel)
            with suppress(asyncio.CancelledError):
                await task
            with pytest.raises(TransactionError, match="roll it back"):
                await joined.run("t", codes)
            await host.commit()

    async def work() -> None:
        async with opens() as (own, storage):
            with pytest.raises(sa.exc.PendingRollbackError):
                await write(own, storage)
            assert await storage.run("t", codes) == []

    awaited(work)


def test_sqlite_without_foreign_keys_is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        own = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'own.db'}")
        async with own.connect() as host:
            with pytest.raises(ConfigurationError, match="foreign_keys"):
                await AsyncSQLStorage(own, collections=KIT).joined(host).run("t", codes)
        await own.dispose()

    awaited(work)
