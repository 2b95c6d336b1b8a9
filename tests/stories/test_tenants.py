"""One tenant never sees another. Source: people model, tenants; glossary: not found."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from clientmgmt import ClientId, ClientMgmtError, ContactId, InvalidInputError, SiteId, UserId, Workspace
from clientmgmt.domain import LoginEvent
from tests.box import PASSWORD, Box
from tests.stories.operations import ADDRESS, NOON

Ids = tuple[ClientId, ContactId, UserId, SiteId]
Question = Callable[[Workspace, Ids], object]

QUESTIONS: dict[str, Question] = {
    "clients.get": lambda ws, ids: ws.clients.get(ids[0]),
    "clients.references": lambda ws, ids: ws.clients.references(ids[0]),
    "clients.set_status": lambda ws, ids: ws.clients.set_status(ids[0], "paused"),
    "contacts.add": lambda ws, ids: ws.contacts.add(ids[0], first_name="A", last_name="B", email="a@b.example"),
    "contacts.add_many": lambda ws, ids: ws.contacts.add_many(ids[0], []),
    "contacts.get": lambda ws, ids: ws.contacts.get(ids[1]),
    "contacts.find": lambda ws, ids: ws.contacts.find(ids[0], email="jane@acme.example"),
    "contacts.list": lambda ws, ids: ws.contacts.list(ids[0]),
    "contacts.list of a user": lambda ws, ids: ws.contacts.list(user_id=ids[2]),
    "contacts.update": lambda ws, ids: ws.contacts.update(ids[1], first_name="A"),
    "contacts.remove": lambda ws, ids: ws.contacts.remove(ids[1]),
    "contacts.suspend": lambda ws, ids: ws.contacts.suspend(ids[1]),
    "contacts.resume": lambda ws, ids: ws.contacts.resume(ids[1]),
    "contacts.send_invite": lambda ws, ids: ws.contacts.send_invite(ids[1]),
    "contacts.send_invites": lambda ws, ids: ws.contacts.send_invites(ids[0]),
    "contacts.send_invites to some": lambda ws, ids: ws.contacts.send_invites(ids[0], [ids[1]]),
    "contacts.revoke_invite": lambda ws, ids: ws.contacts.revoke_invite(ids[1]),
    "contacts.most_recent": lambda ws, ids: ws.contacts.most_recent(ids[0]),
    "access.invitations": lambda ws, ids: ws.access.invitations(ids[1]),
    "access.invite_link": lambda ws, ids: ws.access.invite_link(ids[1]),
    "access.deactivate": lambda ws, ids: ws.access.deactivate(ids[2]),
    "access.may": lambda ws, ids: ws.access.may("export", ids[0]),
    "access.explain": lambda ws, ids: ws.access.explain(ids[2], "export", ids[0]),
    "access.rights": lambda ws, ids: ws.access.rights(ids[1]),
    "access.preview_rights": lambda ws, ids: ws.access.preview_rights(ids[1], role="client_admin"),
    "access.set_rights": lambda ws, ids: ws.access.set_rights(ids[1], role="client_admin"),
    "access.set_password": lambda ws, ids: ws.access.set_password(ids[2], "a quite different one"),
    "access.start_reset": lambda ws, ids: ws.access.start_reset(ids[2]),
    "access.links": lambda ws, ids: ws.access.links(ids[2]),
    "access.record_login": lambda ws, ids: ws.access.record_login(ids[2], NOON - timedelta(days=1)),
    "access.record_login for a client": lambda ws, ids: ws.access.record_login(ids[2], NOON, client_id=ids[0]),
    "access.reactivate": lambda ws, ids: ws.access.reactivate(ids[2]),
    "access.logins": lambda ws, ids: ws.access.logins(ids[2]),
    "staff.get": lambda ws, ids: ws.staff.get(ids[2]),
    "staff.update": lambda ws, ids: ws.staff.update(ids[2], first_name="A"),
    "staff.set_roles": lambda ws, ids: ws.staff.set_roles(ids[2], ["editor"]),
    "managers.add": lambda ws, ids: ws.managers.add(ids[0], ids[2]),
    "managers.remove": lambda ws, ids: ws.managers.remove(ids[0], ids[2]),
    "managers.set_primary": lambda ws, ids: ws.managers.set_primary(ids[0], ids[2]),
    "managers.list": lambda ws, ids: ws.managers.list(ids[0]),
    "managers.clients_of": lambda ws, ids: ws.managers.clients_of(ids[2]),
    "managers.choices": lambda ws, ids: ws.managers.choices(ids[0]),
    "managers.assignable": lambda ws, ids: ws.managers.assignable(ids[0]),
    "access.set_owner": lambda ws, ids: ws.access.set_owner(ids[0], ids[2]),
    "access.visible_sites": lambda ws, ids: ws.access.visible_sites(ids[2], "reports", ids[0]),
    "sites.add": lambda ws, ids: ws.sites.add(ids[0], name="A", address=ADDRESS, timezone="UTC"),
    "sites.list": lambda ws, ids: ws.sites.list(ids[0]),
    "sites.get": lambda ws, ids: ws.sites.get(ids[3]),
    "sites.update": lambda ws, ids: ws.sites.update(ids[3], name="A"),
    "sites.set_status": lambda ws, ids: ws.sites.set_status(ids[3], "closed"),
    "sites.archive": lambda ws, ids: ws.sites.archive(ids[3]),
    "sites.restore": lambda ws, ids: ws.sites.restore(ids[3]),
    "sites.remove": lambda ws, ids: ws.sites.remove(ids[3]),
    "sites.set_contacts": lambda ws, ids: ws.sites.set_contacts(ids[3], []),
    "sites.may_schedule": lambda ws, ids: ws.sites.may_schedule(ids[3], NOON),
    "sites.to_local": lambda ws, ids: ws.sites.to_local(ids[3], NOON),
    "audit.list": lambda ws, ids: ws.audit.list(client_id=ids[0]).items,
}


def answer(question: Question, workspace: Workspace, ids: Ids) -> object:
    try:
        return question(workspace, ids)
    except ClientMgmtError as refused:
        return type(refused), str(refused), refused.violations


def test_a_foreign_id_answers_like_one_that_never_was(box: Box) -> None:
    acme = box.client(references=[("crm", "1")])
    jane = box.active(acme)
    lobby = box.ws.sites.add(acme.id, name="Lobby", address=ADDRESS, timezone="UTC")
    foreign: Ids = acme.id, jane.id, jane.user_id, lobby.id
    before = box.dump()
    other = box.neighbour()
    own = other.client("Bolt Ltd")
    mixed = other.contact(own, "Bob")
    for name, question in QUESTIONS.items():
        random = tuple(UUID(int=secrets.randbits(128), version=4) for _ in range(4))
        unknown: Ids = ClientId(random[0]), ContactId(random[1]), UserId(random[2]), SiteId(random[3])
        stored = other.dump()
        assert answer(question, other.ws, foreign) == answer(question, other.ws, unknown), name
        assert other.dump() == stored, name
    assert other.ws.contacts.send_invites(own.id, [jane.id]).failed[0].violations[0].code == "not_found"
    assert other.now_of(mixed).name == "Bob Doe"
    assert box.dump() == before


def test_each_tenant_has_its_own_users_references_and_numbers(box: Box) -> None:
    other = box.neighbour()
    for one in (box, other):
        acme = one.client(references=[("crm", "1")])
        jane = one.active(acme)
        one.ws.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["editor"], reference="ada")
        assert one.ws.clients.find(reference=("crm", "1")) == acme
        assert [contact.id for contact in one.ws.contacts.list()] == [jane.id]
        assert len(one.ws.staff.list()) == 1
    ours, theirs = box.dump(), other.dump()
    assert not {key for rows in ours.values() for key in _ids(rows)} & {
        key for rows in theirs.values() for key in _ids(rows)
    }


def _ids(rows: tuple[object, ...]) -> set[UUID]:
    return {UUID(str(getattr(row, "id", None))) for row in rows}


def test_a_password_opens_one_tenant_only(box: Box) -> None:
    box.active(box.client())
    other = box.neighbour()
    acme = other.client()
    _, token = other.invited(acme)
    other.door.accept_invite(token, password="a quite different one")
    box.sign_in(password=PASSWORD)
    with pytest.raises(ClientMgmtError):
        other.sign_in(password=PASSWORD)
    assert all(isinstance(login, LoginEvent) for login in other.dump()["logins"])
    assert len(other.dump()["logins"]) == 1


def test_names_of_tenants_differ_by_case_and_are_compared_exactly(box: Box) -> None:
    name = box.tenant + "-Case"
    upper, lower = box.again(tenant=name), box.again(tenant=name.lower())
    acme = upper.client()
    assert lower.ws.clients.list().items == ()
    assert upper.ws.clients.list().items == (acme,)


@pytest.mark.parametrize("name", ["", " ", "a b", "a\n", "ä", "x" * 65, None, 5, b"a", "a\x00", "\ud800"])
def test_a_malformed_tenant_is_refused(memory_box: Box, name: object) -> None:
    manager = memory_box.manager
    with pytest.raises(InvalidInputError) as refused:
        manager.workspace(name, actor=memory_box.ws.actor)  # type: ignore[arg-type]
    assert set(refused.value.by_field()) == {"tenant"}
    with pytest.raises(InvalidInputError):
        manager.entrance(name, origin="x")  # type: ignore[arg-type]
