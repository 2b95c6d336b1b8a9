"""What a connection of a host must be like, and how a unit of work begins inside its transaction."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.failures import Keys, failure
from clientmgmt.adapters.sqlalchemy.plans import Plans
from clientmgmt.adapters.sqlalchemy.tables import SCHEMA
from clientmgmt.errors import ConfigurationError, TransactionConflictError, TransactionError

__all__ = ["Side", "lock_file", "side_of"]

_FIT = "clientmgmt.fit"
_LEVEL = "READ COMMITTED"

End = Callable[[], None]


class Side(Protocol):
    """One kind of database, seen from inside a host's transaction.

    ``exclusive``: it has one writer at a time. ``saves_reading``: an error in a unit that only reads would spoil
    the host's transaction, if no savepoint contained it.
    """

    exclusive: bool
    saves_reading: bool

    def require_fit(self, connection: sa.Connection) -> None:
        """Raise ``ConfigurationError`` or ``TransactionError`` if our promises cannot be kept on ``connection``."""

    def require_same_database(self, connection: sa.Connection) -> None:
        """Raise ``ConfigurationError`` if ``connection`` leads to another database than the store's."""

    def begin(self, connection: sa.Connection, *, read_only: bool, lock: bool) -> End:
        """Make sure that a transaction is open, with ``lock`` one that can write; answer how to leave it."""


class SQLiteSide:
    """A savepoint that is the first statement would commit when it is released, so the transaction begins by hand."""

    exclusive = True
    saves_reading = False

    def __init__(self, engine: sa.Engine, plans: Plans) -> None:
        self._engine, self._plans = engine, plans

    def require_fit(self, connection: sa.Connection) -> None:
        """Foreign keys must be on, which is looked at once, and statements must not commit by themselves."""
        driver = _driver(connection)
        if getattr(driver, "autocommit", False) is True or (
            driver.isolation_level is None and not driver.in_transaction
        ):
            message = "the connection commits every statement by itself: it must be in a transaction"
            raise ConfigurationError(message)
        if _FIT in connection.info:
            return
        if not connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one():
            message = "PRAGMA foreign_keys is off on the host's connection"
            raise ConfigurationError(message)
        connection.info[_FIT] = True

    def require_same_database(self, connection: sa.Connection) -> None:
        """The same file, where the engine of the store says which it is."""
        ours = self._engine.url.database
        if connection.engine is self._engine or not ours or ours.startswith("file:"):
            return
        theirs = connection.exec_driver_sql("PRAGMA database_list").fetchall()[0][2]
        if not (theirs and os.path.exists(ours) and os.path.samefile(theirs, ours)):  # noqa: PTH110, PTH121 - names only
            message = "the connection is to another SQLite database than the store's"
            raise ConfigurationError(message)

    def begin(self, connection: sa.Connection, *, read_only: bool, lock: bool) -> End:
        """Take the lock before anything is read on which a write may be based.

        Where nothing had begun, a unit that only reads also ends what it began: a later one that writes would
        otherwise start from what was there when this one read.
        """
        driver = _driver(connection)
        if driver.in_transaction:
            if lock and not read_only:
                lock_file(connection, self._plans)
            return _nothing
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
        if not read_only:
            return _nothing
        changes = driver.total_changes

        def end() -> None:
            if driver.in_transaction and driver.total_changes == changes:
                connection.exec_driver_sql("COMMIT")

        return end


class PostgresSide:
    """READ COMMITTED inside a transaction that has not failed yet."""

    exclusive = False
    saves_reading = True

    def require_fit(self, connection: sa.Connection) -> None:
        """The level is asked for once per connection and setting."""
        if connection.connection.dbapi_connection.autocommit:  # type: ignore[union-attr] # every driver of it has that
            message = "the connection commits every statement by itself: it must be in a transaction"
            raise ConfigurationError(message)
        info = getattr(_driver(connection), "info", None)
        if info is not None and info.transaction_status.name == "INERROR":
            message = "a statement of the host has failed, and with it the transaction: roll it back"
            raise TransactionError(message)
        wanted = connection.get_execution_options().get("isolation_level", "")
        if connection.info.get(_FIT) == wanted:
            return
        if (level := connection.get_isolation_level()) != _LEVEL:
            message = f"the isolation level of the host's transaction is {level}, it must be {_LEVEL}"
            raise ConfigurationError(message)
        connection.info[_FIT] = wanted

    def require_same_database(self, connection: sa.Connection) -> None:
        """Nothing: one database has many names, by addresses and poolers."""

    def begin(self, connection: sa.Connection, *, read_only: bool, lock: bool) -> End:  # noqa: ARG002 - the other side's
        """Nothing: the transaction has begun."""
        return _nothing


def side_of(engine: sa.Engine, plans: Plans) -> Side:
    """The side that fits ``engine``."""
    return SQLiteSide(engine, plans) if engine.dialect.name == "sqlite" else PostgresSide()


def lock_file(connection: sa.Connection, plans: Plans) -> None:
    """Take SQLite's one lock for writers in a transaction that has begun, by changing no row.

    ``TransactionConflictError`` if another one has it, or wrote after this transaction had read.
    """
    versions = plans.tables[SCHEMA]
    try:
        connection.execute(sa.update(versions).values(version=versions.c.version).where(sa.false()))
    except Exception as error:  # noqa: BLE001 - drivers raise more than their own errors
        raise _advised(error, plans.keys) from None


def _advised(error: Exception, keys: Keys) -> Exception:
    found = failure(error, keys)
    if not isinstance(found, TransactionConflictError):
        return found
    advice = "the host's transaction has read before it writes: run it again, or let it begin with BEGIN IMMEDIATE"
    return TransactionConflictError(f"{found}; {advice}")


def _driver(connection: sa.Connection) -> Any:  # noqa: ANN401 - a connection of any driver
    return connection.connection.driver_connection


def _nothing() -> None:
    """Leave a transaction as it is."""
