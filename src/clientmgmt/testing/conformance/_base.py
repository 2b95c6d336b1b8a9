"""What the parts of the suite share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

from clientmgmt.errors import TransactionConflictError
from clientmgmt.ports.storage import Collection, Entity, Storage, UnitOfWork
from clientmgmt.testing.kit import Book, Shelf, uid

E = TypeVar("E", bound=Entity)
T = TypeVar("T")

TENANT = "kit"
OTHER_TENANT = "kit-2"

SHELF = Shelf(id=uid(1), code="A")


class PlannedError(Exception):
    """Leaves a unit of work on purpose."""


def book(number: int, **changes: object) -> Book:
    """A book on :data:`SHELF` with its own id and serial."""
    values: dict[str, object] = {"id": uid(number), "shelf_id": SHELF.id, "serial": f"serial-{number}"}
    make: Callable[..., Book] = Book
    return make(**(values | changes))


def keep(storage: Storage, collection: Collection[E], *entities: E, tenant: str = TENANT) -> None:
    """Add entities in a unit of their own."""
    with storage.unit_of_work(tenant) as uow:
        uow.add(collection, *entities)


def kept(storage: Storage, collection: Collection[E], *, tenant: str = TENANT) -> tuple[E, ...]:
    """What is committed in ``collection``, by id."""
    with storage.unit_of_work(tenant, read_only=True) as uow:
        return uow.find(collection)


def ids(entities: Iterable[E]) -> list[UUID]:
    """The ids of these, in their order."""
    return [entity.id for entity in entities]


def retrying(storage: Storage, work: Callable[[UnitOfWork], T]) -> T:
    """Do ``work`` in a unit, again as long as it loses against others."""
    for _ in range(200):
        with suppress(TransactionConflictError), storage.unit_of_work(TENANT) as uow:
            return work(uow)
    message = "lost against others every time"
    raise AssertionError(message)


def in_threads(number: int, work: Callable[[int], T]) -> list[T]:
    """What ``work`` answers in as many threads at once."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(work, range(number)))
