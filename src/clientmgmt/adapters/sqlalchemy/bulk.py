"""Many rows with one statement, past the part of SQLAlchemy that looks at every value of every row.

The statement is compiled once; a function made of source text, as in :mod:`.mapping`, turns an entity into the
driver's parameters, calling the converters of the column types itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import attrs
import sqlalchemy as sa

__all__ = ["BulkInsert", "bulk_insert"]

E = TypeVar("E")

_NAMED = re.compile(r"%\((\w+)\)s")


@attrs.frozen(eq=False)
class BulkInsert(Generic[E]):
    """``sql`` in the driver's own style, and what makes its positional parameters of a tenant and an entity."""

    sql: str
    parameters: Callable[[str, E], tuple[Any, ...]]


def bulk_insert(insert: sa.Insert, reads: Mapping[str, str], dialect: sa.Dialect) -> BulkInsert[Any]:
    """The bulk form of ``insert``; ``reads`` has for every parameter the expression that reads it.

    Expressions speak of ``tenant`` and ``entity``. Drivers with numbered or named parameters are given positional
    ones: SQLite's is so already, psycopg takes both.
    """
    compiled: Any = insert.compile(dialect=dialect, column_keys=list(reads))
    names, sql = compiled.positiontup, compiled.string
    if names is None:
        names, sql = _NAMED.findall(sql), _NAMED.sub("%s", sql)
    scope: dict[str, object] = {}
    values = [_value(name, compiled.binds[name], reads[name], scope, dialect) for name in names]
    source = f"lambda tenant, entity: ({', '.join(values)},)"
    return BulkInsert(sql, eval(source, scope))  # noqa: S307 - attribute names of our own classes


def _value(name: str, bind: sa.BindParameter[Any], read: str, scope: dict[str, object], dialect: sa.Dialect) -> str:
    convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if convert is None:
        return read
    scope[f"to_{name}"] = convert
    return f"to_{name}({read})"
