"""Databases, as a command is told of them: by URL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from clientmgmt import ClientManager, generate_key
from clientmgmt._cli.exits import CannotRunError
from clientmgmt.adapters.plugins import STORAGES, plugin_schemes
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.errors import StorageError

__all__ = [
    "DRIVERS",
    "connected",
    "hint",
    "is_new",
    "masked",
    "open_manager",
    "open_storage",
    "parse",
    "require_file",
]

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
}
"""The driver that each scheme of a URL means."""

_SECRET_OPTION = re.compile(r"([?&][^=&]*(?:pass|pwd|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)
_PLAIN_HOST = re.compile(r"[^:/?]*(?::\d{1,5})?(?:[/?].*)?")


def parse(url: str) -> sa.URL:
    """The URL in its parts; ``CannotRunError`` if it has none, or names a database that is not known."""
    try:
        parts = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        message = "the database URL cannot be read: it should look like sqlite:///clients.db"
        raise CannotRunError(message) from None
    if parts.drivername in DRIVERS or parts.drivername in (others := plugin_schemes(STORAGES)):
        return parts
    known = ", ".join(("sqlite", "postgresql (with psycopg)", *others))
    message = f"no store for {parts.drivername}: there are {known}; an installed package can add others"
    raise CannotRunError(message)


def masked(url: str) -> str:
    """The URL without its passwords, also if it is malformed.

    >>> masked("postgresql://ada:s3cr3t@db.example/clients?sslpassword=x")
    'postgresql://ada:***@db.example/clients?sslpassword=***'
    """
    scheme, mark, rest = url.partition("://")
    if scheme.startswith("sqlite") or not mark:
        return _SECRET_OPTION.sub(r"\1***", url)
    credentials, at, host = rest.rpartition("@")
    if not at and _PLAIN_HOST.fullmatch(rest) is None:
        credentials, at, host = rest, "@", "..."
    user, colon, _ = credentials.partition(":")
    return _SECRET_OPTION.sub(r"\1***", f"{scheme}://{user}{colon and ':***'}{at}{host}")


def is_new(url: str) -> bool:
    """Whether the URL names an SQLite file in which nothing is yet."""
    file = _file(url)
    return file is not None and (not file.exists() or file.stat().st_size == 0)


def require_file(url: str) -> None:
    """Refuse an SQLite file that is not there: looking into it would create it."""
    if is_new(url):
        message = f"there is no database {_file(url)}"
        raise CannotRunError(message)


@contextmanager
def open_storage(
    url: str, *, prefix: str = "cm_", schema: str | None = None, row_level_security: bool = False
) -> Iterator[SQLStorage]:
    """The store in this database."""
    parse(url)
    storage = SQLStorage(url, prefix=prefix, schema=schema, row_level_security=row_level_security)
    try:
        yield storage
    except StorageError as error:
        message = f"{masked(url)}: {hint(str(error))}"
        raise CannotRunError(message) from None
    finally:
        storage.close()


@contextmanager
def open_manager(
    url: str,
    *,
    keys: Sequence[str] = (),
    prefix: str = "cm_",
    schema: str | None = None,
    row_level_security: bool = False,
) -> Iterator[ClientManager]:
    """A manager on this database. Without ``keys`` it gets one of its own: fine for whoever sends no link."""
    keys = keys or [generate_key()]
    if parse(url).drivername not in DRIVERS:  # a plug-in's, which has no tables to name
        with ClientManager(url, secret_keys=keys) as manager:
            yield manager
        return
    with (
        open_storage(url, prefix=prefix, schema=schema, row_level_security=row_level_security) as storage,
        ClientManager(storage, secret_keys=keys) as manager,
    ):
        yield manager


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """A connection to this database, and nothing around it."""
    parts = parse(url)
    engine = sa.create_engine(parts.set(drivername=DRIVERS[parts.drivername]), hide_parameters=True)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def hint(message: str) -> str:
    """The message of the library in the words of the command line."""
    words = {"call upgrade()": "run 'clientmgmt upgrade'", "upgrade_sql()": "'clientmgmt upgrade --sql --since 0'"}
    for call, command in words.items():
        message = message.replace(call, command)
    return message


def _file(url: str) -> Path | None:
    parts = parse(url)
    is_path = parts.get_backend_name() == "sqlite" and parts.database and not parts.database.startswith("file:")
    return Path(str(parts.database)) if is_path else None
