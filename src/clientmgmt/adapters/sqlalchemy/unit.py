"""The unit of work: one transaction on one connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import starmap
from typing import Any, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.database import LENT, Integrity
from clientmgmt.adapters.sqlalchemy.failures import Keys, failure
from clientmgmt.adapters.sqlalchemy.queries import Catalogue
from clientmgmt.adapters.sqlalchemy.statements import CollectionPlan
from clientmgmt.errors import ConfigurationError, NotFoundError, StorageError, TransactionError
from clientmgmt.ports.storage import (
    Collection,
    Condition,
    Entity,
    Order,
    QueueEntity,
    Source,
    StaleVersion,
    VersionedEntity,
)

__all__ = ["SQLUnitOfWork"]

E = TypeVar("E", bound=Entity)
V = TypeVar("V", bound=VersionedEntity)
Q = TypeVar("Q", bound=QueueEntity)
R = TypeVar("R")
F = TypeVar("F")

_BATCH = 1000


class SQLUnitOfWork:
    """The verbs. What a verb promises stands at :class:`~clientmgmt.ports.storage.UnitOfWork`."""

    __slots__ = (
        "_catalogue",
        "_connection",
        "_database",
        "_keys",
        "_read_only",
        "_refusal",
        "_savepoints",
        "_tenant",
    )

    def __init__(
        self,
        connection: sa.Connection,
        tenant: str,
        *,
        database: Integrity,
        catalogue: Catalogue,
        keys: Keys,
        read_only: bool,
    ) -> None:
        self._connection, self._tenant, self._read_only = connection, tenant, read_only
        self._database, self._catalogue, self._keys = database, catalogue, keys
        self._refusal: str | None = None
        self._savepoints = 0

    def get(self, collection: Collection[E], id: UUID, *, lock: bool = False) -> E:  # noqa: A002 - the field's name
        """The entity with this id, else ``NotFoundError``."""
        plan = self._plan(collection, writes=lock)
        rows = self._rows(plan.get_locked if lock else plan.get, {"p_tenant": self._tenant, "p_id": id})
        if not rows:
            raise NotFoundError
        return cast("E", plan.mapper.entity(*rows[0]))

    def get_many(self, collection: Collection[E], ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, E]:
        """The entities with these ids."""
        plan = self._plan(collection, writes=lock)
        statement = plan.get_many_locked if lock else plan.get_many
        found: list[E] = []
        for batch in _batches(sorted(set(ids)) if lock else list(dict.fromkeys(ids))):
            rows = self._rows(statement, {"p_tenant": self._tenant, "p_ids": batch})
            found.extend(starmap(plan.mapper.entity, rows))
        return {entity.id: entity for entity in found}

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
        values: dict[str, object] = {"p_tenant": self._tenant}
        statement = self._catalogue.find(source, where, values, order=order, after=after, limit=limit)
        plan = self._catalogue.source(source)
        found = list(starmap(plan.row, self._rows(statement, values)))
        if order is None and len(found) > 1:
            found.sort(key=plan.id_number)
        return tuple(found)

    def count(self, source: Source[R, F], *where: Condition[F]) -> int:
        """How many rows :meth:`find` would give."""
        self._check()
        values: dict[str, object] = {"p_tenant": self._tenant}
        statement = self._catalogue.count(source, where, values)
        return int(self._rows(statement, values)[0][0])

    def add(self, collection: Collection[E], *entities: E) -> None:
        """Add entities, a thousand with one statement."""
        plan = self._plan(collection, writes=True)
        tenant = self._tenant
        bulk = plan.bulk
        rows = self._guarded(lambda: [bulk.parameters(tenant, entity) for entity in entities])
        for batch in _batches(rows):
            self._guarded(self._connection.exec_driver_sql, bulk.sql, batch if len(batch) > 1 else batch[0])

    def add_if_absent(self, collection: Collection[E], entity: E) -> bool:
        """Add the entity, unless one of its keys is taken."""
        plan = self._plan(collection, writes=True)
        return self._run(plan.insert_if_absent, plan.mapper.row(self._tenant, entity)).rowcount == 1

    def save(self, collection: Collection[V], entity: V) -> V:
        """Replace the stored entity and answer it with the next version."""
        plan = self._plan(collection, writes=True)
        if self._run(plan.update, plan.mapper.change(self._tenant, entity)).rowcount == 1:
            return cast("V", plan.mapper.saved(entity))
        if self._rows(plan.exists, {"p_tenant": self._tenant, "p_id": entity.id}):
            raise StaleVersion(collection.name)
        raise NotFoundError

    def remove(self, collection: Collection[E], *ids: UUID) -> int:
        """Remove the entities with these ids."""
        plan = self._plan(collection, writes=True)
        batches = _batches(list(dict.fromkeys(ids)))
        return sum(self._run(plan.delete, {"p_tenant": self._tenant, "p_ids": batch}).rowcount for batch in batches)

    def next_number(self, name: str) -> int:
        """The next number of the sequence ``name``."""
        self._check(writes=True)
        rows = self._rows(self._catalogue.next_number, {"p_tenant": self._tenant, "p_name": name})
        return int(rows[0][0])

    def claim(self, collection: Collection[Q], *, now: datetime, lease: timedelta, limit: int) -> tuple[Q, ...]:
        """Up to ``limit`` due heads of lanes, those that waited longest first."""
        plan = self._plan(collection, writes=True)
        if not collection.queue:
            message = f"{collection!r} is not declared as a queue"
            raise ConfigurationError(message)
        rows = self._rows(plan.heads, {"p_tenant": self._tenant, "p_now": now, "p_limit": limit})
        due: list[Q] = list(starmap(plan.mapper.entity, rows))
        until = now + lease
        for batch in _batches([entity.id for entity in due]):
            self._run(plan.hold, {"p_tenant": self._tenant, "p_until": until, "p_ids": batch})
        return tuple([plan.mapper.claimed(entity, until) for entity in due])

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """An error that leaves the block undoes what the block did."""
        self._check()
        name = f"cm_{self._savepoints}"
        self._guarded(self._connection.exec_driver_sql, f"SAVEPOINT {name}")
        self._savepoints += 1
        try:
            yield
            self.verify()
        except BaseException:
            self._roll_back_to(name)
            raise
        finally:
            self._savepoints -= 1
        self._guarded(self._connection.exec_driver_sql, f"RELEASE SAVEPOINT {name}")

    @property
    def spoilt(self) -> bool:
        """Whether it refuses its verbs, because of an error or because it has ended."""
        return self._refusal is not None

    def verify(self) -> None:
        """Raise ``TransactionError`` if the unit is spoilt, be it by the host."""
        self._check()
        if not self._database.is_intact(self._connection):
            message = "this unit of work is spoilt: the database has ended its transaction"
            raise TransactionError(message)

    def commit(self) -> None:
        """Make everything last; ``TransactionError`` if the unit is spoilt."""
        self.verify()
        self._guarded(self._connection.commit)

    def close(self) -> None:
        """Refuse all verbs from now on."""
        self._refusal = "this unit of work has ended"

    def connection(self) -> sa.Connection:
        """The connection, while the unit lasts."""
        self._check()
        return self._connection.execution_options(**{LENT: True})

    def _plan(self, collection: Collection[Any], *, writes: bool) -> CollectionPlan:
        self._check(writes=writes)
        return self._catalogue.plan(collection)

    def _check(self, *, writes: bool = False) -> None:
        if self._refusal is not None:
            raise TransactionError(self._refusal)
        if writes and self._read_only:
            message = "this unit of work only reads"
            raise TransactionError(message)

    def _run(self, statement: sa.Executable, values: object) -> sa.CursorResult[Any]:
        return cast("sa.CursorResult[Any]", self._guarded(self._connection.execute, statement, values))

    def _rows(self, statement: sa.Executable, values: dict[str, object]) -> Sequence[sa.Row[Any]]:
        return cast("Sequence[sa.Row[Any]]", self._guarded(self._run(statement, values).fetchall))

    def _guarded(self, call: Callable[..., Any], *values: Any) -> Any:  # noqa: ANN401 - whatever it answers
        try:
            return call(*values)
        except Exception as error:  # noqa: BLE001 - drivers raise more than their own errors
            raise self._spoil(error) from None

    def _spoil(self, error: Exception) -> StorageError:
        found = failure(error, self._keys)
        self._refusal = f"this unit of work is spoilt: {found}"
        return found

    def _roll_back_to(self, name: str) -> None:
        """Undo and be usable again; if that fails, the unit stays refused."""
        try:
            self._connection.exec_driver_sql(f"ROLLBACK TO SAVEPOINT {name}")
            self._connection.exec_driver_sql(f"RELEASE SAVEPOINT {name}")
        except Exception as error:  # noqa: BLE001 - the same
            self._spoil(error)
        else:
            self._refusal = None


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
