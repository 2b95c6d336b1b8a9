"""What errors of the database mean for whoever uses the store. No value of a row gets into a message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.tables import key_name
from clientmgmt.errors import CommitUnknownError, ConnectionLostError, StorageError, TransactionConflictError
from clientmgmt.ports.storage import Collection, ReferenceViolation, UniqueViolation

__all__ = ["Keys", "commit_failure", "failure", "is_lost", "release_failure", "unique_keys"]

Keys = Mapping[object, tuple[str, str]]
"""(collection, key) by what the database says of a violation."""

_UNIQUE = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})
_REFERENCE = frozenset({"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"})
_PLAIN = {
    "25006": "the database takes no writes: it is a standby, or set to read only",
    "25P04": "the unit of work took longer than the database allows",
    "53100": "the disk of the database is full",
    "53300": "the database takes no more connections",
    "57014": "the database cancelled a statement that took too long",
    "57P03": "the database is starting up or shutting down",
    "OperationalError": "the database cannot be reached",
    "SQLITE_CANTOPEN": "the database file cannot be opened",
    "SQLITE_CORRUPT": "the database file is damaged",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_NOTADB": "the file is no database",
    "SQLITE_READONLY": "the database file cannot be written",
    "TimeoutError": "no connection of the pool became free in time",
}
_NUMBER = re.compile(r"_\d+$")
_CONFLICT = frozenset({"40001", "40P01", "55P03"})
_SQLITE_CONFLICT = ("SQLITE_BUSY", "SQLITE_LOCKED")
_SQLITE_IO = "SQLITE_IOERR"
_LOST = {
    "25P03": "the database closed the connection of a unit of work that was idle for too long",
    "57P01": "the database closed the connection: it was told to",
    "57P02": "the database closed the connection: it crashed",
}
_LOST_CLASS = "08"
_UNCERTAIN = frozenset({"40003", "57P01", "57P02"})
"""After these, a commit may have happened. Who was idle for too long had not begun to commit."""


def unique_keys(collections: Iterable[Collection[Any]], tables: Mapping[str, sa.Table], prefix: str) -> Keys:
    """How both databases tell which key is violated: PostgreSQL by its name, SQLite by the columns."""
    keys: dict[object, tuple[str, str]] = {}
    for collection in collections:
        table = tables[collection.name]
        names: dict[str, str] = {key_name(prefix, key): key for key in collection.unique}
        for constraint in table.constraints:
            if isinstance(constraint, sa.UniqueConstraint | sa.PrimaryKeyConstraint):
                key = collection.name, names.get(str(constraint.name), "id")
                keys[constraint.name] = key
                keys[tuple(f"{table.name}.{column.name}" for column in constraint.columns)] = key
    return keys


def failure(error: Exception, keys: Keys) -> StorageError:
    """The error to raise in place of ``error``, ``from None``: messages of drivers show values."""
    driver = getattr(error, "orig", None) or error
    said = _code(driver)
    code = said or type(driver).__name__
    if code in _UNIQUE and (key := _key(_violated(driver), keys)):
        return UniqueViolation(*key)
    if code in _REFERENCE:
        return ReferenceViolation()
    if code in _CONFLICT or code.startswith(_SQLITE_CONFLICT):
        return TransactionConflictError(f"lost against a concurrent unit of work ({code})")
    if said in _LOST or said.startswith(_LOST_CLASS) or (said not in _PLAIN and _breaks(error, driver)):
        return ConnectionLostError(f"{_LOST.get(code, 'the connection to the database was lost')} ({code})")
    if isinstance(driver, OSError):  # of drivers for event loops, which connect by themselves
        return StorageError(f"{_PLAIN['OperationalError']} ({code})")
    return StorageError(f"{_plain(code)} ({code})")


def commit_failure(error: Exception, keys: Keys) -> StorageError:
    """The error to raise in place of ``error`` that a commit ended with.

    The end is known only if the database itself said no, and was there to say so.
    """
    said = _code(getattr(error, "orig", None) or error)
    if not said or said in _UNCERTAIN or said.startswith((_LOST_CLASS, _SQLITE_IO)):
        return CommitUnknownError()
    return failure(error, keys)


def release_failure(error: Exception, keys: Keys) -> StorageError:
    """The error to raise in place of ``error`` that an end without a commit has met: of a savepoint, or of reading."""
    return failure(error, keys) if _code(getattr(error, "orig", None) or error) else ConnectionLostError()


def is_lost(connection: sa.Connection) -> bool:
    """Whether the other side is known to have gone. It is not asked: what has arrived already is looked at.

    What is lost before a commit is sent can be run again; what is lost after it cannot be told from success.
    """
    if connection.invalidated:
        return True
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "pgconn"):  # psycopg: the first look takes a last message, the second one finds the end
        return not (_hears(driver.pgconn) and _hears(driver.pgconn))
    return hasattr(driver, "is_closed") and bool(driver.is_closed())  # asyncpg


def _hears(pgconn: Any) -> bool:  # noqa: ANN401 - libpq's connection
    try:
        pgconn.consume_input()
    except Exception:  # noqa: BLE001 - of a driver that is not imported here
        return False
    return True


def _code(driver: object) -> str:
    """What the database calls the error, empty if it was not the database that found it."""
    return getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None) or ""


def _breaks(error: Exception, driver: object) -> bool:
    return bool(getattr(error, "connection_invalidated", False)) or isinstance(driver, ConnectionError)


def _plain(code: str) -> str:
    if code.startswith(_SQLITE_IO):
        return "the database file could not be read or written"
    return _PLAIN.get(code, "the database could not do what was asked")


def _key(violated: object, keys: Keys) -> tuple[str, str] | None:
    """The declared key; a shard or a partition calls its own like it, with a number behind."""
    if violated in keys or not isinstance(violated, str):
        return keys.get(violated)
    return keys.get(_NUMBER.sub("", violated))


def _violated(driver: Any) -> object:  # noqa: ANN401 - an exception of any driver
    """The name of the constraint; from SQLite, which has no other way to tell, the columns in its message."""
    if hasattr(driver, "diag"):
        return driver.diag.constraint_name
    if hasattr(driver.__cause__, "constraint_name"):
        return driver.__cause__.constraint_name
    return tuple(str(driver).partition(": ")[2].split(", "))
