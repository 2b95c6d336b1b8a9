"""Runs the steps: in the transaction of a connection, or into a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from clientmgmt.adapters.sqlalchemy.database import database_of
from clientmgmt.adapters.sqlalchemy.migrations import steps
from clientmgmt.adapters.sqlalchemy.migrations.drift import missing_parts, missing_tables
from clientmgmt.adapters.sqlalchemy.migrations.operations import Operations
from clientmgmt.adapters.sqlalchemy.migrations.versions import refuse_newer, schema_version, versions_table
from clientmgmt.errors import ConfigurationError, SchemaError

__all__ = ["downgrade", "lost_table", "stamp", "upgrade", "upgrade_sql"]

_DIALECTS: Mapping[str, Callable[..., sa.Dialect]] = {"postgresql": postgresql.dialect, "sqlite": sqlite.dialect}


def upgrade(
    connection: sa.Connection, *, to: int | None = None, prefix: str = "cm_", schema: str | None = None
) -> tuple[str, ...]:
    """Bring the schema to this release, inside the transaction of ``connection``, which the caller commits.

    Whoever upgrades the same tables at the same time waits, and then finds nothing to do.

    Args:
        connection: one to SQLite or PostgreSQL; in a migration of Alembic ``op.get_bind()``.
        to: the version to stop at, so that a migration of the host always does the same.
        prefix: what the names of tables, keys and indexes start with.
        schema: the schema of the tables, which is created if it is missing; PostgreSQL only.

    Returns:
        What was done, and nothing if the schema has that version.

    Raises:
        SchemaError: the schema is newer than this release, or damaged.
        ConfigurationError: the version is unknown or lower than the present one, or there is no transaction.
    """
    target = _known(to)
    version = _begin(connection, prefix=prefix, schema=schema)
    if target < version:
        message = f"the schema has version {version}: downgrade(to={target}) would take it back"
        raise ConfigurationError(message)
    if schema is not None and not sa.inspect(connection).has_schema(schema):
        connection.execute(sa.schema.CreateSchema(schema))
    ops = steps.operations_at(version, prefix=prefix, schema=schema)
    ops.work_on(connection.execute)
    _climb(ops, version, target, versions_table(prefix=prefix, schema=schema))
    return tuple(ops.done)


def downgrade(connection: sa.Connection, *, to: int, prefix: str = "cm_", schema: str | None = None) -> tuple[str, ...]:
    """Take the schema back to version ``to``, inside the transaction of ``connection``; 0 leaves no table.

    What later versions have stored in tables and columns of theirs is lost.

    Args:
        connection: as in :func:`upgrade`.
        to: the version to stop at.
        prefix: what the names of tables, keys and indexes start with.
        schema: the schema of the tables; it is not dropped.

    Returns:
        What was done, and nothing if the schema has that version.

    Raises:
        SchemaError: the schema is newer than this release, or damaged.
        ConfigurationError: the version is unknown or higher than the present one, or there is no transaction.
    """
    target = _known(to)
    version = _begin(connection, prefix=prefix, schema=schema)
    if target > version:
        message = f"the schema has version {version}: upgrade(to={target}) would bring it there"
        raise ConfigurationError(message)
    ops = steps.operations_at(version, prefix=prefix, schema=schema)
    ops.work_on(connection.execute)
    versions = versions_table(prefix=prefix, schema=schema)
    for number in range(version, target, -1):
        ops.execute(sa.delete(versions).where(versions.c.version == number))
        steps.STEPS[number - 1].downgrade(ops)
        ops.done.append(f"the schema has version {number - 1}")
    return tuple(ops.done)


def upgrade_sql(
    dialect: str | sa.Dialect,
    *,
    since: int = 0,
    to: int | None = None,
    prefix: str = "cm_",
    schema: str | None = None,
) -> str:
    """The script that does what :func:`upgrade` would do, for whoever may not let an application change tables.

    It is one transaction, and it records the versions. Run against a schema of another version it fails, and
    changes nothing.

    Args:
        dialect: ``"sqlite"`` or ``"postgresql"``, or a dialect of SQLAlchemy.
        since: the version that the schema has; 0 if there is none.
        to: the version to stop at.
        prefix: what the names of tables, keys and indexes start with.
        schema: the schema of the tables; PostgreSQL only.

    Returns:
        The script, empty if there is nothing to do.

    Raises:
        ConfigurationError: the dialect or one of the versions is unknown.
    """
    chosen = _dialect(dialect, schema)
    target, lines = _known(to), ["BEGIN"]

    def write(statement: sa.Executable) -> None:
        lines.append(_text(statement, chosen))

    if schema is not None and since == 0:
        write(sa.schema.CreateSchema(schema, if_not_exists=True))
    ops = steps.operations_at(_known(since), prefix=prefix, schema=schema)
    ops.work_on(write)
    _climb(ops, since, target, versions_table(prefix=prefix, schema=schema))
    return "".join(f"{line};\n" for line in [*lines, "COMMIT"]) if since < target else ""


def stamp(
    connection: sa.Connection, *, version: int | None = None, prefix: str = "cm_", schema: str | None = None
) -> None:
    """Record that the schema has ``version``, for tables that something else than :func:`upgrade` has created.

    Args:
        connection: as in :func:`upgrade`.
        version: what to record; the version of this release if not given.
        prefix: what the names of tables, keys and indexes start with.
        schema: the schema of the tables; PostgreSQL only.

    Raises:
        SchemaError: a table, column, index or key of that version is missing.
        ConfigurationError: there is no such version, or there is no transaction.
    """
    target = _known(version)
    versions = versions_table(prefix=prefix, schema=schema)
    database_of(connection.engine).guard_upgrade(connection, versions.fullname)
    model = steps.model_at(target, prefix=prefix, schema=schema)
    wanted = [table for table in model.sorted_tables if table.name != versions.name]
    if lost := missing_tables(connection, wanted):
        message = f"the schema is not that of version {target}: the table {lost[0].fullname} is missing"
        raise SchemaError(message)
    if fault := next(missing_parts(connection, wanted), None):
        message = f"the schema is not that of version {target}: {fault.message}"
        raise SchemaError(message)
    versions.create(connection, checkfirst=True)
    connection.execute(sa.delete(versions))
    connection.execute(sa.insert(versions), [{"version": number} for number in range(1, target + 1)])


def lost_table(table: sa.Table, version: int) -> str:
    """What to say of a table that is missing although its version is recorded."""
    return (
        f"the table {table.fullname} is missing, although the schema has version {version}: restore it from a backup, "
        "or create it empty, the script of upgrade_sql() shows how"
    )


def _begin(connection: sa.Connection, *, prefix: str, schema: str | None) -> int:
    """Keep others out; the version of the schema, 0 if there is none."""
    _dialect(connection.dialect, schema)
    name = versions_table(prefix=prefix, schema=schema).fullname
    database_of(connection.engine).guard_upgrade(connection, name)
    version = schema_version(connection, prefix=prefix, schema=schema) or 0
    refuse_newer(version)
    tables = steps.model_at(version, prefix=prefix, schema=schema).tables.values()
    if lost := missing_tables(connection, tables):
        raise SchemaError(lost_table(lost[0], version))
    return version


def _climb(ops: Operations, version: int, target: int, versions: sa.Table) -> None:
    for number in range(version + 1, target + 1):
        steps.STEPS[number - 1].upgrade(ops)
        ops.execute(sa.insert(versions).values(version=number))
        ops.done.append(f"the schema has version {number}")


def _known(version: int | None) -> int:
    """The version that is meant; ``ConfigurationError`` if no step leads to it."""
    last = steps.latest()
    if version is None:
        return last
    if 0 <= version <= last:
        return version
    message = f"there is no version {version} of the schema: this release knows 1 to {last}"
    raise ConfigurationError(message)


def _dialect(dialect: str | sa.Dialect, schema: str | None) -> sa.Dialect:
    name = dialect if isinstance(dialect, str) else dialect.name
    if name not in _DIALECTS:
        message = f"no tables for {name}: sqlite and postgresql are known"
        raise ConfigurationError(message)
    if schema is not None and name == "sqlite":
        message = "a schema is for PostgreSQL only: on SQLite, choose a prefix"
        raise ConfigurationError(message)
    return _DIALECTS[name](paramstyle="named")


def _text(statement: sa.Executable, dialect: sa.Dialect) -> str:
    if isinstance(statement, sa.schema.ExecutableDDLElement):
        lines = str(statement.compile(dialect=dialect)).strip().splitlines()
        return "\n".join(line.rstrip().expandtabs(4) for line in lines)
    changes_rows = cast("sa.ClauseElement", statement)
    return str(changes_rows.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
