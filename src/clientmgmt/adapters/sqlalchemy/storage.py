"""The store: an engine, the tables, and units of work."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.database import FATAL, database_of, refuse_translation
from clientmgmt.adapters.sqlalchemy.engine import open_engine
from clientmgmt.adapters.sqlalchemy.failures import failure
from clientmgmt.adapters.sqlalchemy.joined import Hosts, HostSession, JoinedStorage
from clientmgmt.adapters.sqlalchemy.plans import Plans
from clientmgmt.adapters.sqlalchemy.schema import (
    create_missing,
    is_empty,
    require_current,
    schema_notes,
    stored_version,
)
from clientmgmt.adapters.sqlalchemy.unit import SQLUnitOfWork
from clientmgmt.domain.results import Note
from clientmgmt.errors import ClientMgmtError, ConfigurationError, StorageError, TransactionError
from clientmgmt.ports.collections import COLLECTIONS
from clientmgmt.ports.storage import Collection, Storage, UnitOfWork

__all__ = ["SQLStorage", "connection_of"]


class SQLStorage:
    """A :class:`~clientmgmt.ports.storage.Storage` in SQLite or PostgreSQL.

    A new SQLite file that is named by a URL gets its tables at first use; every other database needs
    :meth:`upgrade`, and units of work raise :class:`~clientmgmt.errors.SchemaError` before.

    Args:
        engine_or_url: ``sqlite:///file.db``, ``postgresql://…``, or the host's engine, which stays its own.
        prefix: what the names of tables, keys and indexes start with.
        schema: the schema of the tables; PostgreSQL only.
        collections: what is stored, each after those that it refers to.
        row_level_security: whether each unit of work says whose rows the database may show; PostgreSQL only, see
            :func:`row_level_security_sql`.

    Raises:
        ConfigurationError: another kind of database, SQLite in memory, collections that fit no tables, or row-level
            security where there is none.
        MissingExtraError: the driver is not installed.
    """

    def __init__(
        self,
        engine_or_url: sa.Engine | sa.URL | str,
        *,
        prefix: str = "cm_",
        schema: str | None = None,
        collections: Iterable[Collection[Any]] = COLLECTIONS,
        row_level_security: bool = False,
    ) -> None:
        self._owned = not isinstance(engine_or_url, sa.Engine)
        engine = engine_or_url if isinstance(engine_or_url, sa.Engine) else open_engine(engine_or_url)
        self._database = database_of(engine)
        self._new_file_is_mine = self._owned and engine.dialect.name == "sqlite"
        self._plans = Plans(
            tuple(collections), engine.dialect, prefix=prefix, schema=schema, row_level_security=row_level_security
        )
        self._hosts = Hosts(self._database, self._plans)
        self._prepared = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forgetting(weakref.WeakMethod(self._database.forget)))

    @property
    def ephemeral(self) -> bool:
        """A database outlives the process."""
        return False

    @property
    def exclusive(self) -> bool:
        """SQLite has one writer at a time, PostgreSQL many."""
        return self._database.engine.dialect.name == "sqlite"

    @property
    def in_host_transaction(self) -> bool:
        """Units of this store begin and commit transactions of their own."""
        return False

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        """A unit in ``tenant``: commits when the block ends, undoes everything when an error leaves it.

        On SQLite a thread can be in one writing unit at a time, else ``TransactionError``.
        """
        self._prepare()
        connection = self._begin(read_only=read_only)
        unit = self._plans.unit(connection, tenant, database=self._database, read_only=read_only)
        try:
            unit.enter()
            yield unit
            unit.commit()
        finally:
            unit.close()
            self._database.end(connection, read_only=read_only)

    def joined(self, connection: sa.Connection | HostSession) -> Storage:
        """This store inside a transaction of the host, which alone commits it or rolls it back.

        Units of work run in savepoints. A session is flushed when one begins, so that they see what it holds.
        On SQLite a unit that writes locks the file until the host's transaction ends.

        Args:
            connection: a ``Connection``, or a ``Session`` or ``scoped_session`` of SQLAlchemy's ORM. It is
                asked for its transaction whenever a unit begins, not now.

        Returns:
            A store, cheap enough to make one per request. Its units raise
            :class:`~clientmgmt.errors.ConfigurationError` if the connection is not fit (another kind of database or
            another file, autocommit, another isolation level than READ COMMITTED, foreign keys off),
            :class:`~clientmgmt.errors.SchemaError` if :meth:`upgrade` was not called, and
            :class:`~clientmgmt.errors.TransactionError` if the host's transaction has failed before.
        """
        return JoinedStorage(connection, self._hosts)

    def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """The tenants that have entities in ``collection``: one short look into the index for each."""
        self._prepare()
        with self._connected(read_only=True) as connection:
            return self._plans.tenants(connection, collection, after=after, limit=limit)

    def upgrade(self, *, to: int | None = None) -> tuple[str, ...]:
        """Bring the schema to this release, or to version ``to``, in one transaction; answer what was done.

        Processes that do it at the same time wait for each other. :class:`~clientmgmt.errors.SchemaError` if
        the schema is newer than this release, or damaged.
        """
        with self._connected(read_only=False) as connection:
            done = create_missing(connection, self._plans.tables, to=to)
            connection.commit()
        return done

    def check(self) -> tuple[Note, ...]:
        """What is wrong with the connection, the settings of the database, and the schema."""
        try:
            with self._connected(read_only=True) as connection:
                notes = *self._database.notes(connection), *schema_notes(connection, self._plans.tables)
                return *notes, *self._plans.security_notes(connection)
        except StorageError as error:
            return (Note("unreachable", str(error)),)

    def close(self) -> None:
        """Close the connections, unless the engine is the host's."""
        if self._owned:
            self._database.engine.dispose()

    def _prepare(self) -> None:
        """Look once whether this engine can keep the promises, and whether the schema is there."""
        if self._prepared:
            return
        with self._connected(read_only=True) as connection:
            refuse_translation(connection)
            fatal = [note for note in self._database.notes(connection) if note.code in FATAL]
            version = stored_version(connection, self._plans.tables)
            unsafe = tuple(self._plans.security_notes(connection))
            is_new = version is None and self._new_file_is_mine and is_empty(connection)
        if fatal:
            raise ConfigurationError(fatal[0].message)
        if is_new:
            self.upgrade()
        else:
            require_current(version)
        if unsafe:
            raise ConfigurationError(unsafe[0].message)
        self._prepared = True

    def _begin(self, *, read_only: bool) -> sa.Connection:
        try:
            return self._database.begin(read_only=read_only)
        except ClientMgmtError:
            raise
        except Exception as error:  # noqa: BLE001 - drivers raise more than their own errors
            raise failure(error, self._plans.keys) from None

    @contextmanager
    def _connected(self, *, read_only: bool) -> Iterator[sa.Connection]:
        connection = self._begin(read_only=read_only)
        try:
            yield connection
        except ClientMgmtError:
            raise
        except Exception as error:  # noqa: BLE001 - drivers raise more than their own errors
            raise failure(error, self._plans.keys) from None
        finally:
            self._database.end(connection, read_only=read_only)


def connection_of(uow: UnitOfWork) -> sa.Connection:
    """The connection of a unit of work of :class:`SQLStorage`, for a host's own statements.

    They belong to its transaction: do not commit, roll back or close it. ``TransactionError`` if the unit has
    ended or is one of another store.
    """
    if isinstance(uow, SQLUnitOfWork):
        return uow.connection()
    message = "this unit of work has no SQL connection"
    raise TransactionError(message)


def _forgetting(forget: weakref.WeakMethod[Any]) -> Any:  # noqa: ANN401 - what a fork calls
    def after_fork() -> None:
        if (method := forget()) is not None:
            method()

    return after_fork
