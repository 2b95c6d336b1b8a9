"""Help for stores whose database cannot filter, order or refer by itself: what follows from a declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from operator import ge, gt, le, lt
from typing import Any, TypeVar
from uuid import UUID

from clientmgmt.ports.declaring import ARRIVAL, Collection, Join, Source
from clientmgmt.ports.fields import Among, Condition, Field, Operator, Order, Ordered, any_of

__all__ = ["lookups_of", "referrers_of", "resolve", "select_rows"]

R = TypeVar("R")
F = TypeVar("F")
C = TypeVar("C")

_COMPARE: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.LT: lt,
    Operator.LE: le,
    Operator.GT: gt,
    Operator.GE: ge,
    Operator.PREFIX: str.startswith,
}


def resolve(find: Callable[..., Iterable[Any]], where: Iterable[Condition[C]]) -> tuple[Condition[C], ...]:
    """The same conditions for a store that cannot look into another collection within a question.

    Each :meth:`Field.among` is answered by a question of its own, and becomes a :meth:`Field.in_`.

    Args:
        find: the :meth:`UnitOfWork.find` of the unit in which the question is asked.
        where: the conditions, possibly with alternatives.
    """
    return tuple(_resolved(find, condition) for condition in where)


def _resolved(find: Callable[..., Iterable[Any]], condition: Condition[Any]) -> Condition[Any]:
    if condition.operator is Operator.ANY:
        return any_of(*resolve(find, condition.alternatives))
    if condition.operator is not Operator.AMONG or condition.field is None:
        return condition
    among: Among = condition.value
    found = (among.field.get(entity) for entity in find(among.collection, *among.where))
    return condition.field.in_({value: None for value in found if value is not None})


@cache
def lookups_of(collection: Collection[Any]) -> tuple[tuple[Field[Any, Any], ...], ...]:
    """The groups of fields by whose equal values entities are looked up: each deserves an index.

    They are the fields of the unique keys, those before the order field of the indexes, and the references.
    """
    leading = (fields[:-1] if isinstance(fields[-1], Ordered) else fields for fields in collection.indexes)
    referring = ((field,) for field, _ in collection.references)
    return tuple(dict.fromkeys(fields for fields in (*collection.unique.values(), *leading, *referring) if fields))


def referrers_of(
    collection: Collection[Any], collections: Iterable[Collection[Any]]
) -> tuple[tuple[Collection[Any], Field[Any, Any]], ...]:
    """Which of ``collections`` refer to ``collection``, and by which field."""
    return tuple((one, field) for one in collections for field, target in one.references if target is collection)


def select_rows(
    source: Source[R, F],
    rows: Iterable[R],
    *where: Condition[F],
    order: Order[F] | None = None,
    after: tuple[object, UUID] | None = None,
    limit: int | None = None,
) -> tuple[R, ...]:
    """Those of ``rows`` that :meth:`UnitOfWork.find` would answer, in their order.

    Args:
        source: the collection or the join.
        rows: what may be answered: entities, for a join pairs of them; all that conditions could hold for. Those of a
            queue in the order of their arrival.
        where: the conditions, all of which hold.
        order: by what they are sorted; by id if it is not given.
        after: the place of the last row seen.
        limit: how many at most.

    Raises:
        ValueError: ``after`` or ``limit`` without ``order``.
    """
    if order is None and (after is not None or limit is not None):
        message = "after and limit need an order"
        raise ValueError(message)
    found = [row for row in rows if all(_holds(one, source, row) for one in where)]
    if order is None:
        return tuple(sorted(found, key=lambda row: _id(source, row)))
    if order.field.path == ARRIVAL:
        return tuple(found[::-1] if order.descending else found)[:limit]
    placed = [((_value(order.field, source, row), _id(source, row)), row) for row in found]
    placed = sorted(
        (pair for pair in placed if pair[0][0] is not None), key=lambda pair: pair[0], reverse=order.descending
    )
    if after is not None:
        seen: Any = after
        placed = [pair for pair in placed if (pair[0] < seen if order.descending else pair[0] > seen)]
    return tuple(row for _, row in placed[:limit])


def _holds(condition: Condition[Any], source: Source[Any, Any], row: object) -> bool:
    if condition.field is None:
        return any(_holds(alternative, source, row) for alternative in condition.alternatives)
    value = _value(condition.field, source, row)
    match condition.operator:
        case Operator.EQ:
            return bool(value == condition.value)
        case Operator.PRESENT:
            return value is not None
        case Operator.IN:
            return value is not None and value in condition.value
        case operator:
            return value is not None and _COMPARE[operator](value, condition.value)


def _value(field: Field[Any, Any], source: Source[Any, Any], row: Any) -> Any:  # noqa: ANN401 - of any entity
    if isinstance(source, Join):
        return field.get(row[0] if field.entity is source.left.entity else row[1])
    return field.get(row)


def _id(source: Source[Any, Any], row: Any) -> UUID:  # noqa: ANN401 - any entity, or a pair
    found: UUID = (row[0] if isinstance(source, Join) else row).id
    return found
