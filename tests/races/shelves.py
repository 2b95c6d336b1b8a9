"""Shelves with room for ten, filled by eight processes at once. Imported by processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import count
from time import sleep
from uuid import UUID, uuid5

from clientmgmt import ClientManager
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.ports import UnitOfWork
from clientmgmt.testing.kit import BOOKS, KIT, SHELVES, Book
from tests.races.workers import Deed, Place

__all__ = ["DEEDS", "SEATS", "kit_at"]

SEATS = 10


@cache
def kit_at(url: str, schema: str | None) -> SQLStorage:
    """The kit beside the tables of the package."""
    return SQLStorage(url, schema=schema, prefix="kit_", collections=KIT)


def put_on_the_shelf(manager: ClientManager, hand: int, place: Place) -> Deed:
    """Add a book to a shelf with room for ten: the shelf is locked first, its books are counted after."""
    del manager
    return _filling(place, hand, lock=True)


def put_on_the_shelf_unlocked(manager: ClientManager, hand: int, place: Place) -> Deed:
    """A fault: the books are counted and added to without a lock, and without a writer's transaction on SQLite."""
    del manager
    return _filling(place, hand, lock=False)


def _filling(place: Place, hand: int, *, lock: bool) -> Deed:
    storage = kit_at(place.url, place.schema)
    serials = count()

    def room(uow: UnitOfWork, shelf: UUID) -> bool:
        if lock:
            uow.get(SHELVES, shelf, lock=True)
        return uow.count(BOOKS, BOOKS.shelf_id.eq(shelf)) < SEATS

    def deed(thing: str) -> str:
        shelf = UUID(thing)
        serial = f"{hand}-{next(serials)}"
        book = Book(id=uuid5(shelf, serial), shelf_id=shelf, serial=f"{shelf}-{serial}")
        if not lock:
            with storage.unit_of_work(place.tenant, read_only=True) as uow:
                if not room(uow, shelf):
                    return "full"
            sleep(0)
        with storage.unit_of_work(place.tenant) as uow:
            if lock and not room(uow, shelf):
                return "full"
            uow.add(BOOKS, book)
        return f"put {thing}"

    return deed


DEEDS: dict[str, Callable[[ClientManager, int, Place], Deed]] = {
    "shelves.put": put_on_the_shelf,
    "shelves.put unlocked": put_on_the_shelf_unlocked,
}
