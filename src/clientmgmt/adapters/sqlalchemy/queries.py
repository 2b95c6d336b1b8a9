"""The questions of :meth:`~clientmgmt.ports.UnitOfWork.find`: one statement per shape, kept once built.

The shape of a question is everything but its values: source, fields, operators, order, and whether there is a
limit and a place to go on from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any
from uuid import UUID

import attrs
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.mapping import pair_of
from clientmgmt.adapters.sqlalchemy.prepared import Question, is_any_of, question
from clientmgmt.adapters.sqlalchemy.statements import CollectionPlan, next_number
from clientmgmt.adapters.sqlalchemy.tables import column_of
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports.storage import Collection, Condition, Field, Join, Operator, Order, Source

__all__ = ["Catalogue"]

Shape = tuple[Any, ...]
Values = dict[str, object]

_LAST = chr(sys.maxunicode)
_FIRST_SURROGATE, _AFTER_SURROGATES = 0xD800, 0xE000
_MOST_SHAPES = 1000
_COMPARE: Mapping[Operator, Callable[[Any, Any], sa.ColumnElement[bool]]] = {
    Operator.EQ: lambda column, value: column == value,
    Operator.LT: lambda column, value: column < value,
    Operator.LE: lambda column, value: column <= value,
    Operator.GT: lambda column, value: column > value,
    Operator.GE: lambda column, value: column >= value,
}


@attrs.frozen(eq=False)
class _SourcePlan:
    """What is the same for every question about one source.

    ``rows`` makes the answer from one row, ``id_number`` sorts answers by id.
    """

    columns: tuple[sa.ColumnElement[Any], ...]
    table: sa.FromClause
    conditions: tuple[sa.ColumnElement[bool], ...]
    id: sa.ColumnElement[Any]
    column: Callable[[Field[Any, Any]], sa.ColumnElement[Any]]
    row: Callable[..., Any]
    id_number: Callable[[Any], int]


class Catalogue:
    """The statements of a store. Threads may share it: building one twice does no harm."""

    def __init__(
        self, collections: Iterable[Collection[Any]], tables: Mapping[str, sa.Table], dialect: sa.Dialect
    ) -> None:
        self._plans = {
            collection: CollectionPlan(collection, tables[collection.name], dialect) for collection in collections
        }
        self.next_number: Any = next_number(tables, dialect.name)
        self._dialect = dialect
        self._sources: dict[Source[Any, Any], _SourcePlan] = {}
        self._questions: dict[Shape, Question] = {}

    def plan(self, collection: Collection[Any]) -> CollectionPlan:
        """The plan of ``collection``; ``ConfigurationError`` if the store was not given it."""
        try:
            return self._plans[collection]
        except KeyError:
            message = f"{collection!r} is not among the collections of this store"
            raise ConfigurationError(message) from None

    def source(self, source: Source[Any, Any]) -> _SourcePlan:
        """What is the same for every question about ``source``."""
        plan = self._sources.get(source)
        if plan is None:
            plan = self._of_join(source) if isinstance(source, Join) else self._of_collection(source)
            _keep(self._sources, source, plan)
        return plan

    def find(
        self,
        source: Source[Any, Any],
        where: tuple[Condition[Any], ...],
        values: Values,
        *,
        order: Order[Any] | None,
        after: tuple[object, UUID] | None,
        limit: int | None,
    ) -> Question:
        """The statement for a question; its values are added to ``values``."""
        shape = (
            source,
            _shape(where, values),
            order and (order.field, order.descending),
            after is None,
            limit is None,
        )
        if after is not None:
            values["p_after"], values["p_after_id"] = after
        if limit is not None:
            values["p_limit"] = limit
        asked = self._questions.get(shape)
        if asked is None:
            plan = self.source(source)
            select = self._filtered(sa.select(*plan.columns), plan, shape[1], join=order is None)
            if order is not None:
                select = _ordered(select, plan, order, after=after is not None)
            if limit is not None:
                select = select.limit(sa.bindparam("p_limit", type_=sa.Integer))
            asked = self._asked(shape, select, plan.row)
        return asked

    def count(self, source: Source[Any, Any], where: tuple[Condition[Any], ...], values: Values) -> Question:
        """The statement that counts; the values of ``where`` are added to ``values``."""
        shape = (source, _shape(where, values))
        asked = self._questions.get(shape)
        if asked is None:
            select = self._filtered(sa.select(sa.func.count()), self.source(source), shape[1], join=True)
            asked = self._asked(shape, select, int)
        return asked

    def _asked(self, shape: Shape, select: sa.Select[Any], row: Callable[..., Any]) -> Question:
        asked = question(select, row, self._dialect)
        _keep(self._questions, shape, asked)
        return asked

    def _filtered(self, select: sa.Select[Any], plan: _SourcePlan, shape: Shape, *, join: bool) -> sa.Select[Any]:
        criteria = self._criteria(plan, shape, join=join)
        return select.select_from(plan.table).where(*plan.conditions, *criteria)

    def _criteria(self, plan: _SourcePlan, shape: Shape, *, join: bool) -> list[sa.ColumnElement[bool]]:
        return [self._criterion(plan, *condition, join=join) for condition in shape]

    def _criterion(
        self,
        plan: _SourcePlan,
        field: Any,  # noqa: ANN401 - what a shape holds
        operator: Any,  # noqa: ANN401 - the same
        value: Any = None,  # noqa: ANN401 - the same
        *,
        join: bool,
    ) -> sa.ColumnElement[bool]:
        if field is Operator.ANY:
            return sa.or_(sa.false(), *self._criteria(plan, operator, join=False))
        column = plan.column(field)
        if operator is Operator.AMONG:
            return column.in_(self._inner(*value))
        if operator is Operator.IN:
            return is_any_of(column, value, self._dialect, join=join)
        return _compared(column, operator, value)

    def _inner(self, collection: Collection[Any], field: Field[Any, Any], shape: Shape) -> sa.Select[Any]:
        """The values of a field, as part of another statement, whose tables have nothing to do with it."""
        plan = self.source(collection)
        return self._filtered(sa.select(plan.column(field)), plan, shape, join=True).correlate(None)

    def _of_collection(self, source: Source[Any, Any]) -> _SourcePlan:
        plan = self.plan(source)  # type: ignore[arg-type] # a source is a join or a collection
        return _SourcePlan(
            columns=plan.columns,
            table=plan.table,
            conditions=(plan.mine,),
            id=plan.table.c.id,
            column=lambda field: column_of(plan.table, field),
            row=plan.mapper.entity,
            id_number=attrgetter("id.int"),
        )

    def _of_join(self, join: Join[Any, Any]) -> _SourcePlan:
        left, right = self.plan(join.left), self.plan(join.right)
        same_tenant = left.table.c.tenant_id == right.table.c.tenant_id
        reference = column_of(left.table, join.on) == right.table.c.id
        tables = {join.right.entity: right.table, join.left.entity: left.table}
        return _SourcePlan(
            columns=left.columns + right.columns,
            table=left.table.join(right.table, sa.and_(same_tenant, reference)),
            conditions=(left.mine,),
            id=left.table.c.id,
            column=lambda field: column_of(tables.get(field.entity, left.table), field),
            row=pair_of(join.left, join.right),
            id_number=lambda pair: int(pair[0].id.int),
        )


def _keep(cache: dict[Any, Any], key: object, value: object) -> None:
    if len(cache) >= _MOST_SHAPES:
        cache.clear()
    cache[key] = value


def _shape(where: tuple[Condition[Any], ...], values: Values) -> Shape:
    """The conditions without their values, which go to ``values`` as ``p_1``, ``p_2`` and so on."""
    return tuple([_shape_of(condition, values) for condition in where])


def _shape_of(condition: Condition[Any], values: Values) -> Shape:
    operator, value = condition.operator, condition.value
    if operator is Operator.ANY:
        return operator, _shape(condition.alternatives, values)
    if operator is Operator.EQ and value is None:
        return condition.field, None
    if operator is Operator.PRESENT:
        return condition.field, operator
    if operator is Operator.AMONG:
        return condition.field, operator, (value.collection, value.field, _shape(value.where, values))
    name = f"p_{len(values)}"
    values[name] = list(value) if operator is Operator.IN else value
    if operator is Operator.PREFIX:
        end = _end_of(value)
        if end is None:
            return condition.field, Operator.GE, name
        values[f"{name}_end"] = end
    return condition.field, operator, name


def _end_of(prefix: str) -> str | None:
    """The least text that is greater than every text with this prefix, ``None`` if there is none."""
    shorter = prefix.rstrip(_LAST)
    if not shorter:
        return None
    following = ord(shorter[-1]) + 1
    return shorter[:-1] + chr(_AFTER_SURROGATES if following == _FIRST_SURROGATE else following)


def _compared(column: sa.ColumnElement[Any], operator: Operator | None, name: str) -> sa.ColumnElement[bool]:
    if operator is None:
        return column.is_(None)
    if operator is Operator.PRESENT:
        return column.is_not(None)
    value = sa.bindparam(name, type_=column.type)
    if operator is Operator.PREFIX:
        return sa.and_(column >= value, column < sa.bindparam(f"{name}_end", type_=column.type))
    return _COMPARE[operator](column, value)


def _ordered(select: sa.Select[Any], plan: _SourcePlan, order: Order[Any], *, after: bool) -> sa.Select[Any]:
    keys = (plan.column(order.field), plan.id)
    select = select.order_by(*(key.desc() for key in keys) if order.descending else keys)
    if not after:
        return select
    names = ("p_after", "p_after_id")
    binds = [sa.bindparam(name, type_=key.type) for name, key in zip(names, keys, strict=True)]
    row, seen = sa.tuple_(*keys), sa.tuple_(*binds)
    return select.where(row < seen if order.descending else row > seen)
