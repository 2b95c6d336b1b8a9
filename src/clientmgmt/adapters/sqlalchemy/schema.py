"""The version of the schema: what it is, what it should be, and how it gets there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.tables import SCHEMA
from clientmgmt.domain.results import Note
from clientmgmt.errors import SchemaError

__all__ = ["VERSION", "create_missing", "is_empty", "require_current", "schema_notes", "stored_version"]

VERSION = 1
"""The version of the schema that this release reads and writes."""


def stored_version(connection: sa.Connection, tables: Mapping[str, sa.Table]) -> int | None:
    """The version of the schema in the database, ``None`` if there is none."""
    versions = tables[SCHEMA]
    if not sa.inspect(connection).has_table(versions.name, schema=versions.schema):
        return None
    return connection.execute(sa.select(sa.func.max(versions.c.version))).scalar_one_or_none()


def require_current(version: int | None) -> None:
    """Raise :class:`~clientmgmt.errors.SchemaError` unless the schema is the one of this release."""
    if version == VERSION:
        return
    refuse_newer(version)
    found = "the database has no tables yet" if version is None else f"the schema has version {version}, not {VERSION}"
    message = f"{found}: call upgrade()"
    raise SchemaError(message)


def refuse_newer(version: int | None) -> None:
    """Raise :class:`~clientmgmt.errors.SchemaError` if a later release has been here."""
    if version is not None and version > VERSION:
        message = f"the schema has version {version}, this release knows {VERSION}: install a later release"
        raise SchemaError(message)


def create_missing(connection: sa.Connection, tables: Mapping[str, sa.Table]) -> tuple[str, ...]:
    """Create the tables that are not there and record the version; answer what was done."""
    version = stored_version(connection, tables)
    refuse_newer(version)
    missing = _missing(connection, tables)
    schema = tables[SCHEMA].schema
    if schema is not None and not sa.inspect(connection).has_schema(schema):
        connection.execute(sa.schema.CreateSchema(schema))
    for table in missing:
        table.create(connection)
    if version != VERSION:
        connection.execute(sa.insert(tables[SCHEMA]).values(version=VERSION))
    return tuple(f"created table {table.fullname}" for table in missing)


def is_empty(connection: sa.Connection) -> bool:
    """Whether an SQLite file is new: nothing was ever created in it."""
    return connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").first() is None


def schema_notes(connection: sa.Connection, tables: Mapping[str, sa.Table]) -> Iterator[Note]:
    """What is wrong with the schema."""
    try:
        require_current(stored_version(connection, tables))
    except SchemaError as error:
        yield Note("wrong_schema", str(error))
        return
    for table in _missing(connection, tables):
        yield Note("table_missing", f"the table {table.fullname} is missing: call upgrade()")


def _missing(connection: sa.Connection, tables: Mapping[str, sa.Table]) -> list[sa.Table]:
    inspector = sa.inspect(connection)
    return [table for table in tables.values() if not inspector.has_table(table.name, schema=table.schema)]
