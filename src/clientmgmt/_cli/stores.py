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
from clientmgmt.errors import StorageError

__all__ = ["DRIVERS", "hint", "is_new", "masked", "open_manager", "parse", "require_file"]

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
def open_manager(url: str, *, keys: Sequence[str] = ()) -> Iterator[ClientManager]:
    """A manager on this database. Without ``keys`` it gets one of its own: fine for whoever sends no link."""
    parse(url)
    with ClientManager(url, secret_keys=keys or [generate_key()]) as manager:
        try:
            yield manager
        except StorageError as error:
            message = f"{masked(url)}: {hint(str(error))}"
            raise CannotRunError(message) from None


def hint(message: str) -> str:
    """The message of the library in the words of the command line."""
    return message.replace("call upgrade()", "run 'clientmgmt upgrade'")


def _file(url: str) -> Path | None:
    parts = parse(url)
    is_path = parts.get_backend_name() == "sqlite" and parts.database and not parts.database.startswith("file:")
    return Path(str(parts.database)) if is_path else None
