"""Asynchronous stores keep the port's promises. The default run has asyncpg; `nox -s races` runs the others as well."""

from __future__ import annotations

import pytest

from clientmgmt.testing import StorageCapability
from clientmgmt.testing.blocking import BlockingStorage
from clientmgmt.testing.conformance import StorageConformance

pytestmark = pytest.mark.greenlets

NO_NESTING = {StorageCapability.NESTED_UNITS: "units of work wait for each other, and none waits for itself"}


class TestAsyncpg(StorageConformance):
    @pytest.fixture
    def storage(self, asyncpg_storage: BlockingStorage) -> BlockingStorage:
        return asyncpg_storage


@pytest.mark.slow
class TestAsyncPsycopg(StorageConformance):
    @pytest.fixture
    def storage(self, psycopg_storage: BlockingStorage) -> BlockingStorage:
        return psycopg_storage


@pytest.mark.slow
class TestAiosqlite(StorageConformance):
    @pytest.fixture
    def storage(self, aiosqlite_storage: BlockingStorage) -> BlockingStorage:
        return aiosqlite_storage


@pytest.mark.slow
class TestThreadedMemory(StorageConformance):
    lacks = NO_NESTING

    @pytest.fixture
    def storage(self, threaded_memory_storage: BlockingStorage) -> BlockingStorage:
        return threaded_memory_storage


@pytest.mark.slow
class TestThreadedSQLite(StorageConformance):
    @pytest.fixture
    def storage(self, threaded_sqlite_storage: BlockingStorage) -> BlockingStorage:
        return threaded_sqlite_storage
