"""Engines: our own, made from a URL as they should be."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from clientmgmt.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["BUSY_SECONDS", "PRAGMAS", "open_async_engine", "open_engine", "require_greenlet"]

BUSY_SECONDS = 30
"""How long a writer waits for others."""

PRAGMAS = {"synchronous": "FULL", "foreign_keys": "ON", "secure_delete": "ON"}
"""What every connection to SQLite is told, besides write-ahead logging."""

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_ASYNC_EXTRAS = {
    "postgresql+asyncpg": "asyncpg",
    "postgresql+psycopg": "postgres",
    "postgresql+psycopg_async": "postgres",
    "sqlite+aiosqlite": "asyncio",
}
"""The extra that brings the driver."""
_PAUSE = 0.01


def open_engine(url: str | sa.URL) -> sa.Engine:
    """An engine for ``url`` (``sqlite:///file.db`` or ``postgresql://…``).

    ``ConfigurationError`` for other databases and SQLite in memory, ``MissingExtraError`` without a driver.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        return _open_postgresql(parsed)
    message = f"no store for {parsed.get_backend_name()}: sqlite and postgresql are known"
    raise ConfigurationError(message)


def open_async_engine(url: str | sa.URL) -> AsyncEngine:
    """An engine for event loops: ``postgresql+asyncpg://…``, ``postgresql://…`` (psycopg), ``sqlite+aiosqlite:///…``.

    ``ConfigurationError`` for other databases and SQLite in memory, ``MissingExtraError`` without a driver.
    """
    parsed = _parsed(url)
    if parsed.drivername == "sqlite":
        message = f"SQLite is for threads: use ThreadedStorage(SQLStorage({str(url)!r}))"
        raise ConfigurationError(message)
    if parsed.drivername not in _ASYNC_EXTRAS:
        message = f"no asynchronous store for {parsed.drivername}: known are {', '.join(_ASYNC_EXTRAS)}"
        raise ConfigurationError(message)
    require_greenlet()
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - loads the ORM, for no use in other stores

    options = {"isolation_level": "READ COMMITTED"} if parsed.get_backend_name() == "postgresql" else {}
    _refuse_memory(parsed)
    try:
        engine = create_async_engine(parsed, hide_parameters=True, **options)
    except ModuleNotFoundError:
        raise MissingExtraError(_ASYNC_EXTRAS[parsed.drivername]) from None
    if parsed.get_backend_name() == "sqlite":
        sa.event.listen(engine.sync_engine, "connect", _prepare_aiosqlite)
    return engine


def require_greenlet() -> None:
    """Raise ``MissingExtraError`` without the library that asynchronous engines need."""
    if find_spec("greenlet") is None:
        extra = "asyncio"
        raise MissingExtraError(extra)


def _parsed(url: str | sa.URL) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        message = "the storage URL cannot be read"
        raise ConfigurationError(message) from None
    return parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))


def _refuse_memory(url: sa.URL) -> None:
    if url.get_backend_name() == "sqlite" and (url.database in {None, "", ":memory:"} or "mode=memory" in str(url)):
        message = "SQLite in memory has one database per connection: name a file, or use InMemoryStorage"
        raise ConfigurationError(message)


def _open_sqlite(url: sa.URL) -> sa.Engine:
    _refuse_memory(url)
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
    _prepare(driver, time.sleep)


def _prepare_aiosqlite(driver: Any, _record: object) -> None:  # noqa: ANN401 - a connection of the driver
    _prepare(driver, lambda seconds: driver.run_async(lambda _: asyncio.sleep(seconds)))


def _prepare(driver: Any, pause: Callable[[float], object]) -> None:  # noqa: ANN401 - a connection of either driver
    driver.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    _log_ahead(driver, pause)
    for name, value in PRAGMAS.items():
        driver.execute(f"PRAGMA {name} = {value}")


def _log_ahead(driver: Any, pause: Callable[[float], object]) -> None:  # noqa: ANN401 - a connection of either driver
    """Switch to write-ahead logging. SQLite does not always wait for others here, so this does."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            pause(_PAUSE)
        else:
            return
