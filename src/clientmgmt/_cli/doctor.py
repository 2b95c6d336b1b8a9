"""Whether an installation can do its work, and the facts that help to find out why not."""

from __future__ import annotations

import platform
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa

from clientmgmt._cli.exits import FINE, NOT_ALL_FINE, CannotRunError
from clientmgmt._cli.parser import own_version
from clientmgmt._cli.stores import DRIVERS, hint, masked, open_manager, parse, require_file
from clientmgmt.adapters.sqlalchemy import build_tables
from clientmgmt.domain import Note
from clientmgmt.errors import StorageError

__all__ = ["run"]

_EXTRAS = {"cli": "rich", "passwords": "argon2", "postgres": "psycopg", "testing": "hypothesis"}
_KEY_GONE = "removed_key"


def run(arguments: Namespace) -> int:
    """Print facts and findings; anything wrong makes the exit code 1."""
    url, keys = arguments.database, _keys(arguments)
    require_file(url)
    notes = [note for note in _findings(url, keys) if keys or note.code != _KEY_GONE]
    for label, fact in {**_versions(), **_extras(), "database": masked(url), **_server(url)}.items():
        print(f"{label:<14}{fact}")
    print()
    for note in notes:
        print(f"not ok  {hint(note.message)}")
    if not notes:
        print(f"ok      database, schema{' and links' if keys else ''}")
    if not keys:
        print("        links were not checked: that takes --key-file or --key")
    return NOT_ALL_FINE if notes else FINE


def _keys(arguments: Namespace) -> Sequence[str]:
    if arguments.key_file is None:
        return list(arguments.key)
    try:
        text = Path(arguments.key_file).read_text("utf-8")
    except (OSError, UnicodeError):
        message = f"the keys cannot be read from {arguments.key_file}"
        raise CannotRunError(message) from None
    if keys := text.split():
        return keys
    message = f"there is no key in {arguments.key_file}"
    raise CannotRunError(message)


def _findings(url: str, keys: Sequence[str]) -> Sequence[Note]:
    with open_manager(url, keys=keys) as manager:
        try:
            return manager.check()
        except StorageError as error:
            return (Note("unusable", str(error)),)


def _versions() -> Mapping[str, str]:
    return {"clientmgmt": own_version(), "Python": platform.python_version(), "SQLAlchemy": sa.__version__}


def _extras() -> Mapping[str, str]:
    here = {extra: find_spec(module) is not None for extra, module in _EXTRAS.items()}
    missing = ",".join(extra for extra, found in here.items() if not found)
    found = ", ".join(extra for extra, found in here.items() if found) or "none"
    return {"extras": f"{found}; for the others: pip install 'clientmgmt[{missing}]'" if missing else found}


def _server(url: str) -> Mapping[str, str]:
    """The versions of driver, database and schema, as far as the database answers."""
    parts = parse(url)
    if parts.drivername not in DRIVERS:  # a plug-in's: what is behind it only the plug-in knows
        return {}
    try:
        with _connected(parts.set(drivername=DRIVERS[parts.drivername])) as connection:
            dialect = connection.dialect
            server = ".".join(map(str, dialect.server_version_info or ()))
            facts = {"driver": f"{dialect.driver} {getattr(dialect.dbapi, '__version__', '')}".strip()}
            return {**facts, "server": f"{dialect.name} {server}", "schema": _schema(connection)}
    except sa.exc.SQLAlchemyError:
        return {}


@contextmanager
def _connected(url: sa.URL) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, hide_parameters=True)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _schema(connection: sa.Connection) -> str:
    versions = build_tables(sa.MetaData())["schema"]
    if not sa.inspect(connection).has_table(versions.name):
        return "none"
    version = connection.execute(sa.select(sa.func.max(versions.c.version))).scalar_one()
    return f"version {version}"
