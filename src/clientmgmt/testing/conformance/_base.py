"""What the parts of the suite share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Thread
from typing import TypeVar
from uuid import UUID

from clientmgmt.errors import TransactionConflictError
from clientmgmt.ports.storage import Collection, Entity, Storage, UnitOfWork
from clientmgmt.testing.kit import Book, Shelf, uid

E = TypeVar("E", bound=Entity)
T = TypeVar("T")

TENANT = "kit"
OTHER_TENANT = "kit-2"

PATIENCE = 60
"""After how many seconds threads are taken to wait for ever."""

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
    """What ``work`` answers in as many threads at once; an error if they wait for each other for ever."""
    answers: list[Future[T]] = [Future() for _ in range(number)]

    def answer(thread: int) -> None:
        try:
            answers[thread].set_result(work(thread))
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is asked for
            answers[thread].set_exception(error)

    # Threads of a pool would be waited for at the end of the process, also those that never end.
    for thread in range(number):
        Thread(target=answer, args=(thread,), daemon=True).start()
    _, hanging = wait(answers, timeout=PATIENCE)
    assert not hanging, f"{len(hanging)} threads did not end within {PATIENCE} seconds"
    return [one.result() for one in answers]
