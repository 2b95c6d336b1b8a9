"""The schema of a store: what it is, what it should be, and how it gets there.

The tables of the package come from the steps in :mod:`~clientmgmt.adapters.sqlalchemy.migrations`. Those of other
collections that a host may store have no steps: they are created as they are derived.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.migrations import runner, upgrade
from clientmgmt.adapters.sqlalchemy.migrations.drift import missing_parts, missing_tables
from clientmgmt.adapters.sqlalchemy.migrations.steps import latest, model_at
from clientmgmt.adapters.sqlalchemy.migrations.versions import refuse_newer, schema_version
from clientmgmt.adapters.sqlalchemy.tables import SCHEMA
from clientmgmt.domain.results import Note
from clientmgmt.errors import SchemaError

__all__ = ["create_missing", "is_empty", "require_current", "schema_notes", "stored_version"]

Tables = Mapping[str, sa.Table]


def stored_version(connection: sa.Connection, tables: Tables) -> int | None:
    """The version of the schema in the database, ``None`` if there is none.

    :class:`~clientmgmt.errors.SchemaError` if there are tables, but nothing says which version they have.
    """
    prefix, schema = _names(tables)
    return schema_version(connection, prefix=prefix, schema=schema)


def require_current(version: int | None) -> None:
    """Raise :class:`~clientmgmt.errors.SchemaError` unless the schema is the one of this release."""
    if version == latest():
        return
    refuse_newer(version)
    known = f"the schema has version {version}, not {latest()}"
    found = "the database has no tables yet" if version is None else known
    message = f"{found}: call upgrade()"
    raise SchemaError(message)


def create_missing(connection: sa.Connection, tables: Tables, *, to: int | None = None) -> tuple[str, ...]:
    """Do the steps that were not done, and create the tables of other collections; answer what was done."""
    prefix, schema = _names(tables)
    done = upgrade(connection, to=to, prefix=prefix, schema=schema)
    if to is not None and to < latest():
        return done
    others = missing_tables(connection, tables.values())
    for table in others:
        table.create(connection)
    return (*done, *(f"created table {table.fullname}" for table in others))


def is_empty(connection: sa.Connection) -> bool:
    """Whether an SQLite file is new: nothing was ever created in it."""
    return connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").first() is None


def schema_notes(connection: sa.Connection, tables: Tables) -> Iterator[Note]:
    """What is wrong with the schema: its version, and tables, columns, indexes and keys that are not there."""
    try:
        require_current(stored_version(connection, tables))
    except SchemaError as error:
        yield Note("wrong_schema", str(error))
        return
    missing = missing_tables(connection, tables.values())
    for table in missing:
        yield Note("table_missing", _lost(table, tables))
    yield from missing_parts(connection, [table for table in tables.values() if table not in missing])


def _lost(table: sa.Table, tables: Tables) -> str:
    prefix, schema = _names(tables)
    if table.key in model_at(prefix=prefix, schema=schema).tables:
        return runner.lost_table(table, latest())
    return f"the table {table.fullname} is missing: call upgrade()"


def _names(tables: Tables) -> tuple[str, str | None]:
    """The prefix and the schema."""
    return tables[SCHEMA].name.removesuffix(SCHEMA), tables[SCHEMA].schema
