"""What one process does while seven others do the same. Imported by processes of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
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
    Settings,
    Staff,
    UserId,
)
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.adapters.sqlalchemy.unit import SQLUnitOfWork
from clientmgmt.testing import FastHasher, RecordingNotifier
from tests.box import KEY, PASSWORD

__all__ = ["HANDS", "Place", "manager_of", "race", "start", "storage_at", "wait_for_all"]

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


DEEDS: dict[str, Callable[[ClientManager, int, Place], Deed]] = {
    "accept": accept,
    "resend": resend,
    "deactivate": deactivate,
    "add": add,
    "import": bring_in,
    "import at will": bring_in_at_will,
}
