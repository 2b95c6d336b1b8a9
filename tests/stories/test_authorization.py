"""Every operation, for every role of clients, with what is its own, a sibling's and a stranger's.

Source: people model, roles, permissions and scope; organizations page, role requirements.
"""

from __future__ import annotations

import secrets
from uuid import UUID

import attrs
import pytest

from clientmgmt import (
    Client,
    ClientId,
    ClientMgmtError,
    Contact,
    ContactId,
    ForbiddenError,
    NotFoundError,
    Scope,
    SiteId,
    UserId,
    Workspace,
)
from clientmgmt.domain import OPERATIONS, ROLES, RoleKind
from clientmgmt.domain.roles import BELONG
from tests.box import Box
from tests.stories.operations import ADDRESS, COMMANDS, prepare

CLIENT_ROLES = sorted(role.name for role in ROLES.values() if role.kind is RoleKind.CLIENT)
OF_ITSELF = {"access.links", "access.logins", "access.set_owner"}
"""What a client's user cannot do with others, or only as the owner, whatever its role gives."""

each_command = pytest.mark.parametrize("name", COMMANDS)


def answer(name: str, ws: Workspace, client: Client, contact: Contact) -> object:
    """What came of it: nothing else than the refusal for a refused one."""
    try:
        COMMANDS[name][1](ws, client, contact)
    except (ForbiddenError, NotFoundError) as refused:
        return type(refused), str(refused)
    except ClientMgmtError:
        return "allowed"
    return "allowed"


def expected(name: str, role: str) -> bool:
    """Whether the table lets this role do it with a contact who has fewer rights."""
    operation = name.split(" ", maxsplit=1)[0]
    need, given = OPERATIONS[operation].client, ROLES[role].permissions
    if need is None or operation in OF_ITSELF:
        return False
    if operation == "contacts.update":
        need = OPERATIONS["contacts.update others"].client
    if need != BELONG:
        return need in given
    others = bool(given & {"users.manage", "clients.invite"})
    return others or (
        operation not in {"contacts.get", "access.rights", "access.visible_sites"}
        and name != ("contacts.list of a user")
    )


@each_command
def test_a_role_of_clients_may_exactly_what_the_table_says(memory_box: Box, name: str) -> None:
    for role in CLIENT_ROLES:
        box = memory_box.neighbour()
        acme = box.client()
        jane = box.active(acme, role=role)
        bob = box.active(acme, "Bob", role="author")
        prepare(box.ws, acme, bob)
        before = box.dump()
        came = answer(name, box.as_user(jane.user_id), acme, bob)
        assert (came == "allowed") is expected(name, role), (role, came)
        if came != "allowed":
            changed = {key for key, rows in box.dump().items() if rows != before[key]}
            assert changed <= {"audit"}, changed


@each_command
def test_what_is_of_another_client_answers_like_what_never_was(memory_box: Box, name: str) -> None:
    box = memory_box
    acme, bolt = box.client(), box.client("Bolt")
    jane = box.active(acme, role="client_admin")
    there = box.contact(bolt, "Bob")
    box.ws.sites.add(bolt.id, name="Yard", address=ADDRESS, timezone="UTC")
    ws = box.as_user(jane.user_id)
    assert answer(name, ws, bolt, there) == answer(name, ws, *unknown(bolt, there))


@each_command
def test_what_is_of_another_site_answers_like_what_never_was(memory_box: Box, name: str) -> None:
    box = memory_box
    acme = box.client()
    lobby, roof = (box.ws.sites.add(acme.id, name=one, address=ADDRESS, timezone="UTC") for one in ("Lobby", "Roof"))
    jane = box.active(acme, role="client_admin", scope=Scope.only(lobby.id))
    there = box.active(acme, "Bob", role="author", scope=Scope.only(roof.id))
    ws = box.as_user(jane.user_id)
    _, nobody = unknown(acme, there)
    assert answer(name, ws, acme, there) == answer(name, ws, acme, nobody)


def unknown(client: Client, contact: Contact) -> tuple[Client, Contact]:
    """The same with ids that never were."""
    ids = [UUID(int=secrets.randbits(128), version=4) for _ in range(4)]
    scope = Scope.only(SiteId(ids[3])) if contact.scope.site_ids else contact.scope
    nobody = attrs.evolve(contact, id=ContactId(ids[1]), user_id=UserId(ids[2]), scope=scope)
    return attrs.evolve(client, id=ClientId(ids[0])), nobody
