"""The store over a connection of Django's, so that clients and the host's models share transactions.

It needs Django (extra ``django``) and, on PostgreSQL, psycopg 3 (extra ``postgres``). Statements run on the connection
of the current thread past Django's cursors: they appear neither in ``connection.queries`` nor in
``assertNumQueries``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.database import FATAL, Integrity, database_of
from clientmgmt.adapters.sqlalchemy.failures import Keys, commit_failure, failure, release_failure
from clientmgmt.adapters.sqlalchemy.hosted import lock_file
from clientmgmt.adapters.sqlalchemy.lent import engine_over
from clientmgmt.adapters.sqlalchemy.plans import Plans
from clientmgmt.adapters.sqlalchemy.schema import create_missing, require_current, schema_notes, stored_version
from clientmgmt.domain.results import Note
from clientmgmt.errors import (
    ClientMgmtError,
    ConfigurationError,
    MissingExtraError,
    StorageError,
    TransactionError,
)
from clientmgmt.ports.collections import COLLECTIONS
from clientmgmt.ports.storage import Collection, UnitOfWork

__all__ = ["DjangoStorage"]

_MEMORY = "memory_database"
"""Django shares one database in memory among its connections, as its test runner does."""


class DjangoStorage:
    """A :class:`~clientmgmt.ports.storage.Storage` over one of Django's databases, SQLite or PostgreSQL.

    A unit of work is an ``atomic`` block. Inside another one it is a savepoint, and what becomes of it is
    decided by the outermost block; outside it is a transaction of its own.

    Args:
        alias: which of ``settings.DATABASES``.
        prefix: what the names of tables, keys and indexes start with.
        schema: the schema of the tables; PostgreSQL only.
        collections: what is stored, each after those that it refers to.
        row_level_security: as for :class:`~clientmgmt.adapters.sqlalchemy.SQLStorage`.

    Raises:
        ConfigurationError: Django knows no such database, or it is of another kind.
        MissingExtraError: Django or psycopg 3 is not installed.
    """

    def __init__(
        self,
        alias: str = "default",
        *,
        prefix: str = "cm_",
        schema: str | None = None,
        collections: Iterable[Collection[Any]] = COLLECTIONS,
        row_level_security: bool = False,
    ) -> None:
        self._db: Any = _django()
        self._alias = alias
        self._vendor = str(self._known().vendor)
        engine = engine_over(self._vendor, lambda: self._wrapper().connection)
        self._engine, self._database = engine, database_of(engine)
        self._integrity = _Integrity(self._database, self._wrapper)
        self._plans = Plans(
            tuple(collections), engine.dialect, prefix=prefix, schema=schema, row_level_security=row_level_security
        )
        self._here = _Here()
        self._prepared = False

    @property
    def ephemeral(self) -> bool:
        """A database outlives the process."""
        return False

    @property
    def exclusive(self) -> bool:
        """SQLite has one writer at a time, PostgreSQL many."""
        return self._vendor == "sqlite"

    @property
    def in_host_transaction(self) -> bool:
        """Whether this thread is inside an ``atomic`` block of the host, or has autocommit off."""
        if self._here.joins is not None:
            return self._here.joins
        wrapper = self._wrapper()
        is_open = wrapper.connection is not None
        autocommit = wrapper.autocommit if is_open else wrapper.settings_dict["AUTOCOMMIT"]
        return bool(wrapper.in_atomic_block or not autocommit)

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        """A unit in ``tenant``: an ``atomic`` block, undone when an error leaves it.

        A thread can be in one unit at a time, else ``TransactionError``; the same is raised inside an ``atomic``
        block that has failed already.
        """
        with self._inside(read_only=read_only) as connection:
            unit = self._plans.unit(connection, tenant, database=self._integrity, read_only=read_only)
            try:
                unit.enter()
                yield unit
                unit.verify()
            finally:
                unit.close()

    def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """The tenants that have entities in ``collection``: one short look into the index for each."""
        with self._inside(read_only=True) as connection, self._translating():
            return self._plans.tenants(connection, collection, after=after, limit=limit)

    def upgrade(self) -> tuple[str, ...]:
        """Create what is missing; answer what was done. A migration of the host may call it.

        :class:`~clientmgmt.errors.SchemaError` if the schema is newer than this release.
        """
        with self._inside(read_only=False, prepared=False) as connection, self._translating():
            self._here.upgrading = _outermost(self._wrapper())
            self._database.guard_upgrade(connection, next(iter(self._plans.tables.values())).fullname)
            return create_missing(connection, self._plans.tables)

    def check(self) -> tuple[Note, ...]:
        """What is wrong with the connection, the settings of the database, and the schema."""
        try:
            with self._inside(read_only=True, prepared=False) as connection, self._translating():
                return (*self._database.notes(connection), *schema_notes(connection, self._plans.tables))
        except StorageError as error:
            return (Note("unreachable", str(error)),)

    def close(self) -> None:
        """Nothing: the connections are Django's."""

    def _known(self) -> Any:  # noqa: ANN401 - Django has no types
        from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415 - an extra

        try:
            return self._wrapper()
        except (ImproperlyConfigured, self._db.utils.ConnectionDoesNotExist):
            message = f"Django is not set up, or has no database {self._alias!r}"
            raise ConfigurationError(message) from None

    def _wrapper(self) -> Any:  # noqa: ANN401 - Django has no types
        """This thread's connection, as Django wraps it."""
        return self._db.connections[self._alias]

    @contextmanager
    def _inside(self, *, read_only: bool, prepared: bool = True) -> Iterator[sa.Connection]:
        """A connection inside an ``atomic`` block, once per thread."""
        here = self._here
        if here.joins is not None:
            message = "this thread is inside a unit of work of this store already"
            raise TransactionError(message)
        joins = self.in_host_transaction
        with self._atomic(joins=joins, read_only=read_only), self._engine.connect() as connection:
            with self._translating():
                if not joins and not read_only:
                    self._begin_again(connection)
                if prepared:
                    self._prepare(connection)
                if joins and prepared and not read_only and self.exclusive:
                    lock_file(connection, self._plans)
            here.joins = joins
            try:
                yield connection
            finally:
                here.joins = None

    @contextmanager
    def _atomic(self, *, joins: bool, read_only: bool) -> Iterator[None]:
        """Django's own block. Its errors become ours; those that leave it stay what they are.

        Reading on SQLite inside the host's block needs no savepoint: an error there spoils nothing.
        """
        wrapper = self._wrapper()
        with self._translating():
            wrapper.ensure_connection()
            _require_unbroken(wrapper)
            if self.exclusive and not wrapper.in_atomic_block:
                _begin_without_autocommit(wrapper.connection)
        if joins and read_only and self.exclusive:
            try:
                yield
            finally:
                wrapper.needs_rollback |= not wrapper.connection.in_transaction
            return
        block = self._db.transaction.atomic(using=self._alias)
        with self._translating():
            block.__enter__()
        try:
            yield
        except BaseException as error:
            block.__exit__(type(error), error, error.__traceback__)
            raise
        with self._translating(release_failure if joins or read_only else commit_failure):
            block.__exit__(None, None, None)

    def _begin_again(self, connection: sa.Connection) -> None:
        """Django begins on SQLite with a lock for readers, and nothing has been read yet."""
        if self.exclusive and getattr(self._wrapper(), "transaction_mode", None) in {None, "DEFERRED"}:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _prepare(self, connection: sa.Connection) -> None:
        """Look once whether promises can be kept and the schema is there; on SQLite at every connection."""
        driver = self._wrapper().connection
        if self._prepared and (not self.exclusive or self._here.looked_at is driver):
            return
        for note in self._database.notes(connection):
            if note.code in FATAL and note.code != _MEMORY:
                raise ConfigurationError(note.message)
        require_current(stored_version(connection, self._plans.tables))
        for note in self._plans.security_notes(connection):
            raise ConfigurationError(note.message)
        self._here.looked_at = driver
        self._prepared = self._here.upgrading is None or self._here.upgrading is not _outermost(self._wrapper())

    @contextmanager
    def _translating(self, meaning: Callable[[Exception, Keys], StorageError] = failure) -> Iterator[None]:
        """Errors of Django, of SQLAlchemy and of the driver become ours, by their ``meaning``."""
        try:
            yield
        except ClientMgmtError:
            raise
        except Exception as error:  # noqa: BLE001 - drivers raise more than their own errors
            raise meaning(_cause(error, self._db), self._plans.keys) from None


def _require_unbroken(wrapper: Any) -> None:  # noqa: ANN401 - Django has no types
    """Raise ``TransactionError`` in a block that can only be rolled back."""
    info = getattr(wrapper.connection, "info", None)
    has_failed = info is not None and info.transaction_status.name == "INERROR"
    if has_failed or (wrapper.in_atomic_block and wrapper.needs_rollback):
        message = "the surrounding transaction has failed: leave its atomic block"
        raise TransactionError(message)


def _begin_without_autocommit(driver: Any) -> None:  # noqa: ANN401 - a connection of SQLite
    """A savepoint that is the first statement would commit when it is released, so the transaction begins by hand."""
    if driver.isolation_level is not None and not driver.in_transaction:
        driver.execute("BEGIN IMMEDIATE")


def _outermost(wrapper: Any) -> object:  # noqa: ANN401 - Django has no types
    """The block that decides, ``None`` outside of all."""
    return next(iter(wrapper.atomic_blocks), None)


class _Here(threading.local):
    """What is true of the current thread.

    ``joins`` says of the unit that it is in, if any, whether it is part of a host's transaction; ``looked_at`` is the
    connection that was found fit; ``upgrading`` the block that may still undo an upgrade.
    """

    joins: bool | None = None
    looked_at: object = None
    upgrading: object = None


class _Integrity:
    """Of a transaction that Django may have given up."""

    def __init__(self, database: Integrity, wrapper: Callable[[], Any]) -> None:
        self._database, self._wrapper = database, wrapper

    def is_intact(self, connection: sa.Connection) -> bool:
        """Whether neither Django nor the database wants it rolled back."""
        return not self._wrapper().needs_rollback and self._database.is_intact(connection)


def _django() -> Any:  # noqa: ANN401 - Django has no types
    try:
        from django import db  # noqa: PLC0415 - an extra
        from django.db import transaction  # noqa: F401, PLC0415 - an extra; it becomes an attribute of the other
    except ModuleNotFoundError:
        extra = "django"
        raise MissingExtraError(extra) from None
    return db


def _cause(error: Exception, db: Any) -> Exception:  # noqa: ANN401 - Django has no types
    """The driver's error, which Django wraps in its own."""
    cause = error.__cause__ if isinstance(error, db.Error) else None
    return cause if isinstance(cause, Exception) else error
