"""Bringing a database to this release, or printing what would."""

from __future__ import annotations

from argparse import Namespace

import sqlalchemy as sa

from clientmgmt._cli.exits import FINE, CannotRunError
from clientmgmt._cli.stores import DRIVERS, connected, is_new, masked, open_manager, open_storage, parse
from clientmgmt.adapters.sqlalchemy import schema_version, upgrade_sql

__all__ = ["run"]


def run(arguments: Namespace) -> int:
    """Do the steps that are missing and say what was done, or print the script."""
    if arguments.sql:
        return _print_script(arguments)
    if arguments.since is not None:
        message = "--since goes with --sql"
        raise CannotRunError(message)
    done = _upgraded(arguments)
    for step in done:
        print(step)
    print(f"{masked(arguments.database)}: {'upgraded' if done else 'nothing to do'}")
    return FINE


def _upgraded(arguments: Namespace) -> tuple[str, ...]:
    if parse(arguments.database).drivername not in DRIVERS:  # a plug-in's, which knows its own way
        with open_manager(arguments.database) as manager:
            return manager.upgrade()
    with open_storage(arguments.database, prefix=arguments.prefix, schema=arguments.schema) as storage:
        return storage.upgrade(to=arguments.to)


def _print_script(arguments: Namespace) -> int:
    dialect = DRIVERS[parse(arguments.database).drivername].partition("+")[0]
    since = _version(arguments) if arguments.since is None else arguments.since
    names = {"prefix": arguments.prefix, "schema": arguments.schema}
    print(upgrade_sql(dialect, since=since, to=arguments.to, **names), end="")
    return FINE


def _version(arguments: Namespace) -> int:
    """That of the schema in the database; looking does not create a file."""
    if is_new(arguments.database):
        return 0
    try:
        with connected(arguments.database) as connection:
            return schema_version(connection, prefix=arguments.prefix, schema=arguments.schema) or 0
    except sa.exc.SQLAlchemyError:
        message = f"{masked(arguments.database)}: the database cannot be read; --since says which version it has"
        raise CannotRunError(message) from None
