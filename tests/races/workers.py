"""What one process does while seven others do the same. Imported by processes of their own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from itertools import count, cycle
from multiprocessing.synchronize import Barrier
from time import sleep
from typing import Any
from unittest.mock import patch
from uuid import UUID

import attrs

from clientmgmt import (
    ClientId,
    ClientManager,
    ClientMgmtError,
    ContactId,
    InviteRules,
    Links,
    Rules,
    Scope,
    Settings,
    SiteId,
    Staff,
    UserId,
)
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.adapters.sqlalchemy.unit import SQLUnitOfWork
from clientmgmt.adapters.system import SystemClock, Uuid7Source
from clientmgmt.ports import Clock, IdSource
from clientmgmt.ports.collections import AUDIT
from clientmgmt.testing import FastHasher, RecordingNotifier
from tests.box import KEY, PASSWORD

__all__ = [
    "HANDS",
    "Deed",
    "Place",
    "SkewedIds",
    "manager_of",
    "race",
    "start",
    "storage_at",
    "wait_for_all",
]

HANDS = 8
PURPOSES = ("invite", "reset", "email")
RULES = Rules(invites=InviteRules(pause=InviteRules().pause * 0, per_day=10_000))
LINKS = Links(**{purpose: f"https://portal.northwind.example/{purpose}?t={{token}}" for purpose in PURPOSES})
SETTINGS = Settings(
    sender="Northwind <hello@northwind.example>",
    links=LINKS,
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


def manager_of(
    place: Place, mails: RecordingNotifier | None = None, *, clock: Clock | None = None, ids: IdSource | None = None
) -> ClientManager:
    """With the real clock, if no other is given: what comes later is later."""
    return ClientManager(
        storage_at(place.url, place.schema),
        secret_keys=[KEY],
        settings=SETTINGS,
        notifier=mails,
        passwords=FastHasher(),
        clock=clock,
        ids=ids,
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
    deed = _known(name)(manager, hand, place)
    wait_for_all()
    outcomes: Counter[str] = Counter()
    for thing in things:
        try:
            outcomes[deed(thing)] += 1
        except ClientMgmtError as refused:
            outcomes[f"{type(refused).__name__}:{getattr(refused, 'reason', '')}"] += 1
    return outcomes


Deed = Callable[[Any], str]


def _known(name: str) -> Callable[[ClientManager, int, Place], Deed]:
    """The deed of this name; one with a dot is of another module."""
    module, dot, _ = name.partition(".")
    deeds = import_module(f"tests.races.{module}").DEEDS if dot else DEEDS
    deed: Callable[[ClientManager, int, Place], Deed] = deeds[name]
    return deed


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


def look_after(manager: ClientManager, hand: int, place: Place) -> Deed:
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))

    def deed(thing: tuple[str, Sequence[str]]) -> str:
        client_id, users = ClientId(UUID(thing[0])), [UserId(UUID(user)) for user in thing[1]]
        for user in users:
            ws.managers.add(client_id, user)
        ws.managers.set_primary(client_id, users[hand % len(users)])
        return "looked after"

    return deed


def own(manager: ClientManager, hand: int, place: Place) -> Deed:
    """Make one of two contacts the owner, take one out, limit the other to a site, remove that site: a hand each."""
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))

    def deed(thing: tuple[str, Sequence[str], Sequence[str], str]) -> str:
        client_id, site_id = ClientId(UUID(thing[0])), SiteId(UUID(thing[3]))
        users = [UserId(UUID(user)) for user in thing[1]]
        one, other = (ContactId(UUID(contact)) for contact in thing[2])
        turns: Sequence[Callable[[], object]] = [
            lambda: ws.access.set_owner(client_id, users[0]),
            lambda: ws.access.set_owner(client_id, users[1]),
            lambda: ws.contacts.remove(one),
            lambda: ws.access.set_rights(other, scope=Scope.only(site_id)),
            lambda: ws.sites.remove(site_id),
            lambda: ws.access.set_owner(client_id, users[0]),
            lambda: ws.contacts.suspend(other),
            lambda: ws.contacts.resume(other),
        ]
        turns[hand]()
        return "done"

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


def order(manager: ClientManager, _: int, place: Place) -> Deed:
    """The same order by all, with the same key."""
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))

    def deed(key: str) -> str:
        return f"{key} {ws.clients.add(name=key, email='c@c.example', idempotency_key=key).id}"

    return deed


def block(manager: ClientManager, hand: int, place: Place) -> Deed:
    """A client with a contact whom all others have too; the first hand changes its mind in the end."""
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))

    def deed(name: str) -> str:
        with suppress(KeyError), ws.transaction() as tx:
            client = tx.clients.add(name=f"{name} {hand}", email="c@c.example")
            tx.contacts.add(client.id, first_name="Jane", last_name="Doe", email=f"{name}@c.example")
            return dict.fromkeys(range(1, HANDS), "done")[hand]
        return "undone"

    return deed


class Skewed(SystemClock):
    """A clock that is wrong."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._by = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._by


class SkewedIds(Uuid7Source):
    """Ids that carry the time of a clock that is wrong."""

    def __init__(self, milliseconds: int) -> None:
        super().__init__()
        self._by = milliseconds

    def new(self) -> UUID:
        return UUID(int=super().new().int + (self._by << 80))


def change(_: ClientManager, hand: int, place: Place) -> Deed:
    """Change the status of a client, by the clock of this hand."""
    manager = manager_of(place, clock=Skewed((hand - 4) / 4), ids=SkewedIds((hand - 4) * 250))
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    turns = cycle(("paused", "inactive", "active"))

    def deed(client_id: str) -> str:
        ws.clients.set_status(ClientId(UUID(client_id)), next(turns))
        return "changed"

    return deed


def follow(manager: ClientManager, hand: int, _: Place) -> Deed:
    """Read the feed; the answer is what was read, in its order."""
    feed, numbers = manager.feed(f"hand {hand}"), count()

    def deed(_: object) -> str:
        events = feed.pull(limit=7)
        feed.ack(events)
        return "read " + json.dumps([[next(numbers), hand, str(event.id)] for event in events])

    return deed


def poll(_: ClientManager, hand: int, place: Place) -> Deed:
    """A fault: ask for what is later than the latest that was seen."""
    storage, numbers, seen = storage_at(place.url, place.schema), count(), [UUID(int=0)]

    def deed(_: object) -> str:
        with storage.unit_of_work(place.tenant, read_only=True) as uow:
            later = [entry.id for entry in uow.find(AUDIT) if entry.id > seen[0]]
        seen[0] = max([*later, seen[0]])
        return "read " + json.dumps([[next(numbers), hand, str(key)] for key in later])

    return deed


DEEDS: dict[str, Callable[[ClientManager, int, Place], Deed]] = {
    "accept": accept,
    "resend": resend,
    "deactivate": deactivate,
    "add": add,
    "look after": look_after,
    "own": own,
    "import": bring_in,
    "import at will": bring_in_at_will,
    "write mail": write_mail,
    "send mail": send_mail,
    "order": order,
    "block": block,
    "change": change,
    "follow": follow,
    "poll": poll,
}
