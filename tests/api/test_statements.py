"""How many statements each operation costs on SQLite: frozen, and the same for every size of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from clientmgmt import Client, Contact, ContactState, NewContact, Scope, SignInRefusedError, Workspace
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.adapters.sqlalchemy.engine import open_engine
from clientmgmt.domain import Event, MailId, UserReactivated
from clientmgmt.errors import PermanentDeliveryError
from tests.box import PASSWORD, SETTINGS, Box
from tests.stories.operations import ADDRESS

Operation = Callable[[], object]
ROWS = [
    {
        "client": f"C{number // 4}",
        "client_email": f"c{number // 4}@c.example",
        "reference": str(number // 4),
        "first_name": "P",
        "last_name": str(number),
        "email": f"p{number}@c.example",
    }
    for number in range(40)
]
PEOPLE = [{name: row[name] for name in ("first_name", "last_name", "email")} for row in ROWS]
FROZEN = {
    "clients.add": 6,
    "clients.add with a key": 5,
    "clients.add with a key again": 2,
    "clients.get": 1,
    "clients.find": 2,
    "clients.references": 2,
    "clients.set_status": 4,
    "clients.list": 1,
    "contacts.add": 6,
    "contacts.add and invite": 8,
    "contacts.add_many of 4": 8,
    "contacts.add_many of 40": 8,
    "contacts.add_many again": 5,
    "contacts.get": 5,
    "contacts.find": 5,
    "contacts.list of 1": 5,
    "contacts.list of 5": 5,
    "contacts.list of 40": 5,
    "contacts.send_invite": 10,
    "contacts.revoke_invite": 10,
    "contacts.send_invites to 2": 15,
    "contacts.send_invites to 20": 33,
    "contacts.list of 1 invited": 4,
    "contacts.list of 5 invited": 4,
    "contacts.list of 40 invited": 4,
    "deliver 2": 22,
    "deliver 20": 166,
    "deliver nothing": 33,
    "inspect": 4,
    "accept_invite": 17,
    "sign_in": 15,
    "sign_in refused": 5,
    "contacts.most_recent": 3,
    "access.invitations": 2,
    "access.logins": 2,
    "access.rights": 2,
    "access.set_rights": 9,
    "access.may": 1,
    "access.may of a client's user": 3,
    "access.explain": 4,
    "contacts.update": 8,
    "contacts.update of the person": 10,
    "contacts.suspend": 10,
    "contacts.resume": 8,
    "access.set_password": 12,
    "request_reset": 4,
    "request_reset of nobody": 4,
    "complete_reset": 18,
    "check_password": 10,
    "change_password": 23,
    "access.start_reset": 10,
    "access.links": 2,
    "access.record_login": 2,
    "contacts.update of the address": 23,
    "confirm_email": 21,
    "access.deactivate": 8,
    "access.reactivate": 6,
    "contacts.remove": 8,
    "managers.add": 6,
    "managers.add again": 3,
    "managers.list of 1": 3,
    "managers.list of 5": 3,
    "managers.set_primary": 7,
    "managers.set_primary to another": 8,
    "managers.assignable": 3,
    "managers.choices": 3,
    "managers.clients_of": 2,
    "managers.remove": 6,
    "sites.add": 4,
    "sites.get": 1,
    "sites.list": 2,
    "sites.update": 4,
    "sites.archive": 4,
    "sites.remove": 5,
    "access.set_owner": 10,
    "access.set_owner to another": 11,
    "clients.get of a client's user": 4,
    "contacts.list of 1 of a client's user": 7,
    "contacts.list of 40 of a client's user": 7,
    "access.set_rights to a scope": 12,
    "contacts.list of a client's user in a scope": 9,
    "sites.list of a client's user in a scope": 6,
    "clients.preview_import of 40": 3,
    "clients.import_rows of 4": 10,
    "clients.import_rows of 8": 12,
    "clients.import_rows of 40": 12,
    "clients.import_rows again": 6,
    "audit.list of 5": 1,
    "audit.list of 100": 1,
    "staff.list": 1,
    "notifications.get": 2,
    "notifications.list of 1": 2,
    "notifications.list of 100": 2,
    "notifications.list of the dead": 1,
    "notifications.list of a client": 3,
    "notifications.cancel": 5,
    "notifications.retry": 6,
    "access.invite_link": 9,
    "clients.add with an owner": 8,
    "feed.pull of 1": 15,
    "feed.ack": 5,
    "feed.pull of nothing": 7,
    "feed.pull of nothing, of one kind": 8,
    "upkeep of nothing": 34,
}


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[tuple[Box, list[str]]]:
    engine = open_engine(f"sqlite:///{tmp_path / 'counted.db'}")
    seen: list[str] = []
    storage = SQLStorage(engine)
    storage.upgrade()

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:  # noqa: ANN401 - what the event hands over
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")):
            seen.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    yield Box(storage), seen
    engine.dispose()


def operations(box: Box) -> Iterator[tuple[str, Operation]]:
    """Each operation once, in an order in which each finds what it needs."""
    acme = box.client()
    people = [box.contact(acme, f"P{number}") for number in range(40)]
    jane = box.contact(acme, invite=True)
    yield "clients.add", lambda: box.client("Bolt", references=[("crm", "1"), ("erp", "1")])
    keyed = partial(box.ws.clients.add, name="Cora", email="c@c.example", idempotency_key="cora")
    yield "clients.add with a key", keyed
    yield "clients.add with a key again", keyed
    yield "clients.get", lambda: box.ws.clients.get(acme.id)
    yield "clients.find", lambda: box.ws.clients.find(reference=("crm", "1"))
    yield "clients.references", lambda: box.ws.clients.references(acme.id)
    yield "clients.set_status", lambda: box.ws.clients.set_status(acme.id, "paused")
    yield "clients.list", box.ws.clients.list
    yield "contacts.add", lambda: box.contact(acme, "New")
    yield "contacts.add and invite", lambda: box.contact(acme, "Newer", invite=True)
    yield "contacts.get", lambda: box.ws.contacts.get(jane.id)
    yield "contacts.find", lambda: box.ws.contacts.find(acme.id, email="jane@acme.example")
    for size in (1, 5, 40):
        yield f"contacts.list of {size}", _listed(box, acme, size)
    yield "contacts.send_invite", lambda: box.ws.contacts.send_invite(people[0].id)
    yield "contacts.revoke_invite", lambda: box.ws.contacts.revoke_invite(people[0].id)
    yield "contacts.send_invites to 2", lambda: _send(box, acme, people[2:4])
    yield "contacts.send_invites to 20", lambda: _send(box, acme, people[10:30])
    for size in (1, 5, 40):
        yield f"contacts.list of {size} invited", _invited(box, size)
    yield "deliver 2", lambda: box.deliver(limit=2)
    yield "deliver 20", lambda: box.deliver(limit=20)
    yield "deliver nothing", lambda: (box.deliver(), box.deliver())[1]
    yield from entering(box, acme, jane)
    yield from importing(box)
    yield from notifying(box, acme)
    yield from keeping(box)


def entering(box: Box, acme: Client, jane: Contact) -> Iterator[tuple[str, Operation]]:
    """What the entrance costs, and what becomes of whoever came in."""
    token = box.mails.token("jane@acme.example")
    yield "inspect", lambda: box.door.inspect(token)
    yield "accept_invite", lambda: box.door.accept_invite(token, password=PASSWORD)
    yield "sign_in", lambda: box.door.sign_in("jane@acme.example", PASSWORD)
    yield "sign_in refused", lambda: _refused(box)
    yield "contacts.most_recent", lambda: box.ws.contacts.most_recent(acme.id)
    yield "access.invitations", lambda: box.ws.access.invitations(jane.id)
    yield "access.logins", lambda: box.ws.access.logins(jane.user_id)
    yield "access.rights", lambda: box.ws.access.rights(jane.id)
    yield "access.set_rights", lambda: box.ws.access.set_rights(jane.id, grants=["invoices"])
    yield "access.may", lambda: box.ws.access.may("export", acme.id)
    yield "access.may of a client's user", lambda: box.as_user(jane.user_id).access.may("files", acme.id)
    yield "access.explain", lambda: box.ws.access.explain(jane.user_id, "invoices", acme.id)
    yield "contacts.update", lambda: box.ws.contacts.update(jane.id, job_title="Clerk")
    yield "contacts.update of the person", lambda: box.ws.contacts.update(jane.id, first_name="Janet")
    yield "contacts.suspend", lambda: box.ws.contacts.suspend(jane.id)
    yield "contacts.resume", lambda: box.ws.contacts.resume(jane.id)
    yield "access.set_password", lambda: box.ws.access.set_password(jane.user_id, "a quite different one")
    yield from resetting(box, jane)
    yield from looking_after(box, acme)
    yield from serving_itself(box, acme, jane)
    yield "access.deactivate", lambda: box.ws.access.deactivate(jane.user_id)
    yield "access.reactivate", lambda: box.ws.access.reactivate(jane.user_id)
    yield "contacts.remove", lambda: box.ws.contacts.remove(jane.id)


def resetting(box: Box, jane: Contact) -> Iterator[tuple[str, Operation]]:
    """What it costs to forget a password, and to change it or the address."""
    new = "a quite different one"
    yield "request_reset", lambda: box.door.request_reset("jane@acme.example")
    yield "request_reset of nobody", lambda: box.door.request_reset("nobody@acme.example")
    box.deliver()
    yield "complete_reset", lambda: box.door.complete_reset(box.mails.token("jane@acme.example"), password=new)
    yield "check_password", lambda: box.door.check_password("jane@acme.example", new)
    session = box.sign_in(password=new).token.reveal()
    yield "change_password", lambda: box.door.change_password(session, password=PASSWORD, current=new)
    yield "access.start_reset", lambda: box.ws.access.start_reset(jane.user_id)
    yield "access.links", lambda: box.ws.access.links(jane.user_id)
    yield "access.record_login", lambda: box.ws.access.record_login(jane.user_id, box.clock.now())
    yield "contacts.update of the address", lambda: box.ws.contacts.update(jane.id, email="doe@acme.example")
    box.ws.contacts.update(jane.id, email="jane@acme.example")
    box.deliver()
    box.as_user(jane.user_id).contacts.update(jane.id, email="doe@acme.example")
    box.deliver()
    yield "confirm_email", lambda: box.door.confirm_email(box.mails.token("doe@acme.example"))
    box.ws.contacts.update(jane.id, email="jane@acme.example")
    box.deliver()


def serving_itself(box: Box, acme: Client, jane: Contact) -> Iterator[tuple[str, Operation]]:
    """What sites, scopes and owners cost, and what a client's own user does."""
    yield "sites.add", lambda: box.ws.sites.add(acme.id, name="Lobby", address=ADDRESS, timezone="UTC")
    lobby, roof = (box.ws.sites.add(acme.id, name=name, address=ADDRESS, timezone="UTC") for name in ("Loop", "Roof"))
    yield "sites.get", lambda: box.ws.sites.get(lobby.id)
    yield "sites.list", lambda: box.ws.sites.list(acme.id)
    yield "sites.update", lambda: box.ws.sites.update(lobby.id, name="Hall")
    yield "sites.archive", lambda: box.ws.sites.archive(roof.id)
    yield "sites.remove", lambda: box.ws.sites.remove(roof.id)
    yield "access.set_owner", lambda: box.ws.access.set_owner(acme.id, jane.user_id)
    bob = box.active(acme, "Bob", role="client_admin")
    yield "access.set_owner to another", lambda: box.ws.access.set_owner(acme.id, bob.user_id)
    box.ws.access.set_owner(acme.id, jane.user_id)
    ws = box.as_user(bob.user_id)
    yield "clients.get of a client's user", lambda: ws.clients.get(acme.id)
    for size in (1, 40):
        yield f"contacts.list of {size} of a client's user", _listed_by(ws, acme, size)
    yield "access.set_rights to a scope", lambda: box.ws.access.set_rights(bob.id, scope=Scope.only(lobby.id))
    yield "contacts.list of a client's user in a scope", lambda: ws.contacts.list(acme.id)
    yield "sites.list of a client's user in a scope", lambda: ws.sites.list(acme.id)


def _listed_by(ws: Workspace, acme: Client, size: int) -> Operation:
    return lambda: ws.contacts.list(acme.id, limit=size)


def looking_after(box: Box, acme: Client) -> Iterator[tuple[str, Operation]]:
    """What account managers cost, one or five of them."""
    staff = [
        box.ws.staff.add(first_name=name, last_name="B", email=f"{name}@northwind.example", roles=["editor"])
        for name in ("ann", "bo", "cy", "di", "ed")
    ]
    ann, bo = staff[:2]
    yield "managers.add", lambda: box.ws.managers.add(acme.id, ann.id)
    yield "managers.add again", lambda: box.ws.managers.add(acme.id, ann.id)
    yield "managers.list of 1", lambda: box.ws.managers.list(acme.id)
    for user in staff[1:]:
        box.ws.managers.add(acme.id, user.id)
    yield "managers.list of 5", lambda: box.ws.managers.list(acme.id)
    yield "managers.set_primary", lambda: box.ws.managers.set_primary(acme.id, ann.id)
    yield "managers.set_primary to another", lambda: box.ws.managers.set_primary(acme.id, bo.id)
    yield "managers.assignable", lambda: box.ws.managers.assignable(acme.id)
    yield "managers.choices", lambda: box.ws.managers.choices(acme.id)
    yield "managers.clients_of", lambda: box.ws.managers.clients_of(ann.id)
    yield "managers.remove", lambda: box.ws.managers.remove(acme.id, bo.id)


def importing(box: Box) -> Iterator[tuple[str, Operation]]:
    """What many rows cost, and long lists."""
    yield "clients.preview_import of 40", lambda: box.ws.clients.preview_import(ROWS)
    yield "clients.import_rows of 4", lambda: box.ws.clients.import_rows(ROWS[:4])
    yield "clients.import_rows of 8", lambda: box.ws.clients.import_rows(ROWS[:8])
    yield "clients.import_rows of 40", lambda: box.ws.clients.import_rows(ROWS)
    yield "clients.import_rows again", lambda: box.ws.clients.import_rows(ROWS)
    acme = box.client()
    yield "contacts.add_many of 4", lambda: box.ws.contacts.add_many(acme.id, PEOPLE[:4])
    yield "contacts.add_many of 40", lambda: box.ws.contacts.add_many(acme.id, PEOPLE)
    yield "contacts.add_many again", lambda: box.ws.contacts.add_many(acme.id, PEOPLE)
    yield "audit.list of 5", lambda: box.ws.audit.list(limit=5)
    yield "audit.list of 100", lambda: box.ws.audit.list(limit=100)
    yield "staff.list", box.ws.staff.list


def notifying(box: Box, acme: Client) -> Iterator[tuple[str, Operation]]:
    """What it costs to look after mail, waiting and finished."""
    waiting = box.ws.access.invitations(box.contact(acme, "Late", invite=True).id)[0]
    late = MailId(waiting.id)
    dead = MailId(box.ws.access.invitations(box.contact(acme, "Dead", invite=True).id)[0].id)
    box.ws.notifications.cancel(late)
    box.mails.fail_next(PermanentDeliveryError("no such mailbox"))
    box.deliver()
    yield "notifications.get", lambda: box.ws.notifications.get(dead)
    for size in (1, 100):
        yield f"notifications.list of {size}", _mails(box, size)
    yield "notifications.list of the dead", lambda: box.ws.notifications.list(state="failed")
    yield "notifications.list of a client", lambda: box.ws.notifications.list(client_id=acme.id)
    yield "notifications.retry", lambda: box.ws.notifications.retry(dead)
    yield "notifications.cancel", lambda: box.ws.notifications.cancel(dead)
    linked = box.contact(acme, "Linked")
    owner = NewContact(first_name="O", last_name="P", email="o@p.example")
    yield "clients.add with an owner", lambda: box.client("Owned", owner=owner)
    yield "access.invite_link", lambda: box.ws.access.invite_link(linked.id)


def _mails(box: Box, size: int) -> Operation:
    return lambda: box.ws.notifications.list(limit=size)


def keeping(box: Box) -> Iterator[tuple[str, Operation]]:
    """What readers of the feed and upkeep cost."""
    feed, few = box.manager.feed("reader"), box.manager.feed("few", types=[UserReactivated])
    for reader in (feed, few):
        while events := reader.pull(limit=1000):
            reader.ack(events)
    box.client("Dora")
    found: list[Event] = []
    yield "feed.pull of 1", lambda: found.extend(feed.pull())
    yield "feed.ack", lambda: feed.ack(found)
    few.pull()
    yield "feed.pull of nothing", feed.pull
    yield "feed.pull of nothing, of one kind", few.pull
    yield "upkeep of nothing", box.manager.upkeep


def _refused(box: Box) -> None:
    with pytest.raises(SignInRefusedError):
        box.door.sign_in("jane@acme.example", "no")


def _listed(box: Box, acme: Client, size: int) -> Operation:
    return lambda: box.ws.contacts.list(acme.id, limit=size)


def _invited(box: Box, size: int) -> Operation:
    return lambda: box.ws.contacts.list(state=ContactState.INVITE_SENT, limit=size)


def _send(box: Box, client: Client, people: list[Contact]) -> object:
    return box.ws.contacts.send_invites(client.id, [contact.id for contact in people])


def test_each_operation_costs_what_it_did(counted: tuple[Box, list[str]]) -> None:
    box, seen = counted
    costs = {}
    for name, operation in operations(box):
        seen.clear()
        operation()
        costs[name] = len(seen)
    assert costs == FROZEN


def test_lists_cost_the_same_for_every_size() -> None:
    for names in (
        [f"contacts.list of {size}" for size in (1, 5, 40)],
        [f"contacts.list of {size} invited" for size in (1, 5, 40)],
        ["audit.list of 5", "audit.list of 100"],
        ["notifications.list of 1", "notifications.list of 100"],
        ["managers.list of 1", "managers.list of 5"],
        [f"contacts.list of {size} of a client's user" for size in (1, 40)],
        ["clients.import_rows of 8", "clients.import_rows of 40"],
        ["contacts.add_many of 4", "contacts.add_many of 40"],
    ):
        assert len({FROZEN[name] for name in names}) == 1, names


def test_a_limited_reach_costs_lists_nothing_and_everything_else_one_question(counted: tuple[Box, list[str]]) -> None:
    box, seen = counted
    box = box.again(settings=attrs.evolve(SETTINGS, staff_reach="assigned"))
    ann = box.ws.staff.add(first_name="Ann", last_name="B", email="a@b.example", roles=["editor"], reference="ann")
    acme = box.client()
    jane = box.contact(acme, invite=True)
    asked: dict[str, Callable[[Workspace], object]] = {
        "clients.list": lambda ws: ws.clients.list(),
        "clients.find": lambda ws: ws.clients.find(reference=("crm", "1")),
        "contacts.list": lambda ws: ws.contacts.list(),
        "notifications.list": lambda ws: ws.notifications.list(),
        "managers.clients_of": lambda ws: ws.managers.clients_of(ann.id),
        "audit.list": lambda ws: ws.audit.list(),
        "clients.get": lambda ws: ws.clients.get(acme.id),
        "contacts.get": lambda ws: ws.contacts.get(jane.id),
        "access.logins": lambda ws: ws.access.logins(jane.user_id),
    }
    costs = []
    for number in range(3):
        for client in (acme, *(box.client(f"C{number}-{other}") for other in range(4))):
            box.ws.managers.add(client.id, ann.id)
        whole, part = (
            [_cost(seen, partial(question, ws)) for question in asked.values()]
            for ws in (box.ws, box.staff("editor", reference="ann"))
        )
        costs.append([more - less for less, more in zip(whole, part, strict=True)])
    assert costs == [[0, 0, 0, 0, 0, 0, 1, 1, 1]] * 3


def _cost(seen: list[str], operation: Operation) -> int:
    seen.clear()
    operation()
    return len(seen)
