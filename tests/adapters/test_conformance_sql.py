"""Storage in SQL databases keeps the port's promises."""

from __future__ import annotations

import pytest

from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.testing.conformance import StorageConformance


class TestSQLite(StorageConformance):
    @pytest.fixture
    def storage(self, sqlite_storage: SQLStorage) -> SQLStorage:
        return sqlite_storage


class TestPostgreSQL(StorageConformance):
    @pytest.fixture
    def storage(self, postgres_storage: SQLStorage) -> SQLStorage:
        return postgres_storage
