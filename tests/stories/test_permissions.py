"""Who may do what. Source: people model, roles and permissions; glossary: actor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import pytest

from clientmgmt import (
    Catalog,
    Client,
    Contact,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    Role,
    Staff,
    System,
    UserId,
    Workspace,
)
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.domain import ROLES, MailId, RoleKind
from clientmgmt.errors import UnknownNameError
from tests.awaited import Loop, manager_in
from tests.box import Box

Command = Callable[[Workspace, Client, Contact], object]
STAFF = frozenset({"administrator", "editor", "representative", "account_manager", "operations_lead"})
HIGH = frozenset({"administrator", "editor"})
ROW = {"client": "Cora", "client_email": "c@cora.example"}


def _mail(ws: Workspace, contact: Contact) -> MailId:
    """The mail of this contact's invitation; an id that never was for a contact of another tenant."""
    try:
        return MailId(ws.acting_as(System("setup")).access.invitations(contact.id)[0].id)
    except NotFoundError:
        return MailId(UUID(int=1))


def _known(ws: Workspace, first_name: str, role: str) -> UserId:
    """A staff user of this tenant, who is added if need be."""
    system = ws.acting_as(System("setup"))
    reference = first_name.lower()
    known = system.staff.find(reference=reference)
    if known is None:
        named = {"first_name": first_name, "last_name": "Cole", "email": f"{reference}@northwind.example"}
        known = system.staff.add(**named, reference=reference, roles=[role])
    return known.id


def _bea(ws: Workspace) -> UserId:
    """A staff user who may not manage clients."""
    return _known(ws, "Bea", "operations_lead")


def _cleo(ws: Workspace) -> UserId:
    """A staff user who may."""
    return _known(ws, "Cleo", "editor")


def _managing(ws: Workspace, client: Client) -> UserId:
    """The same, after it was made an account manager of this client if that is there."""
    user_id = _cleo(ws)
    with suppress(NotFoundError):
        ws.acting_as(System("setup")).managers.add(client.id, user_id)
    return user_id


COMMANDS: dict[str, tuple[frozenset[str], Command]] = {
    "clients.add": (
        HIGH | {"account_manager"},
        lambda ws, _, __: ws.clients.add(name="Bolt", email="b@bolt.example"),
    ),
    "clients.get": (STAFF, lambda ws, client, _: ws.clients.get(client.id)),
    "clients.find": (STAFF, lambda ws, _, __: ws.clients.find(reference=("crm", "1"))),
    "clients.list": (STAFF, lambda ws, _, __: ws.clients.list()),
    "clients.references": (STAFF, lambda ws, client, _: ws.clients.references(client.id)),
    "clients.set_status": (
        HIGH | {"account_manager"},
        lambda ws, client, _: ws.clients.set_status(client.id, "paused"),
    ),
    "clients.import_rows": (HIGH, lambda ws, _, __: ws.clients.import_rows([ROW])),
    "clients.preview_import": (HIGH, lambda ws, _, __: ws.clients.preview_import([ROW])),
    "contacts.add": (
        HIGH | {"representative"},
        lambda ws, client, _: ws.contacts.add(client.id, first_name="B", last_name="C", email="b@c.example"),
    ),
    "contacts.add with an invitation": (
        HIGH,
        lambda ws, client, _: ws.contacts.add(
            client.id, first_name="B", last_name="C", email="b@c.example", invite=True
        ),
    ),
    "contacts.add_many": (HIGH | {"representative"}, lambda ws, client, _: ws.contacts.add_many(client.id, [ROW])),
    "contacts.get": (STAFF, lambda ws, _, contact: ws.contacts.get(contact.id)),
    "contacts.find": (STAFF, lambda ws, client, _: ws.contacts.find(client.id, email="jane@acme.example")),
    "contacts.list": (STAFF, lambda ws, _, __: ws.contacts.list()),
    "contacts.list of a client": (STAFF, lambda ws, client, _: ws.contacts.list(client.id)),
    "contacts.list of a user": (STAFF, lambda ws, _, contact: ws.contacts.list(user_id=contact.user_id)),
    "contacts.remove": (HIGH | {"representative"}, lambda ws, _, contact: ws.contacts.remove(contact.id)),
    "contacts.suspend": (HIGH | {"representative"}, lambda ws, _, contact: ws.contacts.suspend(contact.id)),
    "contacts.resume": (HIGH | {"representative"}, lambda ws, _, contact: ws.contacts.resume(contact.id)),
    "contacts.send_invite": (HIGH, lambda ws, _, contact: ws.contacts.send_invite(contact.id)),
    "contacts.send_invites": (HIGH, lambda ws, client, _: ws.contacts.send_invites(client.id)),
    "contacts.send_invites to some": (
        HIGH,
        lambda ws, client, contact: ws.contacts.send_invites(client.id, [contact.id]),
    ),
    "contacts.revoke_invite": (HIGH, lambda ws, _, contact: ws.contacts.revoke_invite(contact.id)),
    "contacts.most_recent": (STAFF, lambda ws, client, _: ws.contacts.most_recent(client.id)),
    "access.invitations": (STAFF, lambda ws, _, contact: ws.access.invitations(contact.id)),
    "access.may": (STAFF, lambda ws, client, _: ws.access.may("export", client.id)),
    "access.explain": (STAFF, lambda ws, client, contact: ws.access.explain(contact.user_id, "files", client.id)),
    "access.rights": (STAFF, lambda ws, _, contact: ws.access.rights(contact.id)),
    "access.preview_rights": (
        HIGH | {"representative"},
        lambda ws, _, contact: ws.access.preview_rights(contact.id, role="client_admin"),
    ),
    "access.set_rights": (
        HIGH | {"representative"},
        lambda ws, _, contact: ws.access.set_rights(contact.id, role="client_admin"),
    ),
    "access.deactivate": (HIGH, lambda ws, _, contact: ws.access.deactivate(contact.user_id)),
    "access.reactivate": (HIGH, lambda ws, _, contact: ws.access.reactivate(contact.user_id)),
    "access.logins": (STAFF, lambda ws, _, contact: ws.access.logins(contact.user_id)),
    "notifications.get": (STAFF, lambda ws, _, contact: ws.notifications.get(_mail(ws, contact))),
    "notifications.list": (STAFF, lambda ws, _, __: ws.notifications.list()),
    "notifications.list of a client": (STAFF, lambda ws, client, _: ws.notifications.list(client_id=client.id)),
    "notifications.retry": (
        HIGH | {"representative"},
        lambda ws, _, contact: ws.notifications.retry(_mail(ws, contact)),
    ),
    "notifications.cancel": (
        HIGH | {"representative"},
        lambda ws, _, contact: ws.notifications.cancel(_mail(ws, contact)),
    ),
    "staff.add": (
        frozenset({"administrator"}),
        lambda ws, _, __: ws.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["editor"]),
    ),
    "staff.get": (STAFF, lambda ws, _, __: ws.staff.get(_bea(ws))),
    "staff.update": (frozenset({"administrator"}), lambda ws, _, __: ws.staff.update(_bea(ws), first_name="Eve")),
    "staff.set_roles": (frozenset({"administrator"}), lambda ws, _, __: ws.staff.set_roles(_bea(ws), ["editor"])),
    "staff.find": (STAFF, lambda ws, _, __: ws.staff.find(reference="ada")),
    "staff.list": (STAFF, lambda ws, _, __: ws.staff.list()),
    "managers.add": (
        HIGH | {"account_manager"},
        lambda ws, client, _: ws.managers.add(client.id, _cleo(ws)),
    ),
    "managers.remove": (
        HIGH | {"account_manager"},
        lambda ws, client, _: ws.managers.remove(client.id, _managing(ws, client)),
    ),
    "managers.set_primary": (
        HIGH | {"account_manager"},
        lambda ws, client, _: ws.managers.set_primary(client.id, _managing(ws, client)),
    ),
    "managers.list": (STAFF, lambda ws, client, _: ws.managers.list(client.id)),
    "managers.clients_of": (STAFF, lambda ws, _, __: ws.managers.clients_of(_cleo(ws))),
    "managers.choices": (STAFF, lambda ws, client, _: ws.managers.choices(client.id)),
    "managers.assignable": (STAFF, lambda ws, client, _: ws.managers.assignable(client.id)),
    "audit.list": (HIGH, lambda ws, _, __: ws.audit.list()),
}
each_command = pytest.mark.parametrize("name", COMMANDS)
each_command_of_staff = pytest.mark.parametrize("name", [name for name in COMMANDS if name != "access.may"])
"""A client's user may ask about its own clients; tests/stories/test_rights.py says more."""


def test_every_public_command_has_its_line() -> None:
    ws = Workspace
    groups = {
        "clients": ws.clients,
        "contacts": ws.contacts,
        "access": ws.access,
        "notifications": ws.notifications,
        "staff": ws.staff,
        "managers": ws.managers,
        "audit": ws.audit,
    }
    public = {
        f"{group}.{name}"
        for group, attribute in groups.items()
        for name in vars(_annotation(attribute))
        if not name.startswith("_")
    }
    assert public == {name.split(" ")[0] for name in COMMANDS}


def _annotation(attribute: object) -> type:
    from typing import get_type_hints  # noqa: PLC0415 - only here

    getter = getattr(attribute, "fget", None)
    assert callable(getter)
    kind = get_type_hints(getter)["return"]
    assert isinstance(kind, type)
    return kind


@each_command
def test_each_staff_role_may_exactly_what_it_bundles(memory_box: Box, name: str) -> None:
    allowed, command = COMMANDS[name]
    done = set()
    for role in sorted(role.name for role in ROLES.values() if role.kind is RoleKind.STAFF):
        box = memory_box.neighbour()
        acme = box.client()
        jane = box.contact(acme, invite=name.startswith("notifications"))
        _bea(box.ws)
        _managing(box.ws, acme)
        before = box.dump()
        try:
            command(box.staff(role), acme, jane)
        except ForbiddenError:
            changed = {key for key, rows in box.dump().items() if rows != before[key]}
            assert changed == {"audit"}
            assert box.audit()[-1].action == "denied"
        else:
            done.add(role)
    assert done == allowed


@pytest.mark.parametrize("roles", [["client_admin"], ["owner"], ["ADMINISTRATOR"], ["editor", "nobody"], "editor"])
def test_roles_that_are_none_of_staff_are_refused_at_the_door(memory_box: Box, roles: list[str]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        memory_box.manager.workspace(memory_box.tenant, actor=Staff("bob", roles=roles))
    assert set(refused.value.by_field()) == {"roles"}


def test_a_role_of_the_host_gives_what_it_bundles(box: Box) -> None:
    catalog = Catalog().extend(
        permissions=["shifts.plan"],
        roles=[Role("dispatcher", "staff", {"shifts.plan", "clients.create"}), Role("guest", "client", {"tickets"})],
    )
    hosted = box.again(catalog=catalog)
    acme = hosted.staff("dispatcher").clients.add(name="Acme", email="ap@acme.example")
    with pytest.raises(ForbiddenError):
        hosted.staff("dispatcher").clients.set_status(acme.id, "paused")
    hosted.ws.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["dispatcher"], reference="a")
    assert hosted.stored_staff("a").clients.add(name="Bolt", email="b@bolt.example").name == "Bolt"
    assert hosted.contact(acme, role="guest").role == "guest"
    for workspace in (lambda: box.staff("dispatcher"), lambda: box.contact(acme, first="Bo", role="guest")):
        with pytest.raises(UnknownNameError):
            workspace()


@pytest.mark.parametrize("reference", [None, "", "  ", 5])
def test_nobody_is_staff_without_a_reference(memory_box: Box, reference: object) -> None:
    memory_box.system.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["administrator"])
    with pytest.raises(InvalidInputError):
        memory_box.manager.workspace(memory_box.tenant, actor=Staff(reference))


@each_command_of_staff
def test_nobody_without_a_known_staff_role_may_anything(memory_box: Box, name: str) -> None:
    box = memory_box
    acme = box.client()
    jane = box.active(acme)
    box.ws.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["editor"], reference="gone")
    gone = box.ws.staff.find(reference="gone")
    assert gone is not None
    box.ws.access.deactivate(gone.id)
    _bea(box.ws)
    _managing(box.ws, acme)
    before = box.dump()
    strangers = (
        box.staff(),
        box.stored_staff("nobody"),
        box.stored_staff("gone"),
        box.as_user(jane.user_id),
    )
    for workspace in strangers:
        with pytest.raises((ForbiddenError, NotFoundError)):
            COMMANDS[name][1](workspace, acme, jane)
    after = box.dump()
    assert {key for key, rows in after.items() if rows != before[key]} <= {"audit"}


@each_command
def test_a_job_may_everything(memory_box: Box, name: str) -> None:
    acme = memory_box.client()
    jane = memory_box.contact(acme, invite=name.startswith("notifications"))
    COMMANDS[name][1](memory_box.system, acme, jane)


@each_command_of_staff
def test_a_client_user_cannot_tell_what_is_there_from_what_is_not(memory_box: Box, name: str) -> None:
    box = memory_box
    acme = box.client()
    jane = box.active(acme)
    other = box.neighbour()
    elsewhere = other.client()
    someone = other.contact(elsewhere)
    answers = []
    for client, contact in ((acme, jane), (elsewhere, someone)):
        with pytest.raises((ForbiddenError, NotFoundError)) as refused:
            COMMANDS[name][1](box.as_user(jane.user_id), client, contact)
        answers.append((type(refused.value), str(refused.value)))
    assert answers[0] == answers[1]


@each_command
def test_each_command_works_through_the_asynchronous_facade(loop: Loop, name: str) -> None:
    box = Box(InMemoryStorage(), make=manager_in(loop))
    acme = box.client()
    jane = box.contact(acme, invite=name.startswith("notifications"))
    _bea(box.ws)
    COMMANDS[name][1](box.ws, acme, jane)


def test_roles_of_staff_are_read_from_storage_at_every_call(box: Box) -> None:
    box.system.staff.add(
        first_name="Ada", last_name="B", email="ada@northwind.example", roles=["editor"], reference="ada"
    )
    stored = box.stored_staff("ada")
    assert stored.clients.add(name="Acme", email="a@acme.example").created_by == "staff:ada"
    with pytest.raises(ForbiddenError):
        stored.staff.add(first_name="B", last_name="C", email="b@northwind.example", roles=["editor"])
    ada = box.ws.staff.find(reference="ada")
    assert ada is not None
    box.system.access.deactivate(ada.id)
    with pytest.raises(ForbiddenError):
        stored.clients.list()
    box.system.access.reactivate(ada.id)
    assert len(stored.clients.list()) == 1


def test_roles_that_the_host_hands_in_count_instead_of_stored_ones(box: Box) -> None:
    box.system.staff.add(
        first_name="Ada", last_name="B", email="ada@northwind.example", roles=["administrator"], reference="ada"
    )
    narrowed = box.manager.workspace(box.tenant, actor=Staff("ada", roles=["operations_lead"]))
    with pytest.raises(ForbiddenError):
        narrowed.clients.add(name="Acme", email="a@acme.example")
    with pytest.raises(ForbiddenError):
        box.manager.workspace(box.tenant, actor=Staff("ada", roles=())).clients.list()


def test_deactivating_staff_needs_the_right_over_staff(box: Box) -> None:
    ada = box.ws.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["editor"])
    with pytest.raises(ForbiddenError) as refused:
        box.staff("editor").access.deactivate(ada.id)
    assert refused.value.permission == "users.staff"
    box.ws.access.deactivate(ada.id)
    with pytest.raises(ForbiddenError):
        box.staff("editor").access.reactivate(ada.id)


def test_the_first_staff_user_is_added_by_the_system(box: Box) -> None:
    with pytest.raises(ForbiddenError):
        box.stored_staff("ada").staff.list()
    workspace = box.manager.workspace(box.tenant, actor=System("setup"))
    workspace.staff.add(
        first_name="Ada", last_name="B", email="ada@northwind.example", roles=["administrator"], reference="ada"
    )
    assert [user.name for user in box.stored_staff("ada").staff.list()] == ["Ada B"]
    assert box.audit()[-1].actor == "system:setup"


def test_a_client_user_who_tries_doors_leaves_a_trace(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    with pytest.raises(NotFoundError):
        box.as_user(jane.user_id).clients.get(acme.id)
    assert (box.audit()[-1].action, box.audit()[-1].actor) == ("denied", f"user:{jane.user_id}")
