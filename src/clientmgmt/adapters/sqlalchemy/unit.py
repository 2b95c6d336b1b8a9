"""The unit of work: one transaction on one connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import starmap
from typing import Any, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.database import LENT, Integrity
from clientmgmt.adapters.sqlalchemy.failures import Keys, commit_failure, failure, is_lost
from clientmgmt.adapters.sqlalchemy.prepared import Question, Reading, Writing
from clientmgmt.adapters.sqlalchemy.queries import Catalogue
from clientmgmt.adapters.sqlalchemy.row_security import ENTER_TENANT
from clientmgmt.adapters.sqlalchemy.statements import CollectionPlan
from clientmgmt.errors import (
    ConfigurationError,
    ConnectionLostError,
    NotFoundError,
    StorageError,
    TransactionError,
)
from clientmgmt.ports.storage import (
    Collection,
    Condition,
    Entity,
    Operator,
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
        "_says_tenant",
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
        says_tenant: bool = False,
    ) -> None:
        self._connection, self._tenant, self._read_only = connection, tenant, read_only
        self._database, self._catalogue, self._keys = database, catalogue, keys
        self._says_tenant = says_tenant
        self._refusal: str | None = None
        self._savepoints = 0

    def get(self, collection: Collection[E], id: UUID, *, lock: bool = False) -> E:  # noqa: A002 - the field's name
        """The entity with this id, else ``NotFoundError``."""
        plan = self._plan(collection, writes=lock)
        found = self._read(plan.get_locked if lock else plan.get, {"p_tenant": self._tenant, "p_id": id})
        if not found:
            raise NotFoundError
        return cast("E", found[0])

    def get_many(self, collection: Collection[E], ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, E]:
        """The entities with these ids."""
        plan = self._plan(collection, writes=lock)
        question = plan.get_many_locked if lock else plan.get_many
        found: list[E] = []
        for batch in _batches(sorted(set(ids)) if lock else list(dict.fromkeys(ids))):
            found.extend(self._answers(question, {"p_tenant": self._tenant, "p_ids": batch}))
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
        question = self._catalogue.find(source, where, values, order=order, after=after, limit=limit)
        found = [] if _is_never(where) else self._answers(question, values)
        if order is None and len(found) > 1:
            found.sort(key=self._catalogue.source(source).id_number)
        return tuple(found)

    def count(self, source: Source[R, F], *where: Condition[F]) -> int:
        """How many rows :meth:`find` would give."""
        self._check()
        values: dict[str, object] = {"p_tenant": self._tenant}
        question = self._catalogue.count(source, where, values)
        return 0 if _is_never(where) else cast("int", self._answers(question, values)[0])

    def add(self, collection: Collection[E], *entities: E) -> None:
        """Add entities, a thousand with one statement."""
        plan = self._plan(collection, writes=True)
        if len(entities) == 1:
            self._write(plan.insert, entities[0])
            return
        for batch in _batches(list(entities)):
            self._guarded(self._add_many, plan, batch)

    def add_if_absent(self, collection: Collection[E], entity: E) -> bool:
        """Add the entity, unless one of its keys is taken."""
        plan = self._plan(collection, writes=True)
        return self._write(plan.insert_if_absent, entity) == 1

    def save(self, collection: Collection[V], entity: V) -> V:
        """Replace the stored entity and answer it with the next version."""
        plan = self._plan(collection, writes=True)
        if self._write(plan.update, entity) == 1:
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
        if is_lost(self._connection):
            raise self._refuse(ConnectionLostError())
        if not self._guarded(self._database.is_intact, self._connection):
            message = "this unit of work is spoilt: the database has ended its transaction"
            raise TransactionError(message)

    def commit(self) -> None:
        """Make everything last.

        ``TransactionError`` if the unit is spoilt, be it by the host, ``ConnectionLostError`` if the connection
        was lost before, ``CommitUnknownError`` if it was lost meanwhile and something was to be written.
        """
        self.verify()
        if self._read_only:
            self._guarded(self._connection.commit)
        else:
            self._commit_writes()

    def close(self) -> None:
        """Refuse all verbs from now on."""
        self._refusal = "this unit of work has ended"

    def enter(self) -> None:
        """Before the first verb: where row-level security is in use, have it show the rows of this tenant."""
        if self._says_tenant:
            self._run(ENTER_TENANT, {"p_tenant": self._tenant})

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

    def _write(self, writing: Writing[E], entity: E) -> int:
        """Write one row; the number of rows that there were to write."""
        try:
            parameters = writing.parameters(self._tenant, entity)
            return self._connection.exec_driver_sql(writing.sql, parameters).rowcount
        except Exception as error:  # noqa: BLE001 - drivers raise more than their own errors
            raise self._spoil(error) from None

    def _add_many(self, plan: CollectionPlan, entities: Sequence[Any]) -> None:
        if plan.bulk is not None:
            self._connection.exec_driver_sql(plan.bulk.sql, plan.bulk.parameters(self._tenant, entities))
        else:
            rows = [plan.insert.parameters(self._tenant, entity) for entity in entities]
            self._connection.exec_driver_sql(plan.insert.sql, rows if len(rows) > 1 else rows[0])

    def _answers(self, question: Question, values: Mapping[str, object]) -> list[Any]:
        if question.reading is None:
            rows = self._rows(question.select, values)
            return cast("list[Any]", self._guarded(lambda: list(starmap(question.row, rows))))
        return self._read(question.reading, values)

    def _read(self, reading: Reading, values: Mapping[str, object]) -> list[Any]:
        try:
            found = self._connection.exec_driver_sql(reading.sql, reading.parameters(values))
            return reading.answers(found.fetchall())
        except Exception as error:  # noqa: BLE001 - the same
            raise self._spoil(error) from None

    def _run(self, statement: sa.Executable, values: object) -> sa.CursorResult[Any]:
        return cast("sa.CursorResult[Any]", self._guarded(self._connection.execute, statement, values))

    def _rows(self, statement: sa.Executable, values: Mapping[str, object]) -> Sequence[sa.Row[Any]]:
        return cast("Sequence[sa.Row[Any]]", self._guarded(self._run(statement, values).fetchall))

    def _guarded(self, call: Callable[..., Any], *values: Any) -> Any:  # noqa: ANN401 - whatever it answers
        try:
            return call(*values)
        except Exception as error:  # noqa: BLE001 - the same
            raise self._spoil(error) from None

    def _commit_writes(self) -> None:
        try:
            self._connection.commit()
        except Exception as error:  # noqa: BLE001 - the same
            raise self._refuse(commit_failure(error, self._keys)) from None

    def _spoil(self, error: Exception) -> StorageError:
        return self._refuse(failure(error, self._keys))

    def _refuse(self, found: StorageError) -> StorageError:
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


def _is_never(where: tuple[Condition[Any], ...]) -> bool:
    """Whether no row can be meant: the value is to be one of none."""
    return any(condition.operator is Operator.IN and not condition.value for condition in where)


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
