"""What one process does while seven others do the same. Imported by processes of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import count
from multiprocessing.synchronize import Barrier
from time import sleep
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid5

import attrs

from clientmgmt import (
    ClientId,
    ClientManager,
    ClientMgmtError,
    ContactId,
    InviteRules,
    Links,
    Rules,
    Settings,
    Staff,
    UserId,
)
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.adapters.sqlalchemy.unit import SQLUnitOfWork
from clientmgmt.ports import UnitOfWork
from clientmgmt.testing import FastHasher, RecordingNotifier
from clientmgmt.testing.kit import BOOKS, KIT, SHELVES, Book
from tests.box import KEY, PASSWORD

__all__ = ["HANDS", "SEATS", "Place", "kit_at", "manager_of", "race", "start", "storage_at", "wait_for_all"]

HANDS = 8
RULES = Rules(invites=InviteRules(pause=InviteRules().pause * 0, per_day=10_000))
SETTINGS = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(invite="https://portal.northwind.example/accept?t={token}"),
    rules=RULES,
)
_gate: list[Barrier] = []


@attrs.frozen
class Place:
    """Where a race takes place: a database and a tenant in it."""

    url: str
    schema: str | None
    tenant: str


@cache
def storage_at(url: str, schema: str | None) -> SQLStorage:
    return SQLStorage(url, schema=schema)


@cache
def kit_at(url: str, schema: str | None) -> SQLStorage:
    """The kit beside the tables of the package."""
    return SQLStorage(url, schema=schema, prefix="kit_", collections=KIT)


def manager_of(place: Place, mails: RecordingNotifier | None = None) -> ClientManager:
    """The real clock: what comes later is later."""
    return ClientManager(
        storage_at(place.url, place.schema),
        secret_keys=[KEY],
        settings=SETTINGS,
        notifier=mails,
        passwords=FastHasher(),
    )


def start(gate: Barrier) -> None:
    """Remember where all processes wait for each other."""
    _gate.append(gate)


def wait_for_all() -> None:
    """Go on when all processes are here."""
    _gate[0].wait(timeout=60)


def race(name: str, hand: int, place: Place, things: Sequence[Any]) -> Counter[str]:
    """Do ``name`` to each thing, after waiting for the others; how often it ended how."""
    manager = manager_of(place)
    deed = DEEDS[name](manager, hand, place)
    wait_for_all()
    outcomes: Counter[str] = Counter()
    for thing in things:
        try:
            outcomes[deed(thing)] += 1
        except ClientMgmtError as refused:
            outcomes[f"{type(refused).__name__}:{getattr(refused, 'reason', '')}"] += 1
    return outcomes


Deed = Callable[[Any], str]


def accept(manager: ClientManager, _: int, place: Place) -> Deed:
    door = manager.entrance(place.tenant, origin="x")

    def deed(thing: tuple[str, str]) -> str:
        door.accept_invite(thing[0], password=PASSWORD)
        return f"won {thing[1]}"

    return deed


def resend(manager: ClientManager, _: int, place: Place) -> Deed:
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))

    def deed(thing: tuple[str, str]) -> str:
        ws.contacts.send_invite(ContactId(UUID(thing[1])))
        return "sent"

    return deed


def deactivate(manager: ClientManager, _: int, place: Place) -> Deed:
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))

    def deed(thing: tuple[str, str, str]) -> str:
        ws.access.deactivate(UserId(UUID(thing[2])))
        return "deactivated"

    return deed


def add(manager: ClientManager, hand: int, place: Place) -> Deed:
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))

    def deed(thing: tuple[str, Sequence[str]]) -> str:
        email, clients = thing
        client_id = ClientId(UUID(clients[hand % len(clients)]))
        spelling = email.upper() if hand % 2 else email
        ws.contacts.add(client_id, first_name="Jane", last_name="Doe", email=spelling)
        return f"added {email}"

    return deed


def bring_in(manager: ClientManager, _: int, place: Place) -> Deed:
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))

    def deed(rows: Sequence[dict[str, object]]) -> str:
        result = ws.clients.import_rows(rows)
        assert not result.failed
        return "imported"

    return deed


def bring_in_at_will(manager: ClientManager, hand: int, place: Place) -> Deed:
    """A fault: imports do not wait for each other. They dawdle between reading and writing, so that all have read."""
    deed = bring_in(manager, hand, place)
    add = SQLUnitOfWork.add

    def dawdling(*values: Any) -> None:  # noqa: ANN401 - whatever it is given
        sleep(0.2)
        add(*values)

    def at_will(rows: Sequence[dict[str, object]]) -> str:
        with patch.multiple(SQLUnitOfWork, next_number=lambda *_: 1, add=dawdling):
            return deed(rows)

    return at_will


def write_mail(_: ClientManager, hand: int, __: Place) -> Deed:
    from tests.races import posting  # noqa: PLC0415 - it uses this module

    def deed(thing: tuple[posting.Post, Sequence[str], int]) -> str:
        posting.write(hand, *thing)
        return "wrote"

    return deed


def send_mail(_: ClientManager, hand: int, __: Place) -> Deed:
    from tests.races import posting  # noqa: PLC0415 - it uses this module

    def deed(thing: tuple[posting.Post, Sequence[str], int]) -> str:
        posting.deliver(hand, thing[0])
        return "sent"

    return deed


SEATS = 10


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
    "accept": accept,
    "resend": resend,
    "deactivate": deactivate,
    "add": add,
    "import": bring_in,
    "import at will": bring_in_at_will,
    "write mail": write_mail,
    "send mail": send_mail,
    "shelve": put_on_the_shelf,
    "shelve unlocked": put_on_the_shelf_unlocked,
}
