"""The tables, derived from the collections.

Table, column, key and index names are public: hosts query them. Every key and index starts with the tenant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.layout import leaves_of, parts_of
from clientmgmt.adapters.sqlalchemy.types import column_type, text_type
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports.collections import COLLECTIONS
from clientmgmt.ports.storage import Collection, Field

__all__ = ["NUMBERS", "SCHEMA", "build_tables", "column_of", "key_name"]

NUMBERS = "numbers"
"""The table of :meth:`~clientmgmt.ports.UnitOfWork.next_number`."""

SCHEMA = "schema"
"""The table that holds the version of the schema."""

RESERVED = frozenset({"p_tenant", "p_lane", "p_id", "p_version"})
"""Names of parameters besides the columns."""

_LONGEST_NAME = 63


def build_tables(
    metadata: sa.MetaData,
    *,
    collections: Iterable[Collection[Any]] = COLLECTIONS,
    prefix: str = "cm_",
    schema: str | None = None,
) -> Mapping[str, sa.Table]:
    """Declare the tables of ``collections`` in ``metadata``, each after those that it refers to.

    The answer has them by the name of their collection, and besides ``numbers`` and ``schema``, which the
    store keeps for itself. Names of tables, keys and indexes start with ``prefix``. ``ConfigurationError`` if
    a type cannot be stored, a name is too long or taken, or two unique keys have the same columns.
    """
    tables: dict[str, sa.Table] = {}
    for collection in collections:
        if collection.name in tables:
            message = f"two collections are called {collection.name}"
            raise ConfigurationError(message)
        tables[collection.name] = _table(metadata, collection, tables, prefix=prefix, schema=schema)
    tables[NUMBERS] = _numbers(metadata, prefix=prefix, schema=schema)
    tables[SCHEMA] = sa.Table(
        f"{prefix}{SCHEMA}",
        metadata,
        sa.Column("version", sa.Integer, autoincrement=False),
        sa.PrimaryKeyConstraint("version", name=f"{prefix}{SCHEMA}_pkey"),
        schema=schema,
    )
    _check_names(tables.values())
    return tables


def column_of(table: sa.Table, field: Field[Any, Any]) -> sa.Column[Any]:
    """The column of ``table`` that holds ``field``; ``ConfigurationError`` if it has none."""
    column = table.c.get("_".join(field.path))
    if column is None:
        message = f"{field!r} has no column in {table.name}"
        raise ConfigurationError(message)
    return column


def key_name(prefix: str, key: str) -> str:
    """The name of the constraint of the declared unique key ``key``."""
    return f"{prefix}{key}"


def _table(
    metadata: sa.MetaData,
    collection: Collection[Any],
    tables: Mapping[str, sa.Table],
    *,
    prefix: str,
    schema: str | None,
) -> sa.Table:
    name = f"{prefix}{collection.name}"
    table = sa.Table(name, metadata, *_columns(collection), schema=schema)
    table.append_constraint(sa.PrimaryKeyConstraint(table.c.tenant_id, table.c.id, name=f"{name}_pkey"))
    for key, fields in collection.unique.items():
        columns = [column_of(table, field) for field in fields]
        table.append_constraint(sa.UniqueConstraint(table.c.tenant_id, *columns, name=key_name(prefix, key)))
    for field, target in collection.references:
        table.append_constraint(_foreign_key(table, column_of(table, field), tables[target.name]))
    for wanted in _indexes(collection, table):
        sa.Index(f"{name}_by_{'_'.join(column.name for column in wanted)}", table.c.tenant_id, *wanted, table.c.id)
    if collection.queue:
        sa.Index(f"{name}_lanes", table.c.tenant_id, table.c.lane, table.c.seq)
    return table


def _columns(collection: Collection[Any]) -> Iterator[sa.Column[Any]]:
    names = Counter({"tenant_id": 1})
    yield sa.Column("tenant_id", text_type(), nullable=False)
    for leaf in leaves_of(parts_of(collection.entity)):
        names[leaf.column] += 1
        yield sa.Column(leaf.column, column_type(leaf.type), nullable=leaf.optional)
    if collection.queue:
        names["seq"] += 1
        yield sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False)
    if reserved := names.keys() & RESERVED:
        message = f"{collection!r} needs a column called {min(reserved)}, which is reserved"
        raise ConfigurationError(message)
    if twice := [name for name, times in names.items() if times > 1]:
        message = f"{collection!r} needs two columns called {twice[0]}"
        raise ConfigurationError(message)


def _foreign_key(table: sa.Table, column: sa.Column[Any], target: sa.Table) -> sa.ForeignKeyConstraint:
    name = f"{table.name}_{column.name}_fkey"
    return sa.ForeignKeyConstraint([table.c.tenant_id, column], [target.c.tenant_id, target.c.id], name=name)


def _indexes(collection: Collection[Any], table: sa.Table) -> Iterator[tuple[sa.Column[Any], ...]]:
    """The declared indexes, one for claims, and one per reference that no key starts with.

    Without the last, removing what is referred to would read the whole table.
    """
    declared = [tuple(column_of(table, field) for field in fields) for fields in collection.indexes]
    if collection.queue:
        declared.append((table.c.due_at,))
    yield from declared
    keys = [tuple(column_of(table, field) for field in fields) for fields in collection.unique.values()]
    served = {columns[0] for columns in (*declared, *keys)} | {table.c.id}
    for field, _ in collection.references:
        if (column := column_of(table, field)) not in served:
            served.add(column)
            yield (column,)


def _numbers(metadata: sa.MetaData, *, prefix: str, schema: str | None) -> sa.Table:
    return sa.Table(
        f"{prefix}{NUMBERS}",
        metadata,
        sa.Column("tenant_id", text_type(), nullable=False),
        sa.Column("name", text_type(), nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "name", name=f"{prefix}{NUMBERS}_pkey"),
        schema=schema,
    )


def _check_names(tables: Iterable[sa.Table]) -> None:
    """Names share one space on PostgreSQL, and longer ones are cut there."""
    names: Counter[str] = Counter()
    for table in tables:
        names[table.name] += 1
        names.update(str(index.name) for index in table.indexes)
        names.update(str(constraint.name) for constraint in table.constraints)
        _check_keys(table)
    for name, times in names.items():
        if len(name.encode()) > _LONGEST_NAME:
            message = f"the name {name} is longer than {_LONGEST_NAME} bytes"
            raise ConfigurationError(message)
        if times > 1:
            message = f"two tables, keys or indexes are called {name}"
            raise ConfigurationError(message)


def _check_keys(table: sa.Table) -> None:
    """SQLite tells the columns of a violated key, not its name."""
    kinds = (sa.UniqueConstraint, sa.PrimaryKeyConstraint)
    keys = [frozenset(key.columns.keys()) for key in table.constraints if isinstance(key, kinds)]
    if len(set(keys)) < len(keys):
        message = f"two unique keys of {table.name} have the same columns"
        raise ConfigurationError(message)
