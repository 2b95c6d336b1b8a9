"""Who may do what. Source: people model, roles and permissions; glossary: actor."""

from __future__ import annotations

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
    Workspace,
)
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.domain import OPERATIONS, ROLES, RoleKind
from clientmgmt.errors import UnknownNameError
from tests.awaited import Loop, manager_in
from tests.box import Box
from tests.stories.operations import COMMANDS, prepare

each_command = pytest.mark.parametrize("name", COMMANDS)


def test_every_public_command_has_its_line() -> None:
    ws = Workspace
    groups = {
        "clients": ws.clients,
        "contacts": ws.contacts,
        "access": ws.access,
        "notifications": ws.notifications,
        "staff": ws.staff,
        "managers": ws.managers,
        "sites": ws.sites,
        "audit": ws.audit,
    }
    public = {
        f"{group}.{name}"
        for group, attribute in groups.items()
        for name in vars(_annotation(attribute))
        if not name.startswith("_")
    }
    assert public == {name.split(" ")[0] for name in COMMANDS}
    assert public == OPERATIONS.keys() - {"entrance", "staff.deactivate", "contacts.update others"}


def _annotation(attribute: object) -> type:
    from typing import get_type_hints  # noqa: PLC0415 - only here

    getter = getattr(attribute, "fget", None)
    assert callable(getter)
    kind = get_type_hints(getter)["return"]
    assert isinstance(kind, type)
    return kind


def subject(box: Box, client: Client, name: str) -> Contact:
    """A contact with which the command can be done."""
    if name in {"access.start_reset", "access.record_login"}:
        box.deliver()  # what neighbours have left, so that the next mail is ours
        return box.active(client)
    return box.contact(client, invite=name.startswith("notifications"))


@each_command
def test_each_staff_role_may_exactly_what_it_bundles(memory_box: Box, name: str) -> None:
    allowed, command = COMMANDS[name]
    done = set()
    for role in sorted(role.name for role in ROLES.values() if role.kind is RoleKind.STAFF):
        box = memory_box.neighbour()
        acme = box.client()
        jane = subject(box, acme, name)
        prepare(box.ws, acme, jane)
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


@each_command
def test_nobody_without_a_known_staff_role_may_anything(memory_box: Box, name: str) -> None:
    box = memory_box
    acme = box.client()
    jane = box.active(acme)
    box.ws.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["editor"], reference="gone")
    gone = box.ws.staff.find(reference="gone")
    assert gone is not None
    box.ws.access.deactivate(gone.id)
    prepare(box.ws, acme, jane)
    before = box.dump()
    strangers = (
        box.staff(),
        box.stored_staff("nobody"),
        box.stored_staff("gone"),
    )
    for workspace in strangers:
        with pytest.raises((ForbiddenError, NotFoundError)):
            COMMANDS[name][1](workspace, acme, jane)
    after = box.dump()
    assert {key for key, rows in after.items() if rows != before[key]} <= {"audit"}


@each_command
def test_a_job_may_everything(memory_box: Box, name: str) -> None:
    acme = memory_box.client()
    jane = subject(memory_box, acme, name)
    COMMANDS[name][1](memory_box.system, acme, jane)


@each_command
def test_each_command_works_through_the_asynchronous_facade(loop: Loop, name: str) -> None:
    box = Box(InMemoryStorage(), make=manager_in(loop))
    acme = box.client()
    jane = subject(box, acme, name)
    prepare(box.ws, acme, jane)
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
    acme, bolt = box.client(), box.client("Bolt")
    jane = box.active(acme)
    with pytest.raises(NotFoundError):
        box.as_user(jane.user_id).clients.get(bolt.id)
    assert (box.audit()[-1].action, box.audit()[-1].actor) == ("denied", f"user:{jane.user_id}")
