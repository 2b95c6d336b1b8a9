"""The table that says which version the schema has: one row for each step that was done."""

from __future__ import annotations

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.migrations.drift import missing_tables
from clientmgmt.adapters.sqlalchemy.migrations.steps import latest, model_at
from clientmgmt.errors import SchemaError

__all__ = ["refuse_newer", "schema_version", "versions_table"]


def versions_table(*, prefix: str, schema: str | None) -> sa.Table:
    """The table of versions. Every release must read that of every other, so it never changes."""
    columns = sa.Column("version", sa.Integer, autoincrement=False)
    key = sa.PrimaryKeyConstraint("version", name=f"{prefix}schema_pkey")
    return sa.Table(f"{prefix}schema", sa.MetaData(), columns, key, schema=schema)


def schema_version(connection: sa.Connection, *, prefix: str = "cm_", schema: str | None = None) -> int | None:
    """The version of the schema in the database, ``None`` if there is none.

    Args:
        connection: one to SQLite or PostgreSQL.
        prefix: what the names of tables, keys and indexes start with.
        schema: the schema of the tables; PostgreSQL only.

    Raises:
        SchemaError: there are tables of ours, but nothing says which version they have.
    """
    versions = versions_table(prefix=prefix, schema=schema)
    inspector = sa.inspect(connection)
    if inspector.has_table(versions.name, schema=schema):
        version: int | None = connection.execute(sa.select(sa.func.max(versions.c.version))).scalar_one_or_none()
        if version:
            return version
    _refuse_unversioned(connection, versions)
    return None


def refuse_newer(version: int | None) -> None:
    """``SchemaError`` if a later release has been here."""
    if version is not None and version > latest():
        message = f"the schema has version {version}, this release knows {latest()}: install a later release"
        raise SchemaError(message)


def _refuse_unversioned(connection: sa.Connection, versions: sa.Table) -> None:
    prefix, schema = versions.name.removesuffix("schema"), versions.schema
    known = [table for table in model_at(prefix=prefix, schema=schema).tables.values() if table.name != versions.name]
    missing = missing_tables(connection, known)
    if len(missing) < len(known):
        found = next(table for table in known if table not in missing)
        message = (
            f"there is a table {found.fullname}, but no version of the schema is recorded: if all tables are as "
            "they should be, record it with stamp(); if they are left over, drop them and call upgrade()"
        )
        raise SchemaError(message)
