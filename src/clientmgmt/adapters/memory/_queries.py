"""Conditions over tables: which rows are looked at, in which order, and which of them hold."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from sys import maxunicode
from typing import Any, Protocol, TypeAlias
from uuid import UUID

import attrs

from clientmgmt.adapters.memory._tables import ID, Bucket, Getter, Path, Table, reach
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports.declaring import ARRIVAL
from clientmgmt.ports.storage import Condition, Field, Join, Operator, Order

Conditions: TypeAlias = tuple[Condition[Any], ...]
Test: TypeAlias = Callable[[Any], bool]
Reach: TypeAlias = Callable[[Field[Any, Any]], Getter]

_AFTER_ALL_IDS = 1 << 128


def _less(get: Getter, limit: Any) -> Test:  # noqa: ANN401 - what is compared
    return lambda row: (value := get(row)) is not None and value < limit


def _at_most(get: Getter, limit: Any) -> Test:  # noqa: ANN401 - what is compared
    return lambda row: (value := get(row)) is not None and value <= limit


def _greater(get: Getter, limit: Any) -> Test:  # noqa: ANN401 - what is compared
    return lambda row: (value := get(row)) is not None and value > limit


def _at_least(get: Getter, limit: Any) -> Test:  # noqa: ANN401 - what is compared
    return lambda row: (value := get(row)) is not None and value >= limit


def _equal(get: Getter, wanted: object) -> Test:
    return lambda row: bool(get(row) == wanted)


def _present(get: Getter, _: object) -> Test:
    return lambda row: get(row) is not None


def _one_of(get: Getter, wanted: Iterable[object]) -> Test:
    values = frozenset(wanted) - {None}
    return lambda row: get(row) in values


def _starts(get: Getter, text: str) -> Test:
    return lambda row: (value := get(row)) is not None and value.startswith(text)


_TESTS: dict[Operator, Callable[[Getter, Any], Test]] = {
    Operator.EQ: _equal,
    Operator.PRESENT: _present,
    Operator.IN: _one_of,
    Operator.LT: _less,
    Operator.LE: _at_most,
    Operator.GT: _greater,
    Operator.GE: _at_least,
    Operator.PREFIX: _starts,
}


def _test(condition: Condition[Any], reach_field: Reach) -> Test:
    if condition.field is None:
        alternatives = [_test(alternative, reach_field) for alternative in condition.alternatives]
        return lambda row: any(test(row) for test in alternatives)
    return _TESTS[condition.operator](reach_field(condition.field), condition.value)


class View(Protocol):
    """What can be asked: the rows of one table, or pairs of two."""

    def start(self, where: Conditions) -> tuple[Bucket, Conditions]:
        """Where to look: some rows of the first table, and the conditions that they may not fulfil yet."""

    def row(self, key: int) -> Any:  # noqa: ANN401 - an entity or a pair
        """The row that belongs to ``key`` in the first table, ``None`` without a partner."""

    def reach(self, field: Field[Any, Any]) -> Getter:
        """How to read ``field`` from a row."""

    def leads(self, field: Field[Any, Any]) -> bool:
        """Whether ``field`` is one of the first table."""

    def in_order(self, field: Field[Any, Any]) -> bool:
        """Whether the first table keeps its rows in the order of ``field``."""

    def arrivals(self, bucket: Bucket) -> list[tuple[Any, int]]:
        """The number that each row of a queue was given when it was added, and its key, in order."""

    def own(self, rows: tuple[Any, ...]) -> tuple[Any, ...]:
        """The rows as whoever asked may have them."""


@attrs.frozen
class TableView:
    """The rows of one table."""

    table: Table

    def start(self, where: Conditions) -> tuple[Bucket, Conditions]:
        """The rows that an index finds, else all."""
        found = _by_index(self.table, where)
        return (self.table.all, where) if found is None else found

    def row(self, key: int) -> Any:  # noqa: ANN401 - an entity
        """The row at ``key``."""
        return self.table.rows[key]

    def reach(self, field: Field[Any, Any]) -> Getter:
        """How to read ``field``."""
        return reach(field.path)

    def leads(self, _: Field[Any, Any]) -> bool:
        """There is no other table."""
        return True

    def in_order(self, field: Field[Any, Any]) -> bool:
        """Whether the collection declares it."""
        return field.path in self.table.layout.ordered

    def arrivals(self, bucket: Bucket) -> list[tuple[Any, int]]:
        """By the numbers of the queue."""
        if self.table.queue is None:
            message = f"{self.table.layout.collection!r} is not declared as a queue"
            raise ConfigurationError(message)
        numbers = self.table.queue.numbers
        return sorted((numbers[key], key) for key in bucket.rows)

    def own(self, rows: tuple[Any, ...]) -> tuple[Any, ...]:
        """Rows of which nobody else has a part that can be changed."""
        return tuple(map(self.table.layout.own, rows)) if self.table.layout.loose else rows


@attrs.frozen
class JoinView:
    """Pairs of a row of the left table with the row of the right that it refers to."""

    join: Join[Any, Any]
    left: Table
    right: Table

    def start(self, where: Conditions) -> tuple[Bucket, Conditions]:
        """The left rows that an index finds, else those that refer to what an index of the right finds."""
        found = _by_index(self.left, tuple(one for one in where if one.field and self.leads(one.field)))
        if found is not None:
            return found[0], where
        found = _by_index(self.right, tuple(one for one in where if one.field and not self.leads(one.field)))
        if found is None:
            return self.left.all, where
        referring = (self.left.where(self.join.on.path, row.id) for row in found[0].rows.values())
        return Bucket({key: row for rows in referring for key, row in rows.items()}), where

    def row(self, key: int) -> Any:  # noqa: ANN401 - a pair
        """The pair of the left row at ``key``."""
        left = self.left.rows[key]
        on = reach(self.join.on.path)(left)
        return None if on is None else (left, self.right.rows[on.int])

    def reach(self, field: Field[Any, Any]) -> Getter:
        """How to read ``field`` from its side of the pair."""
        get, side = reach(field.path), 0 if self.leads(field) else 1
        return lambda pair: get(pair[side])

    def leads(self, field: Field[Any, Any]) -> bool:
        """Whether it is a field of the left."""
        return field.entity is self.join.left.entity

    def in_order(self, field: Field[Any, Any]) -> bool:
        """Whether the left keeps its rows in that order."""
        return self.leads(field) and field.path in self.left.layout.ordered

    def arrivals(self, bucket: Bucket) -> list[tuple[Any, int]]:
        """As the left has them."""
        return TableView(self.left).arrivals(bucket)

    def own(self, rows: tuple[Any, ...]) -> tuple[Any, ...]:
        """Pairs of which nobody else has a part that can be changed."""
        left, right = self.left.layout, self.right.layout
        return tuple((left.own(one), right.own(other)) for one, other in rows) if left.loose or right.loose else rows


def _by_index(table: Table, where: Conditions) -> tuple[Bucket, Conditions] | None:
    equal: dict[Path, Condition[Any]] = {}
    for condition in where:
        if condition.operator is Operator.EQ and condition.field is not None:
            equal.setdefault(condition.field.path, condition)
    if ID in equal:
        return Bucket(table.where(ID, equal[ID].value)), where
    paths = table.layout.choose(tuple(equal)) if equal else None
    if paths is None:
        return _by_values(table, where)
    values = tuple(equal[path].value for path in paths)
    bucket = table.indexes[paths].buckets.get(values[0] if len(values) == 1 else values)
    served = [equal[path] for path in paths]
    return bucket or Bucket(), tuple(condition for condition in where if condition not in served)


def _by_values(table: Table, where: Conditions) -> tuple[Bucket, Conditions] | None:
    for one in where:
        if (
            one.operator is Operator.IN
            and one.field is not None
            and (one.field.path == ID or (one.field.path,) in table.indexes)
        ):
            found = (table.where(one.field.path, value) for value in one.value)
            return Bucket({key: row for rows in found for key, row in rows.items()}), where
    return None


def count(view: View, where: Conditions) -> int:
    """How many rows hold."""
    bucket, rest = view.start(where)
    if not rest and isinstance(view, TableView):
        return len(bucket.rows)
    return sum(1 for _ in _holding(view, _look_at(view, bucket, rest), rest))


def find(
    view: View, where: Conditions, order: Order[Any] | None, after: tuple[Any, UUID] | None, limit: int | None
) -> tuple[Any, ...]:
    """The rows that hold, in their order."""
    bucket, rest = view.start(where)
    if order is None:
        found = sorted(_holding(view, _look_at(view, bucket, rest), rest), key=itemgetter(0))
        return tuple(row for _, row in found)
    if order.field.path == ARRIVAL:
        entries = view.arrivals(bucket)
        start, stop = 0, len(entries)
    elif view.leads(order.field):
        entries = bucket.sorted_by(order.field.path)
        start, stop = _bounds(entries, [one for one in rest if one.field and _same(one.field, order.field)])
    else:
        get = view.reach(order.field)
        values = ((get(row), key) for key, row in _holding(view, bucket.rows, rest))
        entries = sorted(entry for entry in values if entry[0] is not None)
        start, stop, rest = 0, len(entries), ()
    keys = _page(entries, start, stop, order, after)
    return tuple(islice((row for _, row in _holding(view, keys, rest)), limit))


def _same(one: Field[Any, Any], other: Field[Any, Any]) -> bool:
    return one.path == other.path and one.entity is other.entity


def _holding(view: View, keys: Iterable[int], rest: Conditions) -> Iterator[tuple[int, Any]]:
    tests = [_test(condition, view.reach) for condition in rest]
    for key in keys:
        row = view.row(key)
        if row is not None and (not tests or all(test(row) for test in tests)):
            yield key, row


def _look_at(view: View, bucket: Bucket, rest: Conditions) -> Iterable[int]:
    """All keys of the bucket; fewer, where a condition limits a field by which rows are kept in order."""
    for one in rest:
        if _limits(one) and one.field is not None and view.in_order(one.field):
            entries = bucket.sorted_by(one.field.path)
            start, stop = _bounds(entries, [one])
            return (key for _, key in entries[start:stop])
    return bucket.rows


def _limits(condition: Condition[Any]) -> bool:
    return condition.operator in _LIMITS and condition.value is not None


_LIMITS = {Operator.EQ, Operator.LT, Operator.LE, Operator.GT, Operator.GE, Operator.PREFIX}


def _bounds(entries: list[tuple[Any, int]], where: list[Condition[Any]]) -> tuple[int, int]:
    start, stop = 0, len(entries)
    for one in where:
        if not _limits(one):
            continue
        if one.operator in {Operator.EQ, Operator.GE, Operator.PREFIX}:
            start = max(start, bisect_left(entries, (one.value, -1)))
        if one.operator in {Operator.EQ, Operator.LE}:
            stop = min(stop, bisect_right(entries, (one.value, _AFTER_ALL_IDS)))
        if one.operator is Operator.GT:
            start = max(start, bisect_right(entries, (one.value, _AFTER_ALL_IDS)))
        if one.operator is Operator.LT:
            stop = min(stop, bisect_left(entries, (one.value, -1)))
        if one.operator is Operator.PREFIX:
            stop = min(stop, _end_of_prefix(entries, one.value))
    return start, stop


def _end_of_prefix(entries: list[tuple[Any, int]], text: str) -> int:
    bare = text.rstrip(chr(maxunicode))
    return bisect_left(entries, (bare[:-1] + chr(ord(bare[-1]) + 1), -1)) if bare else len(entries)


def _page(
    entries: list[tuple[Any, int]], start: int, stop: int, order: Order[Any], after: tuple[Any, UUID] | None
) -> Iterator[int]:
    if order.descending:
        stop = stop if after is None else min(stop, bisect_left(entries, (after[0], after[1].int)))
        return (entries[at][1] for at in range(stop - 1, start - 1, -1))
    start = start if after is None else max(start, bisect_right(entries, (after[0], after[1].int)))
    return (entries[at][1] for at in range(start, stop))
