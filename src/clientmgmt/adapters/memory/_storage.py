"""The store: tenants, their data, and one unit of work at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any

import attrs

from clientmgmt.adapters.memory._tables import layouts
from clientmgmt.adapters.memory._unit import InMemoryUnitOfWork, TenantData
from clientmgmt.domain.results import Note
from clientmgmt.errors import TransactionError
from clientmgmt.ports.collections import COLLECTIONS
from clientmgmt.ports.storage import Collection, UnitOfWork

__all__ = ["Contents", "InMemoryStorage"]


@attrs.frozen(kw_only=True)
class Contents:
    """All that a store holds.

    ``entities`` by (tenant, name of the collection), those of a queue in its order; ``numbers`` are the last
    ones given, by (tenant, name of the sequence).
    """

    entities: Mapping[tuple[str, str], tuple[Any, ...]] = attrs.field(factory=dict)
    numbers: Mapping[tuple[str, str], int] = attrs.field(factory=dict)


class InMemoryStorage:
    """A :class:`~clientmgmt.ports.storage.Storage` that keeps everything in this process.

    It keeps all promises of the port: unique keys, references, versions, rollback, savepoints, queues.
    Entities are frozen, so they are shared and never copied. Units of work wait for each other.

    A small store of one's own can be built on it: override :meth:`persist` to write :meth:`contents`
    somewhere, and hand them back to the constructor at the next start.

    Args:
        collections: what is stored; a collection that another refers to must be among them.
        contents: what is there from the beginning.

    Raises:
        ConfigurationError: a referred collection is missing.

    >>> storage = InMemoryStorage()
    >>> with storage.unit_of_work("acme") as uow:
    ...     uow.next_number("invoices")
    1
    """

    unit_type: type[InMemoryUnitOfWork] = InMemoryUnitOfWork

    def __init__(
        self, *, collections: Iterable[Collection[Any]] = COLLECTIONS, contents: Contents | None = None
    ) -> None:
        self._layouts = layouts(collections)
        self._tenants: dict[str, TenantData] = {}
        self._lock = Lock()
        self._owner: int | None = None
        if contents is not None:
            self._load(contents)

    @property
    def ephemeral(self) -> bool:
        """Everything is gone when the process ends."""
        return True

    @property
    def exclusive(self) -> bool:
        """Units wait for each other."""
        return True

    @property
    def in_host_transaction(self) -> bool:
        """There is no host that could have one."""
        return False

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        """A unit in ``tenant``; ``TransactionError`` if this thread is inside a unit of this store."""
        with self._alone():
            unit = self.unit_type(self._data(tenant), read_only=read_only)
            try:
                yield unit
                if unit.commit():
                    self.persist()
            except BaseException:
                unit.roll_back()
                raise
            finally:
                unit.close()

    def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        """The tenants that have entities in ``collection``, in order: at most ``limit`` after ``after``."""
        with self._alone():
            having = (tenant for tenant, data in self._tenants.items() if data.table(collection.name).rows)
            return tuple(sorted(tenant for tenant in having if tenant > after)[:limit])

    def upgrade(self) -> tuple[str, ...]:
        """Nothing is ever to be done."""
        return ()

    def check(self) -> tuple[Note, ...]:
        """Nothing is ever wrong."""
        return ()

    def close(self) -> None:
        """Nothing is open."""

    def persist(self) -> None:
        """Called at the end of every unit that wrote, before its writes are final: an error undoes them.

        Does nothing; override it to write :meth:`contents` somewhere.
        """

    def contents(self) -> Contents:
        """All that is stored now."""
        if self._owner == get_ident():
            return self._contents()
        with self._alone():
            return self._contents()

    def _contents(self) -> Contents:
        entities = {
            (tenant, name): data.table(name).in_order()
            for tenant, data in self._tenants.items()
            for name in self._layouts
            if data.table(name).rows
        }
        numbers = {
            (tenant, name): last for tenant, data in self._tenants.items() for name, last in data.numbers.items()
        }
        return Contents(entities=entities, numbers=numbers)

    def _load(self, contents: Contents) -> None:
        for (tenant, name), entities in contents.entities.items():
            table = self._data(tenant).table(name)
            for entity in entities:
                table.move(entity.id.int, entity)
        for (tenant, name), last in contents.numbers.items():
            self._data(tenant).numbers[name] = last

    def _data(self, tenant: str) -> TenantData:
        if tenant not in self._tenants:
            self._tenants[tenant] = TenantData(self._layouts)
        return self._tenants[tenant]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._owner == get_ident():
            message = "this thread is inside a unit of work of this store already"
            raise TransactionError(message)
        with self._lock:
            self._owner = get_ident()
            try:
                yield
            finally:
                self._owner = None
