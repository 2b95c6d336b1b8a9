"""Statements compiled once, past the part of SQLAlchemy that looks a statement up and wraps each value of each row.

They are run as the driver's own text. Functions made of source text, as in :mod:`.mapping`, make the parameters and
read the rows, calling the converters of the column types themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Generic, TypeVar

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from clientmgmt.adapters.sqlalchemy import converters

__all__ = ["Bulk", "Question", "Reading", "Writing", "bulk", "is_any_of", "question", "reading", "writing"]

E = TypeVar("E")

_NAMED = re.compile(r"%(?:%|\((\w+)\)s)")
_OURS = "p_"
"""What the names of parameters of a question start with."""


@attrs.frozen(eq=False)
class Writing(Generic[E]):
    """``sql`` in the driver's own style, and what makes its positional parameters of a tenant and an entity."""

    sql: str
    parameters: Callable[[str, E], tuple[Any, ...]]


@attrs.frozen(eq=False)
class Bulk(Generic[E]):
    """The same for many rows at once: each parameter is a list with the values of one column."""

    sql: str
    parameters: Callable[[str, Sequence[E]], tuple[list[Any], ...]]


@attrs.frozen(eq=False)
class Reading:
    """``sql`` in the driver's own style, what makes its parameters of named values, and answers of the rows found."""

    sql: str
    parameters: Callable[[Mapping[str, object]], tuple[Any, ...]]
    answers: Callable[[Sequence[Any]], list[Any]]


@attrs.frozen(eq=False)
class Question:
    """A statement, what makes an answer of a row, and the prepared form of both, if there is one."""

    select: sa.Select[Any]
    row: Callable[..., Any]
    reading: Reading | None


def question(select: sa.Select[Any], row: Callable[..., Any], dialect: sa.Dialect) -> Question:
    """The question that ``select`` asks, prepared unless it looks for any of a list that is part of its text."""
    return Question(select, row, reading(select, row, dialect))


def is_any_of(
    column: sa.ColumnElement[Any], name: str, dialect: sa.Dialect, *, join: bool = True
) -> sa.ColumnElement[bool]:
    """That ``column`` is among the values of the parameter ``name``.

    PostgreSQL is given them as one array. With ``join`` it makes rows of it: where it takes a table for smaller than it
    is, because nobody has analysed it yet, it still does not compare every row of the tenant with every value. Among
    alternatives, and where an index is walked in its order, that is slower.
    """
    if dialect.name == "postgresql":
        array = sa.bindparam(name, type_=postgresql.ARRAY(column.type))
        return column.in_(sa.select(sa.func.unnest(array))) if join else column == sa.any_(array)
    return column.in_(sa.bindparam(name, type_=column.type, expanding=True))


def writing(statement: sa.Insert | sa.Update, reads: Mapping[str, str], dialect: sa.Dialect) -> Writing[Any]:
    """The prepared form of ``statement``; ``reads`` has for every parameter the expression that reads it.

    Expressions speak of ``tenant`` and ``entity``.
    """
    columns = [name for name in reads if name in statement.table.c]
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    sql, names = _positional(compiled)
    scope: dict[str, object] = {}
    values = [_parameter(compiled, name, reads[name], scope, dialect) for name in names]
    return Writing(sql, _lambda("tenant, entity", f"({', '.join(values)},)", scope))


def bulk(table: sa.Table, reads: Mapping[str, str], dialect: sa.Dialect) -> Bulk[Any]:
    """An insert of many rows into ``table`` that has the same text however many there are; PostgreSQL only.

    A driver that is given row after row sends as many statements, which takes three times as long. The order is kept:
    queues are numbered by it. psycopg is given arrays in their binary form: as text, it escapes them by character.
    """
    own = [table.c[name] for name in reads if name != "tenant_id"]
    arrays = [sa.bindparam(column.name, type_=postgresql.ARRAY(column.type)) for column in own]
    cells = [sa.column(column.name, column.type) for column in own]
    place = next(name for name in (f"place_{number}" for number in count()) if name not in reads)
    rows = sa.func.unnest(*arrays).table_valued(*cells, with_ordinality=place).render_derived(name="added")
    tenant = sa.bindparam("tenant_id", type_=table.c.tenant_id.type)
    found = sa.select(tenant, *(rows.c[column.name] for column in own)).order_by(rows.c[place])
    compiled = sa.insert(table).from_select([table.c.tenant_id, *own], found).compile(dialect=dialect)
    sql, names = _positional(compiled, "%b" if dialect.driver == "psycopg" else "%s")
    scope: dict[str, object] = {}
    lists = {name: _converted(f"to_{name}", reads[name], _lists(table.c[name].type, dialect), scope) for name in names}
    values = ("tenant" if name == "tenant_id" else f"[{lists[name]} for entity in entities]" for name in names)
    return Bulk(sql, _lambda("tenant, entities", f"({', '.join(values)},)", scope))


def reading(statement: sa.Select[Any], row: Callable[..., Any], dialect: sa.Dialect) -> Reading | None:
    """The prepared form of ``statement``, whose rows ``row`` turns into answers.

    ``None`` if its text depends on the values, because it looks for any of a list.
    """
    compiled = statement.compile(dialect=dialect)
    if any(bind.expanding for bind in compiled.binds.values()):
        return None
    sql, names = _positional(compiled)
    scope: dict[str, object] = {"row": row}
    read = {name: f"values[{name!r}]" if name.startswith(_OURS) else repr(compiled.params[name]) for name in names}
    values = [_parameter(compiled, name, read[name], scope, dialect) for name in names]
    cells = [_cell(number, column.type, scope, dialect) for number, column in enumerate(statement.selected_columns)]
    names_of_cells = "".join(f"v{number}, " for number in range(len(cells)))
    return Reading(
        sql,
        _lambda("values", f"({', '.join(values)},)", scope),
        _lambda("rows", f"[row({', '.join(cells)}) for {names_of_cells}in rows]", scope),
    )


def _positional(compiled: Any, mark: str = "%s") -> tuple[str, Sequence[str]]:  # noqa: ANN401 - of whatever dialect
    """The text, and the names of its parameters in their order. Where they were named, each is a ``mark``.

    Drivers with numbered or named parameters are given positional ones: SQLite's is so already, psycopg takes both.
    """
    if compiled.positiontup is not None:
        return compiled.string, compiled.positiontup
    names = [found for found in _NAMED.findall(compiled.string) if found]
    return _NAMED.sub(lambda found: mark if found[1] else found[0], compiled.string), names


def _parameter(
    compiled: Any,  # noqa: ANN401 - the same
    name: str,
    read: str,
    scope: dict[str, object],
    dialect: sa.Dialect,
) -> str:
    return _converted(f"to_{name}", read, _binds(compiled.binds[name].type, dialect), scope)


def _binds(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _lists(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    """The same for a list, in which drivers want values of one type: no member of an enumeration beside a number."""
    return converters.plain_int if isinstance(kind, sa.BigInteger) else _binds(kind, dialect)


def _cell(number: int, kind: sa.types.TypeEngine[Any], scope: dict[str, object], dialect: sa.Dialect) -> str:
    converter = kind.dialect_impl(dialect).result_processor(dialect, None)
    return _converted(f"from_{number}", f"v{number}", converter, scope)


def _converted(name: str, read: str, converter: Callable[[Any], Any] | None, scope: dict[str, object]) -> str:
    if converter is None:
        return read
    scope[name] = converter
    return f"{name}({read})"


def _lambda(parameters: str, body: str, scope: dict[str, object]) -> Any:  # noqa: ANN401 - source has no type
    return eval(f"lambda {parameters}: {body}", scope)  # noqa: S307 - attribute names of our own classes
