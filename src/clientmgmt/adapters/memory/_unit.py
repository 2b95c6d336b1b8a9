"""A unit of work over tables in memory: writes at once, and remembers how to undo it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast
from uuid import UUID

import attrs

from clientmgmt.adapters.memory import _queries
from clientmgmt.adapters.memory._tables import Layout, Table, Undo
from clientmgmt.errors import ConfigurationError, NotFoundError, TransactionConflictError, TransactionError
from clientmgmt.ports.selecting import resolve
from clientmgmt.ports.storage import (
    Collection,
    Condition,
    Entity,
    Join,
    Order,
    QueueEntity,
    ReferenceViolation,
    Source,
    StaleVersion,
    UniqueViolation,
    VersionedEntity,
)

E = TypeVar("E", bound=Entity)
V = TypeVar("V", bound=VersionedEntity)
Q = TypeVar("Q", bound=QueueEntity)
R = TypeVar("R")
F = TypeVar("F")


class TenantData:
    """All that is stored of one tenant."""

    __slots__ = ("_layouts", "_tables", "numbers")

    def __init__(self, layouts: dict[str, Layout]) -> None:
        self._layouts = layouts
        self._tables: dict[str, Table] = {}
        self.numbers: dict[str, int] = {}

    def table(self, name: str) -> Table:
        """The table of the collection ``name``; :class:`ConfigurationError` if the store was not given it."""
        table = self._tables.get(name)
        if table is None:
            if name not in self._layouts:
                message = f"the store was not given the collection {name}"
                raise ConfigurationError(message)
            table = self._tables[name] = Table(self._layouts[name])
        return table


class InMemoryUnitOfWork:
    """The verbs. What a verb promises stands at :class:`~clientmgmt.ports.storage.UnitOfWork`."""

    __slots__ = ("_data", "_read_only", "_refusal", "_undo")

    def __init__(self, data: TenantData, *, read_only: bool) -> None:
        self._data, self._read_only = data, read_only
        self._refusal: str | None = None
        self._undo: list[Undo] = []

    def get(self, collection: Collection[E], id: UUID, *, lock: bool = False) -> E:  # noqa: A002 - the field's name
        """The entity with this id; units are serial, so every one of them is locked."""
        table = self._reading(collection.name, lock=lock)
        entity = table.rows.get(id.int)
        if entity is None:
            raise NotFoundError
        return cast("E", table.layout.own(entity))

    def get_many(self, collection: Collection[E], ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, E]:
        """The entities with these ids."""
        table = self._reading(collection.name, lock=lock)
        rows, own = table.rows, table.layout.own
        return {id_: own(rows[id_.int]) for id_ in ids if id_.int in rows}

    def find(
        self,
        source: Source[R, F],
        *where: Condition[F],
        order: Order[F] | None = None,
        after: tuple[object, UUID] | None = None,
        limit: int | None = None,
    ) -> tuple[R, ...]:
        """The rows for which all conditions hold."""
        self._check()
        if order is None and (after is not None or limit is not None):
            message = "after and limit need an order"
            raise ValueError(message)
        view = self._view(source)
        return view.own(_queries.find(view, resolve(self.find, where), order, after, limit))

    def count(self, source: Source[R, F], *where: Condition[F]) -> int:
        """How many rows :meth:`find` would give."""
        self._check()
        return _queries.count(self._view(source), resolve(self.find, where))

    def add(self, collection: Collection[E], *entities: E) -> None:
        """Add entities."""
        self._insert(self._writing(collection.name), entities)

    def add_if_absent(self, collection: Collection[E], entity: E) -> bool:
        """Add the entity, unless one of its keys is taken."""
        table = self._writing(collection.name)
        if self._taken_key(table, entity) is not None:
            return False
        self._insert(table, (entity,))
        return True

    def save(self, collection: Collection[V], entity: V) -> V:
        """Replace the stored entity and answer it with the next version."""
        table = self._writing(collection.name)
        key = entity.id.int
        stored = table.rows.get(key)
        if stored is None:
            raise NotFoundError
        if stored.version != entity.version:
            raise StaleVersion(collection.name)
        raised = cast("V", _evolve(table.layout.own(entity), version=entity.version + 1))
        if (name := table.taken_key(key, raised)) is not None:
            raise self._spoil(UniqueViolation(collection.name, name))
        self._check_references(table, (raised,))
        self._undo.append(table.move(key, raised))
        return cast("V", table.layout.own(raised))

    def remove(self, collection: Collection[E], *ids: UUID) -> int:
        """Remove the entities with these ids."""
        table = self._writing(collection.name)
        keys = [key for key in dict.fromkeys(id_.int for id_ in ids) if key in table.rows]
        removed = [table.rows[key].id for key in keys]
        self._undo.extend([table.move(key, None) for key in keys])
        for name, path in table.layout.referrers:
            referrer = self._data.table(name)
            if any(referrer.where(path, id_) for id_ in removed):
                raise self._spoil(ReferenceViolation())
        return len(removed)

    def next_number(self, name: str) -> int:
        """The next number of the sequence ``name``."""
        self._check(writes=True)
        numbers = self._data.numbers
        last = numbers.get(name, 0)
        numbers[name] = last + 1
        self._undo.append(lambda: numbers.__setitem__(name, last))
        return last + 1

    def claim(self, collection: Collection[Q], *, now: datetime, lease: timedelta, limit: int) -> tuple[Q, ...]:
        """Up to ``limit`` due heads of lanes."""
        table = self._writing(collection.name)
        if table.queue is None:
            message = f"{collection!r} is not declared as a queue"
            raise ConfigurationError(message)
        due = [table.rows[key] for key in table.queue.heads() if table.rows[key].due_at <= now][:limit]
        claimed = [_claimed(collection, entity, until=now + lease) for entity in due]
        self._undo.extend([table.move(entity.id.int, entity) for entity in claimed])
        return tuple(map(table.layout.own, claimed))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """An error that leaves the block undoes what the block did."""
        self._check()
        mark = len(self._undo)
        try:
            yield
            self._check()
        except BaseException:
            self._roll_back_to(mark)
            raise

    def commit(self) -> bool:
        """End the unit; answer whether anything was written. ``TransactionError`` if it is poisoned."""
        self._check()
        return bool(self._undo)

    def roll_back(self) -> None:
        """Undo everything."""
        self._roll_back_to(0)

    def close(self) -> None:
        """Refuse all verbs from now on."""
        self._refusal = "this unit of work has ended"
        self._undo.clear()

    def _roll_back_to(self, mark: int) -> None:
        while len(self._undo) > mark:
            self._undo.pop()()
        self._refusal = None

    def _check(self, *, writes: bool = False) -> None:
        if self._refusal is not None:
            raise TransactionError(self._refusal)
        if writes and self._read_only:
            message = "this unit of work only reads"
            raise TransactionError(message)

    def _reading(self, name: str, *, lock: bool) -> Table:
        self._check(writes=lock)
        return self._data.table(name)

    def _writing(self, name: str) -> Table:
        self._check(writes=True)
        return self._data.table(name)

    def _view(self, source: Source[Any, Any]) -> _queries.View:
        if isinstance(source, Join):
            left, right = self._data.table(source.left.name), self._data.table(source.right.name)
            return _queries.JoinView(source, left, right)
        return _queries.TableView(self._data.table(cast("Collection[Any]", source).name))

    def _spoil(self, error: TransactionConflictError) -> TransactionConflictError:
        self._refusal = f"this unit of work is spoilt: {error}"
        return error

    def _insert(self, table: Table, entities: Sequence[Entity]) -> None:
        for entity in entities:
            if (name := self._taken_key(table, entity)) is not None:
                raise self._spoil(UniqueViolation(table.layout.collection.name, name))
            self._undo.append(table.move(entity.id.int, table.layout.own(entity)))
        self._check_references(table, entities)

    def _taken_key(self, table: Table, entity: Entity) -> str | None:
        key = entity.id.int
        return "id" if key in table.rows else table.taken_key(key, entity)

    def _check_references(self, table: Table, entities: Sequence[Entity]) -> None:
        for get, target in table.layout.references:
            there = self._data.table(target).rows
            for entity in entities:
                referred = get(entity)
                if referred is not None and referred.int not in there:
                    raise self._spoil(ReferenceViolation())


_evolve: Callable[..., Any] = attrs.evolve


def _claimed(collection: Collection[Q], entity: Q, *, until: datetime) -> Q:
    changes: dict[str, object] = {"due_at": until, "attempts": entity.attempts + 1}
    if collection.versioned:
        changes["version"] = cast("VersionedEntity", entity).version + 1
    return cast("Q", _evolve(entity, **changes))
