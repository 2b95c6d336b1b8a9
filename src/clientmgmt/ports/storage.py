"""The storage port: collections of entities, and units of work over them.

A store knows no entity by name. It is given :class:`Collection` declarations (what is stored, by which fields it is
found, what must be unique) and answers eleven verbs. Whoever writes a store implements :class:`UnitOfWork` and
:class:`Storage`; ``clientmgmt.testing.StorageConformance`` says whether it is right.

Declaring and asking::

    of = fields_of(Client)


    class Clients(Collection[Client]):
        name = "clients"
        entity = Client
        id: Field[Client, UUID] = of(lambda client: client.id)
        name_key: Ordered[Client, str] = of.ordered(lambda client: client.name_key)
        indexes = ((name_key,),)


    CLIENTS = Clients()
    uow.find(CLIENTS, CLIENTS.name_key.prefix("acme"), order=CLIENTS.name_key.asc(), limit=50)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from clientmgmt.domain.results import Note
from clientmgmt.errors import TransactionConflictError
from clientmgmt.ports.declaring import Collection, Indexes, Join, Keys, References, Source
from clientmgmt.ports.fields import (
    Condition,
    Entity,
    Field,
    Fields,
    Operator,
    Order,
    Ordered,
    any_of,
    fields_of,
)

__all__ = [
    "AsyncStorage",
    "AsyncUnit",
    "Collection",
    "Condition",
    "Entity",
    "Field",
    "Fields",
    "Indexes",
    "Join",
    "Keys",
    "Operator",
    "Order",
    "Ordered",
    "QueueEntity",
    "ReferenceViolation",
    "References",
    "Source",
    "StaleVersion",
    "Storage",
    "UniqueViolation",
    "UnitOfWork",
    "VersionedEntity",
    "any_of",
    "fields_of",
]


class VersionedEntity(Entity, Protocol):
    """An entity that changes: ``version`` starts at 1 and grows by one with every :meth:`UnitOfWork.save`."""

    @property
    def version(self) -> int:
        """How often it was saved, and one."""


class QueueEntity(Entity, Protocol):
    """An entity that waits for a worker: see :meth:`UnitOfWork.claim`. Its ``lane`` never changes."""

    @property
    def lane(self) -> str:
        """Among which others its order is kept."""

    @property
    def due_at(self) -> datetime:
        """From when on it may be claimed."""

    @property
    def attempts(self) -> int:
        """How often it was claimed."""


E = TypeVar("E", bound=Entity)
V = TypeVar("V", bound=VersionedEntity)
Q = TypeVar("Q", bound=QueueEntity)
R = TypeVar("R")
F = TypeVar("F")


class UniqueViolation(TransactionConflictError):  # noqa: N818 - a fact about a row, not a fault
    """``key`` of ``collection`` is taken: the name of a declared unique key, or ``"id"``.

    A use case looks before it writes, so this is what a concurrent unit did meanwhile: running the unit again
    finds it.
    """

    def __init__(self, collection: str, key: str) -> None:
        super().__init__(f"unique key {key} of {collection} is taken")
        self.collection: str = collection
        self.key: str = key

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.collection, self.key)


class ReferenceViolation(TransactionConflictError):  # noqa: N818 - a fact about a row, not a fault
    """An entity refers to one that is not there, or is removed while others refer to it."""

    def __init__(self) -> None:
        super().__init__("a reference between entities would be broken")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


class StaleVersion(TransactionConflictError):  # noqa: N818 - a fact about a row, told apart from StaleVersionError
    """The stored version is not the one that was read: a concurrent unit was faster."""

    def __init__(self, collection: str) -> None:
        super().__init__(f"an entity of {collection} was changed meanwhile")
        self.collection: str = collection

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.collection,)


class UnitOfWork(Protocol):
    """One transaction in one tenant: what is read and written here belongs together.

    Everything is bound to the tenant; an id of another tenant is an id that does not exist. Any error of the
    store, and every :class:`UniqueViolation` and :class:`ReferenceViolation`, poisons the unit unless a
    :meth:`savepoint` contains it: further verbs and the regular end raise
    :class:`~clientmgmt.errors.TransactionError`, nothing is written. ``NotFoundError`` and :class:`StaleVersion`
    do not poison. In a unit that only reads, the writing verbs raise ``TransactionError``. A unit belongs to one
    thread.
    """

    def get(self, collection: Collection[E], id: UUID, *, lock: bool = False) -> E:  # noqa: A002 - the field's name
        """The entity with this id, else ``NotFoundError``.

        With ``lock`` nobody else changes or locks it until this unit ends, and it is read as it is then, not as
        it was when the unit began. Locking is for units that write.
        """

    def get_many(self, collection: Collection[E], ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, E]:
        """The entities with these ids; missing ones are left out. Locks are taken in the order of the ids."""

    def find(
        self,
        source: Source[R, F],
        *where: Condition[F],
        order: Order[F] | None = None,
        after: tuple[object, UUID] | None = None,
        limit: int | None = None,
    ) -> tuple[R, ...]:
        """The rows for which all conditions hold.

        ``order`` sorts, ties by the id of the left part in the same direction; ``after`` is (order value, id) of
        the last row seen. Without ``order`` rows come in the order of their ids, and ``after`` and ``limit`` are
        refused (``ValueError``).
        """

    def count(self, source: Source[R, F], *where: Condition[F]) -> int:
        """How many rows :meth:`find` would give."""

    def add(self, collection: Collection[E], *entities: E) -> None:
        """Add entities, all or none, whatever their number at the cost of a few statements.

        :class:`UniqueViolation` names the key that is taken (any of them, if several are),
        :class:`ReferenceViolation` says that a referred entity is missing.
        """

    def add_if_absent(self, collection: Collection[E], entity: E) -> bool:
        """Add the entity, unless one of its unique keys or its id is taken: then ``False``, and nothing is written.

        Waits for a concurrent unit that is adding the same key, and does not poison.
        """

    def save(self, collection: Collection[V], entity: V) -> V:
        """Replace the stored entity and answer it with the next version.

        :class:`StaleVersion` if the stored version is not ``entity.version``, ``NotFoundError`` if there is none.
        """

    def remove(self, collection: Collection[E], *ids: UUID) -> int:
        """Remove the entities with these ids and answer how many there were.

        :class:`ReferenceViolation` if others refer to them.
        """

    def next_number(self, name: str) -> int:
        """The next number of the sequence ``name`` of this tenant, from 1 on, without gaps.

        Others who want one wait until this unit ends.
        """

    def claim(self, collection: Collection[Q], *, now: datetime, lease: timedelta, limit: int) -> tuple[Q, ...]:
        """Up to ``limit`` due entities for this worker alone, until ``now + lease``.

        Only the oldest entity of each lane (in the order in which units added them) is considered, and only
        when its ``due_at`` is not after ``now``. Claiming moves ``due_at`` to ``now + lease`` and raises
        ``attempts`` by one (and ``version``, where there is one); the answer shows the entity so changed.
        Entities that another unit is claiming are passed over. The answer has no order to rely on.
        """

    def savepoint(self) -> AbstractContextManager[None]:
        """An error that leaves the block undoes what the block did and leaves the unit usable.

        An error of the store that is caught inside the block makes its end raise ``TransactionError``.
        """


class Storage(Protocol):
    """Where units of work come from. Safe to share by threads; survives ``fork`` if its database does."""

    @property
    def ephemeral(self) -> bool:
        """Whether everything is gone when the process ends, so that nothing that outlives it need be trusted."""

    @property
    def exclusive(self) -> bool:
        """Whether a unit that writes keeps all others that write out until it ends."""

    @property
    def in_host_transaction(self) -> bool:
        """Whether units begun now are part of a transaction of the host: it commits or undoes them, not they."""

    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> AbstractContextManager[UnitOfWork]:
        """A unit in ``tenant``: commits when the block ends, undoes everything when an error leaves it.

        ``TransactionError`` if this thread is inside a unit of this store already and the store cannot have two.
        """

    def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """The tenants that have entities in ``collection``: those after ``after``, in order, at most ``limit``."""

    def upgrade(self) -> tuple[str, ...]:
        """Bring the schema to this release; answer what was done, nothing if it was current.

        :class:`~clientmgmt.errors.SchemaError` if the schema is newer than this release.
        """

    def check(self) -> tuple[Note, ...]:
        """What is wrong with the installation: schema, engine, settings of the database."""

    def close(self) -> None:
        """Give back what the store opened itself. It is not used afterwards."""


class AsyncUnit(Protocol):
    """A unit of work that stays open while its task does other things. It belongs to one task."""

    async def run(self, work: Callable[[UnitOfWork], R], /) -> R:
        """What ``work`` answers; its verbs are called where they hold up no event loop."""


class AsyncStorage(Protocol):
    """A store for event loops: the same units of work, given to it as functions.

    A task that is cancelled while it waits here leaves no lock and no half-written unit behind: the unit is undone,
    or was committed already.
    """

    @property
    def ephemeral(self) -> bool:
        """As :attr:`Storage.ephemeral`."""

    @property
    def exclusive(self) -> bool:
        """As :attr:`Storage.exclusive`."""

    @property
    def in_host_transaction(self) -> bool:
        """As :attr:`Storage.in_host_transaction`."""

    async def run(self, tenant: str, work: Callable[[UnitOfWork], R], /, *, read_only: bool = False) -> R:
        """Run ``work`` in a unit of its own, and commit unless it raises."""

    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> AbstractAsyncContextManager[AsyncUnit]:
        """A unit for several calls, with the promises of :meth:`Storage.unit_of_work`."""

    async def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """As :meth:`Storage.tenants`."""

    async def upgrade(self) -> tuple[str, ...]:
        """As :meth:`Storage.upgrade`."""

    async def check(self) -> tuple[Note, ...]:
        """As :meth:`Storage.check`."""

    async def close(self) -> None:
        """As :meth:`Storage.close`."""
