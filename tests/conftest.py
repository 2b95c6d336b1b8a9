"""The three stores that every story runs on, and the box that a story is told with.

The databases are made once per process; what isolates tests from each other is that each has a tenant of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.ports import Storage
from clientmgmt.ports.collections import FEED, NEW_EVENTS, OUTBOX
from tests.box import Box
from tests.postgres import new_schema, postgres_url

__all__ = ["postgres_url"]

RAM = Path("/dev/shm")  # noqa: S108 - where it exists, waiting for a disk is no part of a story


@pytest.fixture(scope="session")
def sqlite_store() -> Iterator[SQLStorage]:
    with TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder:
        storage = SQLStorage(f"sqlite:///{folder}/clients.db")
        storage.upgrade()
        yield storage
        storage.close()


@pytest.fixture(scope="session")
def postgresql_store(postgres_url: str) -> Iterator[SQLStorage]:
    engine = sa.create_engine(postgres_url, isolation_level="READ COMMITTED", hide_parameters=True)
    with new_schema(engine) as schema:
        storage = SQLStorage(engine, schema=schema)
        storage.upgrade()
        yield storage
    engine.dispose()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    """Memory, an SQLite file, a PostgreSQL. No mail and no event is left behind: workers ask for all tenants."""
    store: Storage = (
        InMemoryStorage() if request.param == "memory" else request.getfixturevalue(f"{request.param}_store")
    )
    yield store
    sweep(store)


@pytest.fixture
def postgresql(postgresql_store: SQLStorage) -> Iterator[SQLStorage]:
    """The same for what only a store shows that lets several write at once."""
    yield postgresql_store
    sweep(postgresql_store)


def sweep(store: Storage) -> None:
    """Remove the mail and the events of all tenants."""
    for collection in (OUTBOX, NEW_EVENTS, FEED):
        for tenant in store.tenants(collection, limit=10_000):
            with store.unit_of_work(tenant) as uow:
                uow.remove(collection, *(entity.id for entity in uow.find(collection)))


@pytest.fixture
def box(storage: Storage) -> Box:
    return Box(storage)


@pytest.fixture
def memory_box() -> Box:
    return Box(InMemoryStorage())
