"""What a client's own users do in the workspace. Source: people model, contact lifecycle and self-service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from clientmgmt import (
    Client,
    ClientMgmtError,
    ClientUser,
    Contact,
    ContactState,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    SignInRefusedError,
    Workspace,
    iter_all,
)
from clientmgmt.errors import InvalidLinkError
from clientmgmt.testing import ManualClock
from tests.box import PASSWORD, Box, new_tenant

BOB: dict[str, Any] = {"first_name": "Bob", "last_name": "Roe", "email": "bob@acme.example", "phone": "1"}


def admin(box: Box, client: Client) -> Workspace:
    return box.as_user(box.active(client, role="client_admin").user_id)


def test_a_client_user_sees_its_clients_and_nobody_elses(box: Box) -> None:
    acme, bolt, _ = box.client(), box.client("Bolt"), box.client("Cora")
    jane = box.active(acme)
    box.contact(bolt)
    box.contact(bolt, "Bob")
    ws = box.as_user(jane.user_id)
    assert ws.clients.list().items == (acme, bolt)
    assert ws.clients.list(email="ap@bolt.example").items == (bolt,)
    assert ws.clients.get(bolt.id) == bolt
    assert [contact.first_name for contact in ws.contacts.list()] == ["Jane", "Jane"]
    bound = box.manager.workspace(box.tenant, actor=ClientUser(jane.user_id, client_id=acme.id))
    assert bound.clients.list().items == (acme,)
    with pytest.raises(NotFoundError):
        bound.clients.get(bolt.id)
    with pytest.raises(NotFoundError):
        bound.access.may("files", bolt.id)


def test_a_staff_user_is_nobody_on_a_clients_side(box: Box) -> None:
    acme = box.client()
    ada = box.ws.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["administrator"])
    with pytest.raises(NotFoundError):
        box.as_user(ada.id).clients.get(acme.id)
    with pytest.raises(ForbiddenError):
        box.as_user(ada.id).clients.list()


def test_a_session_is_an_actor(box: Box) -> None:
    acme = box.client()
    box.active(acme)
    session = box.sign_in()
    ws = box.manager.workspace(box.tenant, actor=session.actor)
    assert ws.clients.list().items == (acme,)
    assert ws.access.logins(session.actor.user_id).items[0].at == box.clock.now()


@pytest.mark.parametrize("end", ["deactivate", "suspend", "remove", "close"])
def test_who_is_out_does_nothing_from_the_next_call_on(box: Box, end: str) -> None:
    acme = box.client()
    jane = box.active(acme, role="client_admin")
    ws = box.as_user(jane.user_id)
    assert ws.clients.list().items == (acme,)
    ends: dict[str, Callable[[], object]] = {
        "deactivate": lambda: box.ws.access.deactivate(jane.user_id),
        "suspend": lambda: box.ws.contacts.suspend(jane.id),
        "remove": lambda: box.ws.contacts.remove(jane.id),
        "close": lambda: box.ws.clients.set_status(acme.id, "closed"),
    }
    ends[end]()
    with pytest.raises(ForbiddenError):
        ws.clients.list()
    with pytest.raises(NotFoundError):
        ws.clients.get(acme.id)
    with pytest.raises(NotFoundError):
        ws.contacts.add(acme.id, **BOB)


def test_it_adds_invites_changes_and_removes_the_people_of_its_client(box: Box) -> None:
    acme = box.client()
    ws = admin(box, acme)
    bob = ws.contacts.add(acme.id, **BOB, job_title="Clerk", role="client_basic", invite=True)
    assert (bob.state, bob.is_accepted, bob.name, bob.job_title) == (
        ContactState.INVITE_SENT,
        False,
        "Bob Roe",
        "Clerk",
    )
    assert ws.access.invitations(bob.id)[0].sent_by == str(ws.actor)
    box.later(minutes=1)
    ws.contacts.send_invite(bob.id)
    ws.contacts.revoke_invite(bob.id)
    box.later(minutes=1)
    assert len(ws.contacts.send_invites(acme.id, [bob.id]).ok) == 1
    assert ws.access.set_rights(bob.id, role="client_standard").role == "client_standard"
    assert ws.contacts.suspend(bob.id).contact.state is ContactState.INACTIVE
    ws.contacts.resume(bob.id)
    assert ws.contacts.remove(bob.id).contact.name == "Bob Roe"
    assert ws.contacts.find(acme.id, email="bob@acme.example") is None


def test_whom_it_adds_has_no_rights_until_that_person_accepts(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    bob = box.active(bolt, "Bob", email="bob@acme.example")
    ws = admin(box, acme)
    added = ws.contacts.add(acme.id, **BOB, invite=True)
    assert box.ws.access.explain(bob.user_id, "files", acme.id).rule == "not_accepted"
    assert box.door.sign_in("bob@acme.example", PASSWORD).clients == (bolt.id,)
    with pytest.raises(SignInRefusedError):
        box.door.sign_in("bob@acme.example", PASSWORD, client_id=acme.id)
    token = box.token(added)
    with pytest.raises(SignInRefusedError):
        box.door.accept_invite(token, password="not the one that it has")
    session = box.door.accept_invite(token, password=PASSWORD)
    assert session is not None
    assert set(session.clients) == {acme.id, bolt.id}
    accepted = box.now_of(added)
    assert (accepted.is_accepted, accepted.state, accepted.name) == (True, ContactState.ACTIVE, "Bob Doe")
    assert accepted.user_id == bob.user_id
    assert box.as_user(bob.user_id).access.may("files", acme.id).rule == "role"
    assert ws.contacts.get(added.id) == accepted


def test_a_new_person_accepts_with_a_password_of_its_own(box: Box) -> None:
    acme = box.client()
    ws = admin(box, acme)
    added = ws.contacts.add(acme.id, **BOB, invite=True)
    box.door.accept_invite(box.token(added), password=PASSWORD)
    accepted = ws.contacts.get(added.id)
    assert (accepted.is_accepted, accepted.state, accepted.name) == (True, ContactState.ACTIVE, "Bob Roe")


KNOWN = ["new", "of another client", "with a password", "deactivated", "waiting elsewhere"]


def know(box: Box, kind: str) -> None:
    """Somebody with this e-mail, spelled and named otherwise, who is known to the tenant in some way."""
    if kind == "new":
        return
    bolt = box.client("Bolt")
    email = "BOB@Acme.example"
    if kind == "waiting elsewhere":
        box.as_user(box.active(bolt, "Ann", email="ann@bolt.example", role="client_admin").user_id).contacts.add(
            bolt.id, first_name="Robert", last_name="R", email=email, invite=True
        )
    elif kind == "of another client":
        box.contact(bolt, "Robert", email=email, invite=True)
    else:
        robert = box.active(bolt, "Robert", email=email)
        if kind == "deactivated":
            box.ws.access.deactivate(robert.user_id)


def view(contact: Contact) -> Contact:
    """A contact but for its ids, which are random."""
    nobody: Any = None
    assert contact.user_id == contact.id
    return attrs.evolve(contact, id=nobody, user_id=nobody, client_id=nobody)


def told(ws: Workspace, acme: Client, added: Contact) -> Iterator[object]:
    """All that a client's user can learn of somebody whom it has added."""
    yield view(ws.contacts.get(added.id))
    yield [view(contact) for contact in ws.contacts.list(acme.id, state=added.state)]
    yield [len(ws.contacts.list(acme.id, state=state)) for state in ContactState]
    found = ws.contacts.find(acme.id, email="bob@acme.example")
    assert found is not None
    yield view(found)
    sent = ws.access.invitations(added.id)
    assert all(one.user_id == added.id for one in sent)
    yield [(one.state, one.sent_at, one.email_key) for one in sent]
    rights = ws.access.rights(added.id)
    yield rights.role, rights.permissions, rights.scope
    recent = ws.contacts.most_recent(acme.id)
    assert recent is not None
    yield recent.name
    questions: list[Callable[[], object]] = [
        lambda: [row.changed for row in ws.contacts.send_invites(acme.id)],
        lambda: ws.contacts.send_invite(added.id).state,
        lambda: ws.contacts.add(acme.id, **BOB),
        lambda: ws.access.logins(added.user_id),
        lambda: ws.access.explain(added.user_id, "files", acme.id),
        lambda: ws.contacts.list(user_id=added.user_id),
        lambda: ws.access.set_owner(acme.id, added.user_id),
    ]
    for question in questions:
        try:
            yield question()
        except ClientMgmtError as refused:
            yield type(refused), str(refused)


@pytest.mark.parametrize("invite", [True, False])
def test_a_known_and_an_unknown_address_look_the_same(memory_box: Box, *, invite: bool) -> None:
    answers: list[object] = []
    for kind in KNOWN:
        box = memory_box.again(tenant=new_tenant(), clock=ManualClock())
        acme = box.client()
        ws = admin(box, acme)
        know(box, kind)
        added = ws.contacts.add(acme.id, **BOB, invite=invite)
        first = list(told(ws, acme, added))
        box.later(minutes=2)
        box.deliver()
        answers.append([view(added), first, list(told(ws, acme, added))])
    for kind, given in zip(KNOWN, answers, strict=True):
        assert given == answers[0], kind


def test_the_address_of_a_staff_user_is_refused_without_a_reason(box: Box) -> None:
    acme = box.client()
    ws = admin(box, acme)
    box.ws.staff.add(first_name="A", last_name="B", email="bob@acme.example", roles=["editor"])
    before = box.dump()
    with pytest.raises(InvalidInputError) as refused:
        ws.contacts.add(acme.id, **BOB)
    assert [(one.code, one.message) for one in refused.value.violations] == [("not_allowed", "cannot be added")]
    row = ws.contacts.add_many(acme.id, [BOB]).rows[0]
    assert [one.code for one in row.violations] == ["not_allowed"]
    assert box.dump() == before


def test_many_are_added_the_same_way(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    box.active(bolt, "Bob", email="bob@acme.example")
    ws = admin(box, acme)
    rows = ws.contacts.add_many(acme.id, [BOB, BOB | {"email": "new@acme.example"}]).rows
    shown = [row.value for row in rows if row.value is not None]
    assert [(one.is_accepted, one.name, one.state) for one in shown] == [
        (False, "Bob Roe", ContactState.PENDING_INVITE)
    ] * 2
    assert all(one.user_id == one.id for one in shown)
    assert box.deliver().handled == 0


def test_a_deactivated_person_cannot_accept(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    bob = box.active(bolt, "Bob", email="bob@acme.example")
    ws = admin(box, acme)
    added = ws.contacts.add(acme.id, **BOB, invite=True)
    token = box.token(added)
    box.ws.access.deactivate(bob.user_id)
    with pytest.raises(InvalidLinkError):
        box.door.accept_invite(token, password=PASSWORD)
    assert not box.now_of(added).is_accepted


def test_who_is_unknown_is_called_as_whoever_it_accepts_has_called_it(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    rude = admin(box, acme).contacts.add(acme.id, **BOB | {"first_name": "Rude", "phone": "666"})
    ann = box.active(bolt, "Ann", email="ann@bolt.example", role="client_admin")
    kind = box.as_user(ann.user_id).contacts.add(bolt.id, **BOB, invite=True)
    token = box.token(kind)
    assert box.door.inspect(token).user_name == "Bob Roe"
    assert "Bob Roe" in str(box.mails.messages[-1])
    box.door.accept_invite(token, password=PASSWORD)
    accepted = box.now_of(kind)
    assert (accepted.name, accepted.phone) == ("Bob Roe", "1")
    assert (box.now_of(rude).name, box.now_of(rude).is_accepted) == ("Rude Roe", False)


def test_staff_call_whom_only_clients_have_typed_in_as_they_know_it(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    admin(box, acme).contacts.add(acme.id, **BOB | {"first_name": "Rude"})
    assert box.contact(bolt, "Robert", email="bob@acme.example").name == "Robert Doe"
    assert box.contact(box.client("Cora"), "Bert", email="bob@acme.example").name == "Robert Doe"


def test_keys_of_a_client_user_are_its_own(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane = box.active(acme, role="client_admin")
    box.contact(bolt, role="client_admin")
    named = {**BOB, "idempotency_key": "import-7"}
    actors = (ClientUser(jane.user_id, client_id=client.id) for client in (acme, bolt))
    at_acme, at_bolt = (box.manager.workspace(box.tenant, actor=actor) for actor in actors)
    first = at_acme.contacts.add(acme.id, **named)
    assert at_acme.contacts.add(acme.id, **named) == first
    with pytest.raises(NotFoundError):
        at_bolt.contacts.add(acme.id, **named)
    assert box.ws.clients.add(name="Cora", email="c@c.example", idempotency_key="import-7").name == "Cora"
    box.ws.contacts.remove(jane.id)
    with pytest.raises(NotFoundError):
        at_acme.contacts.add(acme.id, **named)


def test_what_becomes_of_the_user_elsewhere_does_not_show(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    bob = box.active(bolt, "Bob", email="bob@acme.example")
    ws = admin(box, acme)
    added = ws.contacts.add(acme.id, **BOB, invite=True)
    box.deliver()
    before = ws.contacts.get(added.id), ws.access.invitations(added.id)
    assert box.ws.access.deactivate(bob.user_id).clients == (bolt.id,)
    assert (ws.contacts.get(added.id), ws.access.invitations(added.id)) == before
    box.ws.access.reactivate(bob.user_id)
    assert (ws.contacts.get(added.id), ws.access.invitations(added.id)) == before


def test_staff_see_who_it_is(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    bob = box.active(bolt, "Bob", email="bob@acme.example")
    added = admin(box, acme).contacts.add(acme.id, **BOB)
    assert (box.now_of(added).user_id, box.now_of(added).is_accepted) == (bob.user_id, False)


def test_a_session_for_one_client_shows_the_logins_for_that_one_or_for_none(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane = box.active(acme)
    box.contact(bolt)
    bound, free = (
        box.door.sign_in("jane@acme.example", PASSWORD, client_id=client_id).actor for client_id in (bolt.id, None)
    )
    ws = box.manager.workspace(box.tenant, actor=bound)
    seen = [login.client_id for login in iter_all(ws.access.logins, jane.user_id, limit=1)]
    assert sorted(seen, key=str) == sorted([None, bolt.id], key=str)
    assert len(box.manager.workspace(box.tenant, actor=free).access.logins(jane.user_id)) == 3
    assert len(box.ws.access.logins(jane.user_id)) == 3
