"""Parts of the package beside what would be used in their place."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from email_validator import validate_email
from transitions import Machine

from benchmarks.harness import Result, compare
from clientmgmt import ClientManager, ClientStatus, Settings, System
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.system import Uuid7Source
from clientmgmt.domain import ROLES, Client, ClientId, ClientKind, ContactId, Email, Rights, Scope, SiteId, Stamp
from clientmgmt.domain.email import parse_email
from clientmgmt.ports.collections import CLIENTS, MEMBERSHIPS, USERS
from clientmgmt.testing import FastHasher

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
ADDRESSES = [f"first.last{number}@mail{number % 7}.example.com" for number in range(200)]


def measure() -> Iterator[Result]:
    """Everything that needs no database."""
    yield emails()
    yield transition()
    yield rights_check()
    yield memory_unit()
    yield import_time()


def emails() -> Result:
    """Plain ASCII addresses, checked, normalised and keyed."""

    def ours() -> None:
        for address in ADDRESSES:
            parse_email(address, field="email")

    def theirs() -> None:
        for address in ADDRESSES:
            validate_email(address, check_deliverability=False)

    return compare("e-mail address", ours, theirs, baseline="email-validator", goal=0.1, repeat=3)


def transition() -> Result:
    """One change of state with its guard and its event."""
    stamp = Stamp(Uuid7Source().new(), "northwind", NOW, "staff:ada")
    client = Client(
        id=ClientId(stamp.id),
        kind=ClientKind.COMPANY,
        name="Acme",
        name_key="acme",
        email=Email("ap@acme.example", "ap@acme.example"),
        status=ClientStatus.ACTIVE,
        status_since=NOW,
        language=None,
        created_at=NOW,
        created_by="staff:ada",
    )
    model: Any = _Model()
    states = [str(status) for status in ClientStatus]
    machine = Machine(model=model, states=states, initial="active", auto_transitions=False)
    machine.add_transition("pause", "active", "paused", conditions="may_change", after="note")
    machine.add_transition("activate", "paused", "active", conditions="may_change", after="note")

    def ours() -> None:
        paused, _ = client.set_status(ClientStatus.PAUSED, reason="", stamp=stamp)
        paused.set_status(ClientStatus.ACTIVE, reason="", stamp=stamp)

    def theirs() -> None:
        model.pause()
        model.activate()

    return compare("transition with event", ours, theirs, baseline="transitions", goal=0.4, repeat=500)


class _Model:
    """What the transitions library drives: a guard, and a list of what happened."""

    def __init__(self) -> None:
        self.events: list[tuple[str, datetime]] = []

    def may_change(self) -> bool:
        """The guard."""
        return True

    def note(self) -> None:
        """The event."""
        self.events = [("changed", NOW)]


def rights_check() -> Result:
    """Whether the rights of a contact, as they were read for a call, give a permission for a site."""
    lobby = SiteId(UUID(int=1))
    rights = Rights(
        contact_id=ContactId(UUID(int=2)),
        role="client_admin",
        grants=(),
        denies=(),
        scope=Scope.only(lobby),
        is_owner=False,
        permissions=ROLES["client_admin"].permissions,
    )
    given = rights.permissions

    def ours() -> None:
        for _ in range(100):
            rights.allows("reports", lobby)

    def theirs() -> None:
        for _ in range(100):
            "reports" in given  # noqa: B015 - that it takes time is all that matters

    return compare("rights check", ours, theirs, baseline="a bare look-up in a frozenset", goal=10.0, repeat=100)


def memory_unit() -> Result:
    """A unit of work in memory: lock a client, look for a user, read its roster, save; the baseline copies deeply."""
    storage = InMemoryStorage()
    manager = ClientManager(storage, settings=Settings(), passwords=FastHasher())
    ws = manager.workspace("northwind", actor=System("benchmark"))
    acme = ws.clients.add(name="Acme", email="ap@acme.example")
    for number in range(10):
        ws.contacts.add(acme.id, first_name="Jane", last_name="Doe", email=f"jane{number}@acme.example")
    with storage.unit_of_work("northwind") as uow:
        stored = (
            uow.get(CLIENTS, acme.id),
            uow.find(MEMBERSHIPS, MEMBERSHIPS.client_id.eq(acme.id)),
            uow.find(USERS),
        )
    facts = {"client": _plain(stored[0]), "rows": [_plain(row) for row in (*stored[1], *stored[2])]}

    def ours() -> None:
        with storage.unit_of_work("northwind") as uow:
            client = uow.get(CLIENTS, acme.id, lock=True)
            uow.find(MEMBERSHIPS, MEMBERSHIPS.client_id.eq(acme.id))
            uow.find(USERS, USERS.email_key.eq("jane3@acme.example"))
            uow.save(CLIENTS, client)

    def theirs() -> None:
        copy.deepcopy(facts)

    return compare("unit in memory", ours, theirs, baseline="deep copy of the client's facts", goal=0.2, repeat=100)


def _plain(value: Any) -> dict[str, object]:  # noqa: ANN401 - any stored value
    return {field.name: getattr(value, field.name) for field in value.__attrs_attrs__}


def import_time() -> Result:
    """``import clientmgmt`` as a whole process, with compiled modules in their caches."""
    with tempfile.TemporaryDirectory() as caches:
        return compare(
            "import clientmgmt",
            lambda: _run("import clientmgmt", caches),
            lambda: _run("import attrs", caches),
            baseline="import attrs",
            goal=2.0,
            rounds=11,
            repeat=2,
        )


def _run(code: str, caches: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = caches
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)  # noqa: S603 - our own interpreter
