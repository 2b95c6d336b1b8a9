"""Units of work inside a transaction of the host: each is a savepoint in it, and its end is left to the host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.database import Database
from clientmgmt.adapters.sqlalchemy.failures import failure
from clientmgmt.adapters.sqlalchemy.plans import Plans
from clientmgmt.adapters.sqlalchemy.schema import create_missing, require_current, schema_notes, stored_version
from clientmgmt.domain.results import Note
from clientmgmt.errors import ClientMgmtError, ConfigurationError, StorageError, TransactionError
from clientmgmt.ports.storage import Collection, UnitOfWork

__all__ = ["HostSession", "SavepointStorage"]


class HostSession(Protocol):
    """What is asked of a session of SQLAlchemy's ORM."""

    def flush(self) -> None:
        """Write what it holds."""

    def connection(self) -> sa.Connection:
        """The connection of its transaction."""


class SavepointStorage:
    """A :class:`~clientmgmt.ports.storage.Storage` that works in a transaction of the host."""

    def __init__(self, host: sa.Connection | HostSession, database: Database, plans: Plans) -> None:
        self._host, self._database, self._plans = host, database, plans
        self._is_current = False

    @property
    def ephemeral(self) -> bool:
        """A database outlives the process."""
        return False

    @property
    def exclusive(self) -> bool:
        """SQLite has one writer at a time, PostgreSQL many."""
        return self._plans.dialect == "sqlite"

    @property
    def in_host_transaction(self) -> bool:
        """Units are part of a transaction of the host."""
        return True

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        """A unit in ``tenant``: kept until the host commits, undone when an error leaves the block."""
        connection = self._connection(upgrading=False)
        unit = self._plans.unit(connection, tenant, database=self._database, read_only=read_only)
        try:
            with unit.savepoint():
                yield unit
                unit.verify()
        finally:
            unit.close()

    def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """The tenants that have entities in ``collection``, also those that the host's transaction has added."""
        with self._translating():
            connection = self._connection(upgrading=False)
            return self._plans.tenants(connection, collection, after=after, limit=limit)

    def upgrade(self) -> tuple[str, ...]:
        """Create what is missing, as part of the host's transaction; answer what was done."""
        with self._translating():
            connection = self._connection(upgrading=True)
            with connection.begin_nested():
                self._database.guard_upgrade(connection, next(iter(self._plans.tables.values())).fullname)
                return create_missing(connection, self._plans.tables)

    def check(self) -> tuple[Note, ...]:
        """What is wrong with the host's connection, the settings of the database, and the schema."""
        try:
            with self._translating():
                connection = self._connection(upgrading=True)
                return (*self._database.notes(connection), *schema_notes(connection, self._plans.tables))
        except StorageError as error:
            return (Note("unreachable", str(error)),)

    def close(self) -> None:
        """Nothing: the connection is the host's."""

    def _connection(self, *, upgrading: bool) -> sa.Connection:
        with self._translating():
            connection = self._host if isinstance(self._host, sa.Connection) else _flushed(self._host)
            if connection.dialect.driver != self._database.engine.dialect.driver:
                message = f"the connection is one of {connection.dialect.driver}, the store is not"
                raise ConfigurationError(message)
            self._database.join(connection)
            if not upgrading and not self._is_current:
                require_current(stored_version(connection, self._plans.tables))
                self._is_current = True
        return connection

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except ClientMgmtError:
            raise
        except sa.exc.InvalidRequestError:
            message = "the host's transaction has failed or ended: roll it back before it is used again"
            raise TransactionError(message) from None
        except Exception as error:  # noqa: BLE001 - drivers raise more than their own errors
            raise failure(error, self._plans.keys) from None


def _flushed(session: HostSession) -> sa.Connection:
    session.flush()
    return session.connection()
