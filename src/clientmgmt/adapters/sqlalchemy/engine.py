"""Engines: our own, made from a URL as they should be."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import sqlalchemy as sa

from clientmgmt.errors import ConfigurationError, MissingExtraError

__all__ = ["BUSY_SECONDS", "PRAGMAS", "open_engine"]

BUSY_SECONDS = 30
"""How long a writer waits for others."""

PRAGMAS = {"synchronous": "FULL", "foreign_keys": "ON", "secure_delete": "ON"}
"""What every connection to SQLite is told, besides write-ahead logging."""

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_PAUSE = 0.01


def open_engine(url: str | sa.URL) -> sa.Engine:
    """An engine for ``url`` (``sqlite:///file.db`` or ``postgresql://…``).

    ``ConfigurationError`` for other databases and SQLite in memory, ``MissingExtraError`` without a driver.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        message = "the storage URL cannot be read"
        raise ConfigurationError(message) from None
    parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        return _open_postgresql(parsed)
    message = f"no store for {parsed.get_backend_name()}: sqlite and postgresql are known"
    raise ConfigurationError(message)


def _open_sqlite(url: sa.URL) -> sa.Engine:
    if url.database in {None, "", ":memory:"} or "mode=memory" in str(url):
        message = "SQLite in memory has one database per connection: name a file, or use InMemoryStorage"
        raise ConfigurationError(message)
    engine = sa.create_engine(url, hide_parameters=True, poolclass=sa.QueuePool)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _open_postgresql(url: sa.URL) -> sa.Engine:
    try:
        is_async = url.get_dialect().is_async
    except sa.exc.NoSuchModuleError:
        is_async = True
    if is_async:
        message = f"{url.drivername} is no driver that can be used here: name postgresql+psycopg"
        raise ConfigurationError(message)
    try:
        return sa.create_engine(url, hide_parameters=True, isolation_level="READ COMMITTED")
    except ModuleNotFoundError:
        extra = "postgres"
        raise MissingExtraError(extra) from None


def _prepare_sqlite(driver: Any, _record: object) -> None:  # noqa: ANN401 - a connection of the driver
    driver.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    _log_ahead(driver)
    for name, value in PRAGMAS.items():
        driver.execute(f"PRAGMA {name} = {value}")


def _log_ahead(driver: Any) -> None:  # noqa: ANN401 - a connection of the driver
    """Switch to write-ahead logging. SQLite does not always wait for others here, so this does."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return
