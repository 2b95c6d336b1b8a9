"""Stores with their engines, so that a test can look behind the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.testing.kit import KIT
from tests.postgres import new_schema


@pytest.fixture(scope="session")
def postgres_engine(postgres_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(postgres_url, isolation_level="READ COMMITTED", hide_parameters=True)
    yield engine
    engine.dispose()


@pytest.fixture
def schema(postgres_engine: sa.Engine) -> Iterator[str]:
    """A schema without tables."""
    with new_schema(postgres_engine) as name:
        yield name


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[SQLStorage]:
    storage = SQLStorage(f"sqlite:///{tmp_path / 'own.db'}", collections=KIT)
    storage.upgrade()
    yield storage
    storage.close()


@pytest.fixture
def on_postgresql(postgres_engine: sa.Engine, schema: str) -> SQLStorage:
    storage = SQLStorage(postgres_engine, schema=schema, collections=KIT)
    storage.upgrade()
    return storage


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> SQLStorage:
    storage: SQLStorage = request.getfixturevalue(f"on_{request.param}")
    return storage


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[sa.Engine, str | None]]:
    """An engine, and the schema in which nothing is yet."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres_engine"), request.getfixturevalue("schema")
        return
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'bare.db'}")
    sa.event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))
    yield engine, None
    engine.dispose()
