"""What SQLite and PostgreSQL need differently to begin, end and check a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.engine import BUSY_SECONDS
from clientmgmt.adapters.sqlalchemy.writers import WriterQueue
from clientmgmt.domain.results import Note
from clientmgmt.errors import ConfigurationError

__all__ = ["FATAL", "LENT", "Database", "Integrity", "database_of", "refuse_translation"]

FATAL = frozenset({"memory_database", "foreign_keys_off", "wrong_isolation", "sqlite_too_old"})
"""Codes of notes about engines with which the promises of the store cannot be kept."""

LENT = "clientmgmt_lent"
"""The execution option of a connection that a host was given: only then has it to be asked how it is."""

_SYNCHRONOUS_FULL = 2
_OLDEST_SQLITE = (3, 35)
_LOCK_SPACE = 0x636C6D67


class Integrity(Protocol):
    """Tells what became of a transaction."""

    def is_intact(self, connection: sa.Connection) -> bool:
        """Whether the transaction is still the one that began, and can commit."""


class Database(Integrity, Protocol):
    """One engine, and how its kind of database is used."""

    engine: sa.Engine

    def begin(self, *, read_only: bool) -> sa.Connection:
        """A connection inside a transaction that has begun."""

    def end(self, connection: sa.Connection, *, read_only: bool) -> None:
        """Undo what was not committed, and give the connection back."""

    def guard_upgrade(self, connection: sa.Connection, name: str) -> None:
        """Keep other processes from upgrading at the same time."""

    def notes(self, connection: sa.Connection) -> Iterator[Note]:
        """What is wrong with the engine or with its connections."""

    def forget(self) -> None:
        """In a forked process: use none of the parent's connections and locks."""


class SQLiteDatabase:
    """Transactions begin by hand: the driver's own begin comes too late to protect what was read."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._inherited: list[sa.Pool] = []
        self._writers = _queue(engine)

    def begin(self, *, read_only: bool) -> sa.Connection:
        """A connection inside a transaction: a writing one once it is this thread's turn."""
        if read_only:
            return self._connect("BEGIN")
        self._writers.acquire()
        try:
            return self._connect("BEGIN IMMEDIATE")
        except BaseException:
            self._writers.release()
            raise

    def end(self, connection: sa.Connection, *, read_only: bool) -> None:
        """Give the connection back and let the next writer in."""
        try:
            _close(connection)
        finally:
            if not read_only:
                self._writers.release()

    def is_intact(self, connection: sa.Connection) -> bool:
        """False after errors with which SQLite ends the transaction itself, such as a full disk."""
        return bool(_native(connection).in_transaction)

    def guard_upgrade(self, connection: sa.Connection, name: str) -> None:  # noqa: ARG002 - the file has one lock
        """Lock the file, unless a transaction has begun: its first write will."""
        driver: Any = connection.connection.driver_connection
        if not driver.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def notes(self, connection: sa.Connection) -> Iterator[Note]:
        """What is wrong with the file or the settings of the connection."""
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            yield Note("sqlite_too_old", "SQLite 3.35 or later is needed")
        if not connection.exec_driver_sql("PRAGMA database_list").fetchall()[0][2]:
            yield Note("memory_database", "the database is in memory: every connection has another one")
        pragma = {name: _pragma(connection, name) for name in _EXPECTED}
        for name, (code, message, is_right) in _EXPECTED.items():
            if not is_right(pragma[name]):
                yield Note(code, message)

    def forget(self) -> None:
        """Start without connections and without writers."""
        self._writers = _queue(self.engine)
        self._inherited.append(_forget_pool(self.engine))

    def _connect(self, statement: str) -> sa.Connection:
        connection = self.engine.connect()
        try:
            connection.begin()
            driver = _driver(connection)
            if _native(connection).in_transaction:  # begun by an engine of the host, but not as is needed here
                driver.execute("ROLLBACK")
            driver.execute(statement)
        except BaseException:
            _close(connection)
            raise
        return connection


def refuse_translation(connection: sa.Connection) -> None:
    """``ConfigurationError`` if the host has SQLAlchemy rename schemas: prepared statements stay as they are."""
    if connection.get_execution_options().get("schema_translate_map"):
        message = "schema_translate_map has no effect on our statements: give the store its schema"
        raise ConfigurationError(message)


class PostgresDatabase:
    """READ COMMITTED: what is read after a row was locked is what was committed before."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._inherited: list[sa.Pool] = []

    def begin(self, *, read_only: bool) -> sa.Connection:  # noqa: ARG002 - readers hinder nobody
        """A connection inside a transaction."""
        connection = self.engine.connect()
        connection.begin()
        return connection

    def end(self, connection: sa.Connection, *, read_only: bool) -> None:  # noqa: ARG002 - the same
        """Give the connection back."""
        _close(connection)

    def is_intact(self, connection: sa.Connection) -> bool:
        """False after any error, a host's too: PostgreSQL would answer a commit by undoing everything."""
        info = getattr(_driver(connection), "info", None)
        if info is not None:
            return bool(info.transaction_status.name != "INERROR")
        return LENT not in connection.get_execution_options() or _answers(connection)

    def guard_upgrade(self, connection: sa.Connection, name: str) -> None:
        """Wait for other processes, until the transaction ends."""
        if _driver(connection).autocommit:
            message = "the schema is changed in one transaction: not on a connection in autocommit mode"
            raise ConfigurationError(message)
        key = sa.func.hashtext(name)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_SPACE, key)))

    def notes(self, connection: sa.Connection) -> Iterator[Note]:
        """What is wrong with the settings of the connection."""
        level = _level(connection)
        if level != "READ COMMITTED":
            yield Note("wrong_isolation", f"the isolation level is {level}, it must be READ COMMITTED")
        if _setting(connection, "fsync") != "on":
            yield Note("fsync_off", "fsync is off: a power failure may damage the database")
        if _setting(connection, "synchronous_commit") == "off":
            yield Note("not_synchronous", "synchronous_commit is off: a power failure may undo the last commits")
        if _setting(connection, "server_encoding") != "UTF8":
            yield Note("wrong_encoding", "the encoding of the database is not UTF8")

    def forget(self) -> None:
        """Start without connections."""
        self._inherited.append(_forget_pool(self.engine))


def database_of(engine: sa.Engine) -> Database:
    """The way to use ``engine``; ``ConfigurationError`` if it is none of a known database."""
    if engine.dialect.name == "sqlite":
        return SQLiteDatabase(engine)
    if engine.dialect.name == "postgresql":
        return PostgresDatabase(engine)
    message = f"no store for {engine.dialect.name}: sqlite and postgresql are known"
    raise ConfigurationError(message)


_EXPECTED: dict[str, tuple[str, str, Any]] = {
    "foreign_keys": ("foreign_keys_off", "PRAGMA foreign_keys is off", bool),
    "journal_mode": (
        "no_wal",
        "PRAGMA journal_mode is not wal: readers and writers block each other",
        "wal".__eq__,
    ),
    "synchronous": ("not_synchronous", "PRAGMA synchronous is below FULL", _SYNCHRONOUS_FULL.__le__),
    "busy_timeout": ("no_busy_timeout", "PRAGMA busy_timeout is 0: other processes are not waited for", bool),
    "secure_delete": ("no_secure_delete", "PRAGMA secure_delete is off: removed rows stay readable", bool),
}


class _NoQueue:
    """For tasks: all in one thread, they have waited for their turn before."""

    def acquire(self) -> None:
        """Nothing."""

    def release(self) -> None:
        """Nothing."""


def _queue(engine: sa.Engine) -> WriterQueue | _NoQueue:
    return _NoQueue() if engine.dialect.is_async else WriterQueue(BUSY_SECONDS)


def _driver(connection: sa.Connection) -> Any:  # noqa: ANN401 - a connection of any driver, called without awaiting
    return connection.connection.dbapi_connection


def _native(connection: sa.Connection) -> Any:  # noqa: ANN401 - a connection of any driver, as it is
    return connection.connection.driver_connection


def _level(connection: sa.Connection) -> str:
    return "AUTOCOMMIT" if _driver(connection).autocommit else connection.get_isolation_level()


def _answers(connection: sa.Connection) -> bool:
    try:
        connection.exec_driver_sql("SELECT 1")
    except sa.exc.DBAPIError:
        return False
    return True


def _setting(connection: sa.Connection, name: str) -> Any:  # noqa: ANN401 - a word
    return connection.exec_driver_sql(f"SHOW {name}").scalar_one()


def _pragma(connection: sa.Connection, name: str) -> Any:  # noqa: ANN401 - a number or a word
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def _close(connection: sa.Connection) -> None:
    with suppress(Exception):  # it is closed all the same, and what was not committed is undone
        connection.close()


def _forget_pool(engine: sa.Engine) -> sa.Pool:
    """The pool that ``engine`` had; whoever keeps it keeps its connections from being closed."""
    pool = engine.pool
    engine.dispose(close=False)
    return pool
