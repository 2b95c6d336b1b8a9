"""Stores that know the kit. Those in SQL databases are made once and emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.sqlalchemy import AsyncSQLStorage, SQLStorage, build_tables
from clientmgmt.adapters.threads import ThreadedStorage
from clientmgmt.testing.blocking import BlockingStorage
from clientmgmt.testing.kit import KIT
from tests.django_site import ThreadedStorage as ThreadedDjango
from tests.django_site import database, postgresql, sqlite
from tests.postgres import new_schema

SQLiteKit = tuple[SQLStorage, sa.Engine]
PostgresKit = tuple[SQLStorage, sa.Engine, str]


@pytest.fixture
def memory_storage() -> InMemoryStorage:
    return InMemoryStorage(collections=KIT)


@pytest.fixture
def sqlite_storage(sqlite_kit: SQLiteKit) -> SQLStorage:
    storage, engine = sqlite_kit
    empty(engine, schema=None)
    return storage


@pytest.fixture
def postgres_storage(postgres_kit: PostgresKit) -> SQLStorage:
    storage, engine, schema = postgres_kit
    empty(engine, schema=schema)
    return storage


@pytest.fixture(scope="session")
def sqlite_kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SQLiteKit]:
    url = f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'kit.db'}"
    storage = SQLStorage(url, collections=KIT)
    storage.upgrade()
    engine = sa.create_engine(url)
    yield storage, engine
    engine.dispose()
    storage.close()


@pytest.fixture(scope="session")
def postgres_kit(postgres_url: str) -> Iterator[PostgresKit]:
    engine = sa.create_engine(postgres_url, isolation_level="READ COMMITTED", pool_size=20)
    with new_schema(engine) as schema:
        storage = SQLStorage(engine, schema=schema, collections=KIT)
        storage.upgrade()
        yield storage, engine, schema
    engine.dispose()


@pytest.fixture(scope="session")
def host_engine(sqlite_kit: tuple[SQLStorage, sa.Engine]) -> Iterator[sa.Engine]:
    """A host's engine for the same file, in the mode that the driver has by itself."""
    engine = sa.create_engine(sqlite_kit[1].url)
    sa.event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def django_on_sqlite(sqlite_kit: tuple[SQLStorage, sa.Engine]) -> Iterator[tuple[str, ThreadedDjango]]:
    with database(sqlite(str(sqlite_kit[1].url.database))) as alias:
        yield alias, ThreadedDjango(alias, collections=KIT)


@pytest.fixture(scope="session")
def django_on_postgresql(
    postgres_kit: tuple[SQLStorage, sa.Engine, str], postgres_url: str
) -> Iterator[tuple[str, ThreadedDjango]]:
    with database(postgresql(postgres_url)) as alias:
        yield alias, ThreadedDjango(alias, collections=KIT, schema=postgres_kit[2])


@pytest.fixture
def threaded_memory_storage() -> Iterator[BlockingStorage]:
    with BlockingStorage(ThreadedStorage(InMemoryStorage(collections=KIT))) as storage:
        yield storage


@pytest.fixture
def threaded_sqlite_storage(threaded_sqlite_kit: BlockingStorage, sqlite_kit: SQLiteKit) -> BlockingStorage:
    empty(sqlite_kit[1], schema=None, prefix="threaded_")
    return threaded_sqlite_kit


@pytest.fixture(scope="session")
def threaded_sqlite_kit(sqlite_kit: SQLiteKit) -> Iterator[BlockingStorage]:
    inner = SQLStorage(sqlite_kit[1].url, collections=KIT, prefix="threaded_")
    with BlockingStorage(ThreadedStorage(inner)) as storage:
        storage.upgrade()
        yield storage


@pytest.fixture
def aiosqlite_storage(aiosqlite_kit: BlockingStorage, sqlite_kit: SQLiteKit) -> BlockingStorage:
    empty(sqlite_kit[1], schema=None, prefix="aiosqlite_")
    return aiosqlite_kit


@pytest.fixture(scope="session")
def aiosqlite_kit(sqlite_kit: SQLiteKit) -> Iterator[BlockingStorage]:
    url = sqlite_kit[1].url.set(drivername="sqlite+aiosqlite")
    with BlockingStorage(AsyncSQLStorage(url, collections=KIT, prefix="aiosqlite_")) as storage:
        storage.upgrade()
        yield storage


@pytest.fixture
def asyncpg_storage(asyncpg_kit: BlockingStorage, postgres_kit: PostgresKit) -> BlockingStorage:
    empty(postgres_kit[1], schema=postgres_kit[2], prefix="asyncpg_")
    return asyncpg_kit


@pytest.fixture(scope="session")
def asyncpg_kit(postgres_kit: PostgresKit) -> Iterator[BlockingStorage]:
    yield from async_kit("asyncpg", postgres_kit)


@pytest.fixture
def psycopg_storage(psycopg_kit: BlockingStorage, postgres_kit: PostgresKit) -> BlockingStorage:
    empty(postgres_kit[1], schema=postgres_kit[2], prefix="psycopg_")
    return psycopg_kit


@pytest.fixture(scope="session")
def psycopg_kit(postgres_kit: PostgresKit) -> Iterator[BlockingStorage]:
    yield from async_kit("psycopg", postgres_kit)


def async_kit(driver: str, kit: PostgresKit) -> Iterator[BlockingStorage]:
    url = kit[1].url.set(drivername=f"postgresql+{driver}")
    with BlockingStorage(AsyncSQLStorage(url, schema=kit[2], collections=KIT, prefix=f"{driver}_")) as storage:
        storage.upgrade()
        yield storage


def empty(engine: sa.Engine, *, schema: str | None, prefix: str = "cm_") -> None:
    """Delete all rows but those that say which version the schema has."""
    tables = build_tables(sa.MetaData(), collections=KIT, schema=schema, prefix=prefix)
    with engine.begin() as connection:
        for name in reversed(list(tables)):
            if name != "schema":
                connection.execute(tables[name].delete())
