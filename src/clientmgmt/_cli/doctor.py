"""Whether an installation can do its work, and the facts that help to find out why not."""

from __future__ import annotations

import platform
from argparse import Namespace
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

import sqlalchemy as sa

from clientmgmt._cli.exits import FINE, NOT_ALL_FINE, CannotRunError
from clientmgmt._cli.parser import own_version
from clientmgmt._cli.stores import DRIVERS, connected, hint, masked, open_manager, parse, require_file
from clientmgmt.adapters.sqlalchemy import schema_version
from clientmgmt.domain import Note
from clientmgmt.errors import SchemaError, StorageError

__all__ = ["run"]


class Names(TypedDict):
    """What tables are called."""

    prefix: str
    schema: str | None


_EXTRAS = {"cli": "rich", "passwords": "argon2", "postgres": "psycopg", "testing": "hypothesis"}
_KEY_GONE = "removed_key"


def run(arguments: Namespace) -> int:
    """Print facts and findings; anything wrong makes the exit code 1."""
    url, keys = arguments.database, _keys(arguments)
    names = Names(prefix=arguments.prefix, schema=arguments.schema)
    require_file(url)
    notes = [note for note in _findings(arguments, keys, names) if keys or note.code != _KEY_GONE]
    for label, fact in {**_versions(), **_extras(), "database": masked(url), **_server(url, names)}.items():
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


def _findings(arguments: Namespace, keys: Sequence[str], names: Names) -> Sequence[Note]:
    secured = arguments.row_level_security
    with open_manager(arguments.database, keys=keys, row_level_security=secured, **names) as manager:
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


def _server(url: str, names: Names) -> Mapping[str, str]:
    """The versions of driver, database and schema, as far as the database answers."""
    if parse(url).drivername not in DRIVERS:  # a plug-in's: what is behind it only the plug-in knows
        return {}
    try:
        with connected(url) as connection:
            dialect = connection.dialect
            server = ".".join(map(str, dialect.server_version_info or ()))
            facts = {"driver": f"{dialect.driver} {getattr(dialect.dbapi, '__version__', '')}".strip()}
            return {**facts, "server": f"{dialect.name} {server}", "schema": _schema(connection, names)}
    except sa.exc.SQLAlchemyError:
        return {}


def _schema(connection: sa.Connection, names: Names) -> str:
    try:
        version = schema_version(connection, **names)
    except SchemaError:
        return "not recorded"
    return "none" if version is None else f"version {version}"
