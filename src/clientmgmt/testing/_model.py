"""The plainest store there is, of lists that each unit copies: what real stores are compared with.

Where a store may name one of several violations, its error has them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from operator import ge, gt, le, lt
from typing import Any
from uuid import UUID

import attrs

from clientmgmt.errors import NotFoundError, TransactionConflictError, TransactionError
from clientmgmt.ports.declaring import ARRIVAL
from clientmgmt.ports.selecting import resolve
from clientmgmt.ports.storage import Collection, Condition, Field, Join, Operator, Order, StaleVersion

__all__ = ["ModelStorage", "ModelUnit", "PossibleViolationsError"]


class PossibleViolationsError(TransactionConflictError):
    """Any of these (the name of the error, and what it says) is right."""

    def __init__(self, options: frozenset[tuple[str, ...]]) -> None:
        super().__init__("violations")
        self.options = options


@attrs.define
class State:
    """The rows of each collection in the order in which they were added, and the last numbers."""

    rows: dict[str, list[Any]]
    numbers: dict[str, int] = attrs.field(factory=dict)


class ModelUnit:
    """A unit of work over a copy of the state. Sources are collections and joins of the kit."""

    def __init__(self, state: State, collections: tuple[Collection[Any], ...], *, read_only: bool) -> None:
        self.state, self._collections, self._read_only = state, collections, read_only
        self.spoilt = False

    def get_many(self, collection: Collection[Any], ids: Iterable[UUID], *, lock: bool = False) -> Any:  # noqa: ANN401, ARG002 - the signature of the port
        """The entities with these ids."""
        self._check()
        wanted = set(ids)
        return {row.id: row for row in self.state.rows[collection.name] if row.id in wanted}

    def get(self, collection: Collection[Any], id: UUID, *, lock: bool = False) -> Any:  # noqa: A002, ANN401 - the signature of the port
        """The entity with this id."""
        found = self.get_many(collection, [id], lock=lock)
        if not found:
            raise NotFoundError
        return found[id]

    def find(
        self,
        source: Any,  # noqa: ANN401 - a collection or a join
        *where: Condition[Any],
        order: Order[Any] | None = None,
        after: tuple[Any, UUID] | None = None,
        limit: int | None = None,
    ) -> tuple[Any, ...]:
        """The rows for which all conditions hold."""
        self._check()
        wanted = resolve(self.find, where)
        rows = [row for row in self._rows(source) if all(_holds(one, source, row) for one in wanted)]
        added = {_left(source, row).id: number for number, row in enumerate(rows)}
        rows.sort(key=lambda row: _left(source, row).id)
        if order is None:
            return tuple(rows)

        def place(row: object) -> tuple[Any, UUID]:
            number = added[_left(source, row).id] if order.field.path == ARRIVAL else _value(order.field, source, row)
            return number, _left(source, row).id

        rows = sorted((row for row in rows if place(row)[0] is not None), key=place, reverse=order.descending)
        if after is not None:
            rows = [row for row in rows if (place(row) < after if order.descending else place(row) > after)]
        return tuple(rows[:limit])

    def count(self, source: Any, *where: Condition[Any]) -> int:  # noqa: ANN401 - a collection or a join
        """How many rows :meth:`find` would give."""
        return len(self.find(source, *where))

    def add(self, collection: Collection[Any], *entities: Any) -> None:  # noqa: ANN401 - any entity
        """Add entities."""
        self._check(writes=True)
        rows = self.state.rows[collection.name]
        options: set[tuple[str, ...]] = set()
        for entity in entities:
            options |= self._taken(collection, entity, rows) | self._broken(collection, entity)
            rows.append(entity)
        self._spoil_if(options)

    def add_if_absent(self, collection: Collection[Any], entity: Any) -> bool:  # noqa: ANN401 - any entity
        """Add the entity, unless one of its keys is taken."""
        self._check(writes=True)
        if self._taken(collection, entity, self.state.rows[collection.name]):
            return False
        self.add(collection, entity)
        return True

    def save(self, collection: Collection[Any], entity: Any) -> Any:  # noqa: ANN401 - any entity
        """Replace the stored entity."""
        self._check(writes=True)
        rows = self.state.rows[collection.name]
        if self.get(collection, entity.id).version != entity.version:
            raise StaleVersion(collection.name)
        saved = attrs.evolve(entity, version=entity.version + 1)
        others = [row for row in rows if row.id != entity.id]
        self._spoil_if(self._taken(collection, saved, others) | self._broken(collection, saved))
        rows[:] = [saved if row.id == saved.id else row for row in rows]
        return saved

    def remove(self, collection: Collection[Any], *ids: UUID) -> int:
        """Remove the entities with these ids."""
        self._check(writes=True)
        rows = self.state.rows[collection.name]
        staying = [row for row in rows if row.id not in ids]
        number = len(rows) - len(staying)
        rows[:] = staying
        self._spoil_if(
            option
            for other in self._collections
            for row in self.state.rows[other.name]
            for option in self._broken(other, row)
        )
        return number

    def next_number(self, name: str) -> int:
        """The next number of the sequence ``name``."""
        self._check(writes=True)
        self.state.numbers[name] = self.state.numbers.get(name, 0) + 1
        return self.state.numbers[name]

    def claim(self, collection: Collection[Any], *, now: datetime, lease: timedelta, limit: int) -> tuple[Any, ...]:
        """Up to ``limit`` due heads of lanes."""
        self._check(writes=True)
        rows = self.state.rows[collection.name]
        heads = {row.lane: row for row in reversed(rows)}.values()
        claimed = {
            row.id: attrs.evolve(row, due_at=now + lease, attempts=row.attempts + 1, version=row.version + 1)
            for row in [head for head in heads if head.due_at <= now][:limit]
        }
        rows[:] = [claimed.get(row.id, row) for row in rows]
        return tuple(claimed.values())

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """An error that leaves the block undoes what the block did."""
        self._check()
        before = _copy(self.state)
        try:
            yield
            self._check()
        except BaseException:
            self.state, self.spoilt = before, False
            raise

    def _check(self, *, writes: bool = False) -> None:
        if self.spoilt or (writes and self._read_only):
            message = "spoilt or reading"
            raise TransactionError(message)

    def _spoil_if(self, options: Iterable[tuple[str, ...]]) -> None:
        if found := frozenset(options):
            self.spoilt = True
            raise PossibleViolationsError(found)

    def _rows(self, source: Any) -> list[Any]:  # noqa: ANN401 - a collection or a join
        if not isinstance(source, Join):
            return list(self.state.rows[source.name])
        rights = {row.id: row for row in self.state.rows[source.right.name]}
        lefts = self.state.rows[source.left.name]
        return [(left, rights[source.on.get(left)]) for left in lefts if source.on.get(left) is not None]

    def _taken(self, collection: Collection[Any], entity: Any, rows: list[Any]) -> set[tuple[str, ...]]:  # noqa: ANN401 - any entity
        keys = {"id": (entity.id,)}
        keys |= {name: tuple(field.get(entity) for field in fields) for name, fields in collection.unique.items()}
        return {
            ("UniqueViolation", collection.name, name)
            for name, key in keys.items()
            if None not in key and any(_key(collection, name, row) == key for row in rows)
        }

    def _broken(self, collection: Collection[Any], entity: Any) -> set[tuple[str, ...]]:  # noqa: ANN401 - any entity
        for field, target in collection.references:
            referred = field.get(entity)
            if referred is not None and all(row.id != referred for row in self.state.rows[target.name]):
                return {("ReferenceViolation",)}
        return set()


def _key(collection: Collection[Any], name: str, row: Any) -> tuple[Any, ...]:  # noqa: ANN401 - any entity
    return (row.id,) if name == "id" else tuple(field.get(row) for field in collection.unique[name])


def _left(source: object, row: Any) -> Any:  # noqa: ANN401 - any entity
    return row[0] if isinstance(source, Join) else row


def _value(field: Field[Any, Any], source: object, row: Any) -> Any:  # noqa: ANN401 - any field
    if isinstance(source, Join):
        row = row[0] if field.entity is source.left.entity else row[1]
    return field.get(row)


def _holds(one: Condition[Any], source: object, row: object) -> bool:
    if one.field is None:
        return any(_holds(alternative, source, row) for alternative in one.alternatives)
    value = _value(one.field, source, row)
    if one.operator is Operator.EQ:
        return bool(value == one.value)
    return value is not None and _compares(one.operator, value, one.value)


def _compares(operator: Operator, value: Any, wanted: Any) -> bool:  # noqa: ANN401 - what is compared
    if operator is Operator.PREFIX:
        return bool(value[: len(wanted)] == wanted)
    return bool(_COMPARE[operator](value, wanted))


_COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.PRESENT: lambda _value, _wanted: True,
    Operator.IN: lambda value, wanted: value in wanted,
    Operator.LT: lt,
    Operator.LE: le,
    Operator.GT: gt,
    Operator.GE: ge,
}


def _copy(state: State) -> State:
    return State({name: list(rows) for name, rows in state.rows.items()}, dict(state.numbers))


class ModelStorage:
    """Units over copies; a good end makes the copy the state."""

    def __init__(self, collections: tuple[Collection[Any], ...]) -> None:
        self._collections = collections
        self._states: dict[str, State] = {}

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[ModelUnit]:
        """A unit in ``tenant``."""
        state = self._states.get(tenant) or State({one.name: [] for one in self._collections})
        unit = ModelUnit(_copy(state), self._collections, read_only=read_only)
        yield unit
        if unit.spoilt:
            message = "spoilt"
            raise TransactionError(message)
        self._states[tenant] = unit.state

    def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """The tenants that have entities in ``collection``."""
        having = (tenant for tenant, state in self._states.items() if state.rows[collection.name])
        return tuple(sorted(tenant for tenant in having if tenant > after)[:limit])
