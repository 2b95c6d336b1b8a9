"""What a database lacks of the tables that it should have, compared by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from clientmgmt.domain.results import Note

__all__ = ["missing_parts", "missing_tables"]


def missing_tables(connection: sa.Connection, tables: Iterable[sa.Table]) -> list[sa.Table]:
    """Those of ``tables`` that are not there."""
    inspector = sa.inspect(connection)
    return [table for table in tables if not inspector.has_table(table.name, schema=table.schema)]


def missing_parts(connection: sa.Connection, tables: Sequence[sa.Table]) -> Iterator[Note]:
    """The columns, indexes and keys that ``tables`` lack, which are there and in the same schema."""
    inspector = sa.inspect(connection)
    for table in tables:
        for kind, wanted, found in _looks(inspector, table):
            for name in sorted(wanted - found):
                message = f"the {kind} {name} of {table.fullname} is missing: {_CURE}"
                yield Note(f"{kind}_missing", message)


def _looks(inspector: sa.Inspector, table: sa.Table) -> Iterator[tuple[str, set[str], set[str]]]:
    """What should be there, and what is, for each kind of part."""
    at = table.name, table.schema
    keys = [*inspector.get_unique_constraints(*at), *inspector.get_foreign_keys(*at)]
    yield "column", set(table.c.keys()), _names(inspector.get_columns(*at))
    yield "index", {str(index.name) for index in table.indexes}, _names(inspector.get_indexes(*at))
    yield "key", _keys(table), _names(keys)


def _keys(table: sa.Table) -> set[str]:
    kinds = (sa.UniqueConstraint, sa.ForeignKeyConstraint)
    return {str(key.name) for key in table.constraints if isinstance(key, kinds)}


def _names(found: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(each["name"]) for each in found}


_CURE = "put it back, the script of upgrade_sql() shows it"
