"""Units of work inside a transaction of the host: each is a savepoint in it, and its end is left to the host."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Protocol, cast

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.database import Database, refuse_translation
from clientmgmt.adapters.sqlalchemy.failures import failure
from clientmgmt.adapters.sqlalchemy.hosted import Side, side_of
from clientmgmt.adapters.sqlalchemy.plans import Plans
from clientmgmt.adapters.sqlalchemy.schema import create_missing, require_current, schema_notes, stored_version
from clientmgmt.adapters.sqlalchemy.tables import SCHEMA
from clientmgmt.domain.results import Note
from clientmgmt.errors import ClientMgmtError, ConfigurationError, StorageError, TransactionError
from clientmgmt.ports.storage import Collection, UnitOfWork

__all__ = ["HostSession", "Hosts", "JoinedStorage"]

_OPEN = "clientmgmt.open"


class HostSession(Protocol):
    """What is asked of a session: ``Session`` and ``scoped_session`` of SQLAlchemy's ORM have it."""

    def flush(self) -> None:
        """Write what it holds."""

    def connection(self, bind_arguments: dict[str, Any] | None = None) -> sa.Connection:
        """The connection of its transaction."""


class Hosts:
    """What a store knows of the connections of hosts: how they are used, and which it has looked at."""

    def __init__(self, database: Database, plans: Plans) -> None:
        self.database: Database = database
        self.plans: Plans = plans
        self.side: Side = side_of(database.engine, plans)
        self._arguments = {"clause": sa.update(plans.tables[SCHEMA])}  # by which a session finds the right engine
        self._current: weakref.WeakSet[sa.Pool] = weakref.WeakSet()
        self._upgrading: weakref.WeakSet[sa.Transaction] = weakref.WeakSet()

    def connection(self, host: sa.Connection | HostSession) -> sa.Connection:
        """The connection that ``host`` is or has, inside a transaction, after its session was flushed."""
        if not isinstance(host, sa.Connection):
            _flush(host)
        with self.translating():
            connection = host if isinstance(host, sa.Connection) else host.connection(dict(self._arguments))
            self._require_same_dialect(connection)
            if not connection.in_transaction():
                connection.begin()
        return connection

    @contextmanager
    def entered(
        self, host: sa.Connection | HostSession, *, read_only: bool, upgrading: bool = False
    ) -> Iterator[sa.Connection]:
        """The connection of ``host``, fit for a unit of work that is to begin, and for one at a time."""
        connection = self.connection(host)
        with self.translating():
            info = connection.info
            if _OPEN in info:
                message = "a unit of work is open on this connection already"
                raise TransactionError(message)
            self.side.require_fit(connection)
            if not upgrading:
                self._require_current(connection)
            begun = self.side.begin(connection, read_only=read_only, lock=not upgrading)
        info[_OPEN] = True
        try:
            yield connection
        finally:
            info.pop(_OPEN, None)
            begun()

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Errors of SQLAlchemy and of the driver become ours."""
        try:
            yield
        except ClientMgmtError:
            raise
        except sa.exc.UnboundExecutionError:
            message = "the session is bound to no engine that has our tables: bind it, or hand in its connection"
            raise ConfigurationError(message) from None
        except sa.exc.InvalidRequestError:
            raise _failed() from None
        except Exception as error:  # noqa: BLE001 - drivers raise more than their own errors
            raise failure(error, self.plans.keys) from None

    def _require_same_dialect(self, connection: sa.Connection) -> None:
        ours, theirs = self.database.engine.dialect, connection.dialect
        if (ours.name, ours.driver) != (theirs.name, theirs.driver):
            message = f"the connection is {theirs.name}+{theirs.driver}, the store is {ours.name}+{ours.driver}"
            raise ConfigurationError(message)
        refuse_translation(connection)

    def _require_current(self, connection: sa.Connection) -> None:
        """Look once per engine whether it leads to our database, and to a schema that we know."""
        if connection.engine.pool in self._current:
            return
        self.side.require_same_database(connection)
        require_current(stored_version(connection, self.plans.tables))
        for note in self.plans.security_notes(connection):
            raise ConfigurationError(note.message)
        if connection.get_transaction() not in self._upgrading:
            self._current.add(connection.engine.pool)

    def upgrade(self, host: sa.Connection | HostSession) -> tuple[str, ...]:
        """Create what is missing. As long as the host may roll that back, it is not taken for granted."""
        tables = self.plans.tables
        with self.entered(host, read_only=False, upgrading=True) as connection, self.translating():
            self._upgrading.add(cast("sa.Transaction", connection.get_transaction()))
            with connection.begin_nested():
                self.database.guard_upgrade(connection, next(iter(tables.values())).fullname)
                return create_missing(connection, tables)


class JoinedStorage:
    """A :class:`~clientmgmt.ports.storage.Storage` that works in a transaction of the host."""

    def __init__(self, host: sa.Connection | HostSession, hosts: Hosts) -> None:
        if not isinstance(host, sa.Connection) and not _is_session(host):
            message = "join a Connection, a Session or a scoped_session; for asynchronous ones see AsyncSQLStorage"
            raise ConfigurationError(message)
        self._host, self._hosts = host, hosts

    @property
    def ephemeral(self) -> bool:
        """A database outlives the process."""
        return False

    @property
    def exclusive(self) -> bool:
        """SQLite has one writer at a time, PostgreSQL many."""
        return self._hosts.side.exclusive

    @property
    def in_host_transaction(self) -> bool:
        """Units are part of a transaction of the host."""
        return True

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        """A unit in ``tenant``: kept until the host commits, undone when an error leaves the block.

        One at a time on a connection, else ``TransactionError``. If it cannot be undone alone, because the
        database has ended the whole transaction, the connection is invalidated, and the host cannot commit what
        is left.
        """
        hosts = self._hosts
        saves = hosts.side.saves_reading or not read_only
        with hosts.entered(self._host, read_only=read_only) as connection:
            unit = hosts.plans.unit(connection, tenant, database=hosts.database, read_only=read_only)
            try:
                with unit.savepoint() if saves else nullcontext():
                    unit.enter()
                    yield unit
                    unit.verify()
            finally:
                is_whole = not unit.spoilt if saves else hosts.database.is_intact(connection)
                unit.close()
                if not is_whole:
                    _invalidate(connection)

    def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """The tenants that have entities in ``collection``, also those that the host's transaction has added."""
        with self.unit_of_work("", read_only=True), self._hosts.translating():
            connection = self._hosts.connection(self._host)
            return self._hosts.plans.tenants(connection, collection, after=after, limit=limit)

    def upgrade(self) -> tuple[str, ...]:
        """Create what is missing, as part of the host's transaction; answer what was done.

        :class:`~clientmgmt.errors.SchemaError` if the schema is newer than this release.
        """
        return self._hosts.upgrade(self._host)

    def check(self) -> tuple[Note, ...]:
        """What is wrong with the host's connection, the settings of the database, and the schema."""
        hosts = self._hosts
        try:
            with hosts.translating():
                connection = hosts.connection(self._host)
                return (*hosts.database.notes(connection), *schema_notes(connection, hosts.plans.tables))
        except StorageError as error:
            return (Note("unreachable", str(error)),)

    def close(self) -> None:
        """Nothing: the connection is the host's."""


def _flush(session: HostSession) -> None:
    try:
        session.flush()
    except sa.exc.PendingRollbackError:
        raise _failed() from None


def _failed() -> TransactionError:
    return TransactionError("the host's transaction has failed or ended: roll it back before it is used again")


def _is_session(host: object) -> bool:
    """Sessions that are awaited have one inside that is not."""
    return hasattr(host, "flush") and hasattr(host, "connection") and not hasattr(host, "sync_session")


def _invalidate(connection: sa.Connection) -> None:
    with suppress(sa.exc.InvalidRequestError):  # the host has closed it
        connection.invalidate()
