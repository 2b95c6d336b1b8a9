"""Commands in a tenant with very many clients beside the same commands in one with a thousand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle, islice

import sqlalchemy as sa

from benchmarks.commands import PASSWORD, Stage
from benchmarks.filling import Known, fill
from benchmarks.harness import Clock, Result, compare
from clientmgmt import ClientId, ContactId, UserId

FEW = 1000
GOAL, PAGE_GOAL, POLL_GOAL = 2.0, 1.2, 1.2
ROUNDS, REPEAT = 11, 10
_SHARE = 200
"""How many of the known contacts each command has for itself that uses them up."""

Open = Callable[[str], sa.Engine]


def measure(open_database: Open, size: int) -> Iterator[Result]:
    """Every command that is about one client, a page far down, and a look into the outbox."""
    few, many = (Side(open_database(name), number) for name, number in (("few", FEW), ("many", max(size, FEW))))
    clock: Clock = "cpu" if few.dialect == "sqlite" else "wall"
    operations = dict(few.operations()), dict(many.operations())
    for name, small in operations[0].items():
        yield compare(
            f"{name}, {many.size} clients, {many.dialect}",
            operations[1][name],
            small,
            baseline=f"{FEW} clients",
            goal=POLL_GOAL if name == "deliver nothing" else GOAL,
            rounds=ROUNDS,
            repeat=REPEAT,
            by=clock,
        )
    yield _deep_page(many, clock)
    for side in (few, many):
        side.close()


def _deep_page(side: Side, clock: Clock) -> Result:
    """A page in the middle of all clients beside the first."""
    page = side.stage.ws.clients.list(limit=1000)
    for _ in range(side.size // 2000 - 1):
        page = side.stage.ws.clients.list(limit=1000, cursor=page.next_cursor)
    cursor = page.next_cursor
    return compare(
        f"page of 50 after {side.size // 2}, {side.dialect}",
        lambda: side.stage.ws.clients.list(cursor=cursor),
        side.stage.ws.clients.list,
        baseline="the first page",
        goal=PAGE_GOAL,
        rounds=ROUNDS,
        repeat=REPEAT,
        by=clock,
    )


class Side:
    """A tenant with ``size`` clients, and those of them that commands are given."""

    def __init__(self, engine: sa.Engine, size: int) -> None:
        self.stage = Stage(engine)
        self.size = size
        self.dialect = engine.dialect.name
        self._known = fill(engine, size, keep=FEW)
        self._rest = iter(self._known)
        self._any = cycle(self._known)

    def operations(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Each command, on other clients every time."""
        yield from self._reading()
        yield from self._writing()

    def close(self) -> None:
        """Close the connections."""
        self.stage.engine.dispose()

    def _reading(self) -> Iterator[tuple[str, Callable[[], object]]]:
        ws = self.stage.ws
        yield "clients.get", lambda: ws.clients.get(self._client())
        yield "clients.find", lambda: ws.clients.find(reference=("crm", f"R-{next(self._any).number}"))
        yield "clients.references", lambda: ws.clients.references(self._client())
        yield "clients.list", ws.clients.list
        yield "contacts.get", lambda: ws.contacts.get(ContactId(next(self._any).contact))
        yield "contacts.find", self._find
        yield "contacts.list", lambda: ws.contacts.list(self._client())
        yield "contacts.most_recent", lambda: ws.contacts.most_recent(self._client())
        yield "access.invitations", lambda: ws.access.invitations(ContactId(next(self._any).contact))
        yield "access.logins", lambda: ws.access.logins(UserId(next(self._any).user))
        yield "audit.list", lambda: ws.audit.list(client_id=self._client())
        yield "deliver nothing", self.stage.manager.deliver

    def _writing(self) -> Iterator[tuple[str, Callable[[], object]]]:
        ws, invited, left, users, paused = self.stage.ws, *(self._own() for _ in range(4))
        yield "clients.add", lambda: ws.clients.add(name="New", email="new@client.example")
        yield "clients.set_status", lambda: ws.clients.set_status(ClientId(next(paused).client), "paused")
        yield "contacts.add", lambda: self.stage.contact(self._client())
        yield "invite, deliver, accept, sign in", lambda: self._enter(next(invited))
        yield "deactivate", lambda: ws.access.deactivate(UserId(next(users).user))
        yield "contacts.remove", lambda: ws.contacts.remove(ContactId(next(left).contact))

    def _own(self) -> Iterator[Known]:
        return islice(self._rest, _SHARE)

    def _client(self) -> ClientId:
        return ClientId(next(self._any).client)

    def _find(self) -> None:
        known = next(self._any)
        email = f"jane{known.number}@filled.example"
        assert self.stage.ws.contacts.find(ClientId(known.client), email=email)

    def _enter(self, known: Known) -> None:
        email = f"jane{known.number}@filled.example"
        self.stage.ws.contacts.send_invite(ContactId(known.contact))
        assert self.stage.manager.deliver().sent == 1
        self.stage.door.accept_invite(self.stage.mails.token(email), password=PASSWORD)
        self.stage.door.sign_in(email, PASSWORD)
        self.stage.mails.messages.clear()
