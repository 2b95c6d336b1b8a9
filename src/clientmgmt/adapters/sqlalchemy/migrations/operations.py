"""What a step can do to the tables, on SQLite and on PostgreSQL alike.

There is no operation that adds a key to a table that is there: SQLite cannot do that without copying the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

__all__ = ["Key", "Operations", "primary_key", "reference", "unique"]

Emit = Callable[[sa.Executable], object]


@attrs.frozen
class Key:
    """A key of a table: its kind, its name and columns, and the table that a foreign key leads to."""

    kind: type[sa.PrimaryKeyConstraint | sa.UniqueConstraint | sa.ForeignKeyConstraint]
    name: str
    columns: tuple[str, ...]
    target: str = ""


def primary_key(name: str, *columns: str) -> Key:
    """The primary key."""
    return Key(sa.PrimaryKeyConstraint, name, columns)


def unique(name: str, *columns: str) -> Key:
    """A key that no two rows share; one with a missing part is shared with nobody."""
    return Key(sa.UniqueConstraint, name, columns)


def reference(name: str, column: str, target: str) -> Key:
    """A foreign key from the tenant and ``column`` to the tenant and the id of ``target``."""
    return Key(sa.ForeignKeyConstraint, name, ("tenant_id", column), target)


class Operations:
    """Changes tables: always in ``model``, and in a database once :meth:`work_on` has said in which.

    Names of tables, keys and indexes are given without the prefix, and get it here. ``done`` says what was done
    to tables and columns.

    Args:
        prefix: what all names start with.
        schema: the schema of the tables; PostgreSQL only.
    """

    def __init__(self, *, prefix: str, schema: str | None) -> None:
        self.model: sa.MetaData = sa.MetaData()
        self.done: list[str] = []
        self._prefix, self._schema = prefix, schema
        self._emit: Emit | None = None

    def work_on(self, emit: Emit) -> None:
        """From now on hand every statement to ``emit`` too."""
        self._emit = emit

    def table(self, name: str) -> sa.Table:
        """The table as the steps so far have left it, for statements that change its rows."""
        full = f"{self._prefix}{name}"
        return self.model.tables[f"{self._schema}.{full}" if self._schema else full]

    def create_table(self, name: str, *parts: sa.Column[Any] | Key) -> None:
        """Create a table of columns and keys."""
        columns = [part for part in parts if isinstance(part, sa.Column)]
        keys = [part for part in parts if isinstance(part, Key)]
        table = sa.Table(f"{self._prefix}{name}", self.model, *columns, schema=self._schema)
        for key in keys:
            table.append_constraint(self._constraint(table, key))
        self._do(sa.schema.CreateTable(table), f"created table {table.fullname}")

    def drop_table(self, name: str) -> None:
        """Drop a table with all that is in it."""
        table = self.table(name)
        self._do(sa.schema.DropTable(table), f"dropped table {table.fullname}")
        self.model.remove(table)

    def add_column(self, name: str, column: sa.Column[Any]) -> None:
        """Add a column to the table ``name``: nullable, or with a default."""
        table = self.table(name)
        table.append_column(column)
        self._do(_AddColumn(column), f"added column {table.fullname}.{column.name}")

    def drop_column(self, name: str, column: str) -> None:
        """Drop a column of the table ``name`` that is in no key and no index."""
        table = self.table(name)
        dropped = table.c[column]
        self._do(_DropColumn(dropped), f"dropped column {table.fullname}.{column}")
        table._columns.remove(dropped)  # noqa: SLF001 - SQLAlchemy has no other way to take a column out of a table

    def create_index(self, index: str, name: str, *columns: str) -> None:
        """Create ``index`` on these columns of the table ``name``."""
        table = self.table(name)
        made = sa.Index(f"{self._prefix}{index}", *(table.c[column] for column in columns))
        self._do(sa.schema.CreateIndex(made))

    def drop_index(self, index: str, name: str) -> None:
        """Drop ``index`` of the table ``name``."""
        table = self.table(name)
        dropped = next(each for each in table.indexes if each.name == f"{self._prefix}{index}")
        self._do(sa.schema.DropIndex(dropped))
        table.indexes.discard(dropped)

    def execute(self, statement: sa.Executable) -> None:
        """Change rows, by a statement over :meth:`table`."""
        if self._emit is not None:
            self._emit(statement)

    def _do(self, change: sa.schema.ExecutableDDLElement, *said: str) -> None:
        if self._emit is not None:
            self._emit(change)
            self.done.extend(said)

    def _constraint(self, table: sa.Table, key: Key) -> sa.Constraint:
        name = f"{self._prefix}{key.name}"
        columns = [table.c[column] for column in key.columns]
        if not issubclass(key.kind, sa.ForeignKeyConstraint):
            return key.kind(*columns, name=name)
        target = self.table(key.target)
        return key.kind(columns, [target.c.tenant_id, target.c.id], name=name)


class _AddColumn(sa.schema.ExecutableDDLElement):
    def __init__(self, column: sa.Column[Any]) -> None:
        self.column = column


class _DropColumn(sa.schema.ExecutableDDLElement):
    def __init__(self, column: sa.Column[Any]) -> None:
        self.column = column


@compiles(_AddColumn)
def _add_column(change: _AddColumn, compiler: sa.sql.compiler.DDLCompiler, **_: object) -> str:
    table = compiler.preparer.format_table(change.column.table)
    return f"ALTER TABLE {table} ADD COLUMN {compiler.get_column_specification(change.column)}"


@compiles(_DropColumn)
def _drop_column(change: _DropColumn, compiler: sa.sql.compiler.DDLCompiler, **_: object) -> str:
    table = compiler.preparer.format_table(change.column.table)
    return f"ALTER TABLE {table} DROP COLUMN {compiler.preparer.format_column(change.column)}"
