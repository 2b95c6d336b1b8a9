"""What a process does until it is killed. Imported by processes of their own; each tells of what is committed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier, Event
from random import random
from time import perf_counter
from typing import Any
from uuid import UUID

import attrs
import sqlalchemy as sa

from clientmgmt import ClientId, ClientManager, Staff
from clientmgmt.adapters.system import SystemClock, Uuid7Source
from clientmgmt.domain import Message
from clientmgmt.errors import StorageError
from clientmgmt.ports import UnitOfWork
from clientmgmt.testing import FastHasher
from clientmgmt.testing.kit import BOOKS, SHELVES, Book, Shelf
from tests.box import KEY
from tests.races.shelves import SEATS, kit_at
from tests.races.workers import SETTINGS, Place, manager_of, storage_at

__all__ = [
    "deliver_some",
    "deliver_until_done",
    "shelve_in_time",
    "write_contacts",
    "write_in_time",
    "write_until_killed",
]


def write_until_killed(wire: Connection, place: Place, *, autocommits: bool = False) -> None:
    """Add clients, each with an invited contact; tell of each command that is done. Ends when the store is gone."""
    if autocommits:
        _autocommit(place)
    ws = manager_of(place).workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    number = 0
    while True:
        number += 1
        try:
            client = ws.clients.add(name=f"C{number}", email="ap@acme.example")
            wire.send_bytes(b"client %s" % str(client.id).encode())
            email = f"p{number}-{os.getpid()}@acme.example"
            contact = ws.contacts.add(client.id, first_name="Jane", last_name="Doe", email=email, invite=True)
            wire.send_bytes(b"contact %s" % str(contact.id).encode())
        except StorageError:
            return


def _autocommit(place: Place) -> None:
    """The fault that a kill must show: what was done before an insert lasts, whatever becomes of the unit."""
    engine = storage_at(place.url, place.schema)._database.engine  # noqa: SLF001

    def commit(connection: sa.Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT"):
            driver: Any = connection.connection.dbapi_connection
            driver.commit()
            if engine.dialect.name == "sqlite":
                driver.execute("BEGIN IMMEDIATE")

    sa.event.listen(engine, "before_cursor_execute", commit)


def write_contacts(wire: Connection, place: Place, client: str, hand: int, count: int) -> None:
    """Invite ``count`` people; tell of each."""
    ws = manager_of(place).workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    for number in range(count):
        email = f"p{hand}-{number}@acme.example"
        contact = ws.contacts.add(ClientId(UUID(client)), first_name="Jane", last_name="Doe", email=email, invite=True)
        wire.send_bytes(b"contact %s" % str(contact.id).encode())


@attrs.frozen
class Ahead:
    """A clock that goes ahead of the machine's, so that nobody waits for a lease to end."""

    by: timedelta

    def now(self) -> datetime:
        return SystemClock().now() + self.by


@attrs.frozen
class Wire:
    """A notifier: what gets to the other end of the wire is sent. Some workers die just after that."""

    wire: Connection
    crashes: float

    def send(self, message: Message, /) -> str:
        self.wire.send_bytes(f"{message.id} {message.to.email}".encode())
        if random() < self.crashes:  # noqa: S311 - chance, no secret
            os.kill(os.getpid(), signal.SIGKILL)
        return message.id


def _mailer(wire: Connection, place: Place, ahead: timedelta, crashes: float) -> ClientManager:
    return ClientManager(
        storage_at(place.url, place.schema),
        secret_keys=[KEY],
        settings=SETTINGS,
        notifier=Wire(wire, crashes),
        passwords=FastHasher(),
        clock=Ahead(ahead),
    )


def deliver_some(wire: Connection, place: Place, ahead: timedelta) -> None:
    """Send what is due."""
    while _mailer(wire, place, ahead, 0).deliver().handled:
        pass


def deliver_until_done(wire: Connection, place: Place, ahead: timedelta, crashes: float, writers_end: Event) -> None:
    """Send mail one by one until there is none and nobody writes any more."""
    manager = _mailer(wire, place, ahead, crashes)
    while True:
        is_over = writers_end.is_set()
        if not manager.deliver().handled:
            if is_over:
                return
            writers_end.wait(0.02)


def write_in_time(wire: Connection, place: Place, client: str, *, hand: int, count: int, start: Barrier) -> None:
    """Add contacts to a client, all at once with others; tell how many seconds each took."""
    ws = manager_of(place).workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    owner = ClientId(UUID(client))
    ws.clients.get(owner)
    start.wait(timeout=60)
    for number in range(count):
        began = perf_counter()
        ws.contacts.add(owner, first_name="Jane", last_name="Doe", email=f"p{hand}-{number}@acme.example")
        wire.send_bytes(str(perf_counter() - began).encode())


def shelve_in_time(wire: Connection, place: Place, own: Sequence[Shelf], *, way: str, start: Barrier) -> None:
    """Fill shelves of one's own, all at once with others; tell how many seconds all took."""
    storage = kit_at(place.url, place.schema)
    ids = Uuid7Source()
    guard = GUARDS[way]

    def fill(shelf: Shelf) -> None:
        for _ in range(SEATS):
            with storage.unit_of_work(place.tenant) as uow:
                shelf = guard(uow, shelf)
                uow.add(BOOKS, Book(id=(book := ids.new()), shelf_id=shelf.id, serial=str(book)))

    fill(own[0])
    start.wait(timeout=60)
    began = perf_counter()
    for shelf in own[1:]:
        fill(shelf)
    wire.send_bytes(str(perf_counter() - began).encode())


def _count(uow: UnitOfWork, shelf: Shelf) -> Shelf:
    assert uow.count(BOOKS, BOOKS.shelf_id.eq(shelf.id)) < SEATS
    return shelf


def _lock_and_count(uow: UnitOfWork, shelf: Shelf) -> Shelf:
    return _count(uow, uow.get(SHELVES, shelf.id, lock=True))


def _update_if_unchanged(uow: UnitOfWork, shelf: Shelf) -> Shelf:
    return uow.save(SHELVES, shelf)


GUARDS: dict[str, Callable[[UnitOfWork, Shelf], Shelf]] = {
    "naive": _count,
    "row lock": _lock_and_count,
    "guarded update": _update_if_unchanged,
}
