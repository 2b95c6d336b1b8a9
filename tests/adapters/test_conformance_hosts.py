"""Storage inside a transaction of the host keeps the port's promises, and so does storage over Django."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.testing import StorageCapability
from clientmgmt.testing.conformance import StorageConformance
from tests.adapters.sqlalchemy.hosts import HostedStorage
from tests.django_site import ThreadedStorage

pytestmark = pytest.mark.slow

NO_NESTING = {StorageCapability.NESTED_UNITS: "a thread has one connection, and that has one unit of work"}


class TestConnectionOnSQLite(StorageConformance):
    @pytest.fixture
    def storage(self, sqlite_storage: SQLStorage, host_engine: sa.Engine) -> HostedStorage:
        return HostedStorage(sqlite_storage, host_engine, sa.Engine.connect)


class TestSessionOnSQLite(StorageConformance):
    @pytest.fixture
    def storage(self, sqlite_storage: SQLStorage, host_engine: sa.Engine) -> HostedStorage:
        return HostedStorage(sqlite_storage, host_engine, Session)


class TestConnectionOnPostgreSQL(StorageConformance):
    @pytest.fixture
    def storage(self, postgres_storage: SQLStorage, postgres_kit: tuple[SQLStorage, sa.Engine, str]) -> HostedStorage:
        return HostedStorage(postgres_storage, postgres_kit[1], sa.Engine.connect)


class TestSessionOnPostgreSQL(StorageConformance):
    @pytest.fixture
    def storage(self, postgres_storage: SQLStorage, postgres_kit: tuple[SQLStorage, sa.Engine, str]) -> HostedStorage:
        return HostedStorage(postgres_storage, postgres_kit[1], Session)


@pytest.mark.usefixtures("sqlite_storage")  # which empties it
class TestDjangoOnSQLite(StorageConformance):
    lacks = NO_NESTING

    @pytest.fixture
    def storage(self, django_on_sqlite: tuple[str, ThreadedStorage]) -> ThreadedStorage:
        return django_on_sqlite[1]


@pytest.mark.usefixtures("postgres_storage")  # the same
class TestDjangoOnPostgreSQL(StorageConformance):
    lacks = NO_NESTING

    @pytest.fixture
    def storage(self, django_on_postgresql: tuple[str, ThreadedStorage]) -> ThreadedStorage:
        return django_on_postgresql[1]
