"""What errors of the database mean for whoever uses the store. No value of a row gets into a message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.tables import key_name
from clientmgmt.errors import StorageError, TransactionConflictError
from clientmgmt.ports.storage import Collection, ReferenceViolation, UniqueViolation

__all__ = ["Keys", "failure", "unique_keys"]

Keys = Mapping[object, tuple[str, str]]
"""(collection, key) by what the database says of a violation."""

_UNIQUE = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})
_REFERENCE = frozenset({"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"})
_PLAIN = {
    "OperationalError": "the database cannot be reached, or the connection was lost",
    "SQLITE_CANTOPEN": "the database file cannot be opened",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the database file cannot be written",
}
_CONFLICT = frozenset({"40001", "40P01", "55P03"})
_SQLITE_CONFLICT = ("SQLITE_BUSY", "SQLITE_LOCKED")


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
    if isinstance(driver, OSError):
        return StorageError(f"{_PLAIN['OperationalError']} ({type(driver).__name__})")
    code = getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None) or type(driver).__name__
    if code in _UNIQUE and (key := keys.get(_violated(driver))):
        return UniqueViolation(*key)
    if code in _REFERENCE:
        return ReferenceViolation()
    if code in _CONFLICT or code.startswith(_SQLITE_CONFLICT):
        return TransactionConflictError(f"lost against a concurrent unit of work ({code})")
    return StorageError(f"{_PLAIN.get(code, 'the database could not do what was asked')} ({code})")


def _violated(driver: Any) -> object:  # noqa: ANN401 - an exception of any driver
    """The name of the constraint; from SQLite, which has no other way to tell, the columns in its message."""
    if hasattr(driver, "diag"):
        return driver.diag.constraint_name
    if hasattr(driver.__cause__, "constraint_name"):
        return driver.__cause__.constraint_name
    return tuple(str(driver).partition(": ")[2].split(", "))
