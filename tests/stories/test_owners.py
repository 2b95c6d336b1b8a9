"""The owner of a client, and that nobody climbs. Source: people model, roles, permissions and scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from clientmgmt import (
    Client,
    Contact,
    ContactState,
    ForbiddenError,
    InvalidInputError,
    NewContact,
    NotFoundError,
    RefusedError,
    Scope,
    Settings,
    UserId,
    Workspace,
)
from clientmgmt.domain import CLIENT_PERMISSIONS, ROLES
from clientmgmt.errors import (
    ConfigurationError,
    EscalationError,
    IdempotencyConflictError,
    LastOwnerError,
    NotEligibleError,
    StaffCannotBeClientUserError,
)
from tests.box import PASSWORD, Box
from tests.stories.operations import ADDRESS


def owned(box: Box) -> tuple[Client, Contact]:
    """A client and its owner, whose role gives nothing."""
    acme = box.client()
    olga = box.active(acme, "Olga", role="author")
    box.ws.access.set_owner(acme.id, olga.user_id)
    return acme, box.now_of(olga)


def test_the_owner_has_all_rights_whatever_its_role_gives(box: Box) -> None:
    acme, olga = owned(box)
    rights = box.ws.access.rights(olga.id)
    assert (rights.is_owner, rights.permissions, rights.scope) == (True, CLIENT_PERMISSIONS, Scope.everything())
    decision = box.as_user(olga.user_id).access.may("invoices", acme.id)
    assert (decision.allowed, decision.rule) == (True, "owner")
    assert box.ws.access.explain(olga.user_id, "invoices", acme.id) == decision
    entry = box.audit()[-1]
    assert (entry.action, entry.old, entry.new) == ("owner_changed", {"owner": ""}, {"owner": str(olga.user_id)})


def test_denies_do_not_bind_the_owner_and_its_scope_is_everything(box: Box) -> None:
    acme = box.client()
    lobby = box.ws.sites.add(acme.id, name="Lobby", address=ADDRESS, timezone="UTC")
    olga = box.active(acme, "Olga", role="author", scope=Scope.only(lobby.id))
    box.ws.access.set_owner(acme.id, olga.user_id)
    assert box.now_of(olga).scope == box.ws.access.rights(olga.id).scope == Scope.everything()
    box.ws.access.set_rights(olga.id, denies=["invoices"])
    assert box.as_user(olga.user_id).access.may("invoices", acme.id).rule == "owner"
    before = box.dump()
    with pytest.raises(InvalidInputError, match="scope"):
        box.ws.access.set_rights(olga.id, scope=Scope.only(lobby.id))
    assert box.dump() == before
    jane = box.active(acme, role="client_admin", scope=Scope.only(lobby.id))
    assert [contact.first_name for contact in box.as_user(jane.user_id).contacts.list(acme.id)] == ["Jane", "Olga"]


def test_who_has_all_permissions_is_still_not_above_the_owner(box: Box) -> None:
    acme, olga = owned(box)
    jane = box.active(acme, role="client_admin")
    box.ws.access.set_rights(jane.id, grants=["invoices"])
    ws = box.as_user(jane.user_id)
    assert box.ws.access.rights(jane.id).permissions == CLIENT_PERMISSIONS
    for path in PATHS.values():
        with pytest.raises(ForbiddenError):
            path(ws, olga)
    (row,) = ws.contacts.send_invites(acme.id, [olga.id]).failed
    assert row.violations[0].code == "not_allowed"


def test_staff_and_the_owner_move_it_and_the_former_one_has_what_its_role_gives(box: Box) -> None:
    acme, olga = owned(box)
    jane = box.active(acme)
    moved = box.as_user(olga.user_id).access.set_owner(acme.id, jane.user_id)
    assert moved == box.now_of(jane)
    assert not box.ws.access.rights(olga.id).is_owner
    assert box.as_user(olga.user_id).access.may("invoices", acme.id).rule == "not_given"
    entry = box.audit()[-1]
    assert (entry.actor, entry.old, entry.new) == (
        f"user:{olga.user_id}", {"owner": str(olga.user_id)}, {"owner": str(jane.user_id)},
    )  # fmt: skip
    before = box.dump()
    assert box.ws.access.set_owner(acme.id, jane.user_id) == moved
    assert box.dump() == before
    with pytest.raises(EscalationError):
        box.as_user(olga.user_id).access.set_owner(acme.id, olga.user_id)


def test_nobody_demotes_the_last_owner(box: Box) -> None:
    acme, olga = owned(box)
    for ws in (box.ws, box.system, box.as_user(olga.user_id)):
        with pytest.raises(LastOwnerError):
            ws.access.set_owner(acme.id, None)
        assert box.audit()[-1].action == "denied"
    assert box.ws.access.rights(olga.id).is_owner
    assert box.ws.access.set_owner(box.client("Bolt").id, None) is None


def test_only_who_may_come_in_can_own(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    gone, out = box.active(acme, "Gone"), box.active(acme, "Out")
    elsewhere = box.active(bolt, "Else")
    box.ws.access.deactivate(gone.user_id)
    box.ws.contacts.suspend(out.id)
    before = box.dump()
    for unfit in (gone, out, elsewhere):
        with pytest.raises(NotEligibleError) as refused:
            box.ws.access.set_owner(acme.id, unfit.user_id)
        assert set(refused.value.by_field()) == {"user_id"}
    with pytest.raises(NotFoundError):
        box.ws.access.set_owner(acme.id, UserId(acme.id))
    assert box.dump() == before


def leave(box: Box, contact: Contact) -> object:
    return box.ws.contacts.remove(contact.id).warnings


def be_suspended(box: Box, contact: Contact) -> object:
    return box.ws.contacts.suspend(contact.id).warnings


def be_deactivated(box: Box, contact: Contact) -> object:
    return box.ws.access.deactivate(contact.user_id).warnings


@pytest.mark.parametrize("end", [leave, be_suspended, be_deactivated])
def test_staff_can_always_take_the_owner_out_and_are_warned(box: Box, end: Callable[[Box, Contact], object]) -> None:
    acme, olga = owned(box)
    jane = box.active(acme)
    assert end(box, jane) == ()
    warnings = end(box, olga)
    assert isinstance(warnings, tuple)
    assert [note.code for note in warnings] == ["owner_missing"]
    bob = box.active(acme, "Bob")
    box.ws.access.set_owner(acme.id, bob.user_id)
    assert box.ws.access.rights(bob.id).is_owner


def test_who_comes_back_after_a_removal_owns_nothing(box: Box) -> None:
    acme, olga = owned(box)
    box.ws.contacts.remove(olga.id)
    assert "owner_changed" in box.actions()
    back = box.contact(acme, "Olga")
    assert not box.ws.access.rights(back.id).is_owner


Path = Callable[[Workspace, Contact], object]
PATHS: dict[str, Path] = {
    "update": lambda ws, contact: ws.contacts.update(contact.id, job_title="Clerk"),
    "remove": lambda ws, contact: ws.contacts.remove(contact.id),
    "suspend": lambda ws, contact: ws.contacts.suspend(contact.id),
    "resume": lambda ws, contact: ws.contacts.resume(contact.id),
    "send an invitation": lambda ws, contact: ws.contacts.send_invite(contact.id),
    "have a link made": lambda ws, contact: ws.access.invite_link(contact.id),
    "revoke an invitation": lambda ws, contact: ws.contacts.revoke_invite(contact.id),
    "preview rights": lambda ws, contact: ws.access.preview_rights(contact.id, denies=["files"]),
    "set rights": lambda ws, contact: ws.access.set_rights(contact.id, denies=["files"]),
    "deactivate": lambda ws, contact: ws.access.deactivate(contact.user_id),
}
"""Every way in which somebody on a client's side could change another contact; later ones join."""


@pytest.mark.parametrize("path", PATHS)
def test_nobody_changes_somebody_who_has_more(memory_box: Box, path: str) -> None:
    box = memory_box
    acme, olga = owned(box)
    lobby = box.ws.sites.add(acme.id, name="Lobby", address=ADDRESS, timezone="UTC")
    jane = box.active(acme, role="client_admin", scope=Scope.only(lobby.id))
    more = {
        "the owner": olga,
        "more permissions": box.active(acme, "Pat", role="client_billing", scope=Scope.only(lobby.id)),
        "a wider scope": box.active(acme, "Sue", role="author"),
    }
    before = box.dump()
    for contact in more.values():
        with pytest.raises(ForbiddenError):
            PATHS[path](box.as_user(jane.user_id), contact)
        assert box.audit()[-1].action == "denied"
    assert {key for key, rows in box.dump().items() if rows != before[key]} == {"audit"}


@pytest.mark.parametrize("path", ["remove", "suspend", "set rights", "deactivate"])
def test_the_last_owner_survives_also_its_own_hand(memory_box: Box, path: str) -> None:
    _, olga = owned(memory_box)
    with pytest.raises(ForbiddenError):
        PATHS[path](memory_box.as_user(olga.user_id), olga)
    assert memory_box.ws.access.rights(olga.id).is_owner


def test_nobody_gives_what_it_has_not(box: Box) -> None:
    acme = box.client()
    lobby = box.ws.sites.add(acme.id, name="Lobby", address=ADDRESS, timezone="UTC")
    jane = box.active(acme, role="client_admin", scope=Scope.only(lobby.id))
    bob = box.active(acme, "Bob", role="author", scope=Scope.only(lobby.id))
    ws = box.as_user(jane.user_id)
    before = box.dump()
    attempts: list[Callable[[], object]] = [
        lambda: ws.access.set_rights(bob.id, role="client_billing"),
        lambda: ws.access.set_rights(bob.id, grants=["invoices"]),
        lambda: ws.access.set_rights(bob.id, scope=Scope.everything()),
        lambda: ws.contacts.add(acme.id, first_name="A", last_name="B", email="a@b.example"),
        lambda: ws.contacts.add(
            acme.id, first_name="A", last_name="B", email="a@b.example", role="client_billing", scope=jane.scope
        ),
    ]
    for attempt in attempts:
        with pytest.raises(EscalationError):
            attempt()
        assert box.audit()[-1].action == "denied"
    assert {key for key, rows in box.dump().items() if rows != before[key]} == {"audit"}
    (row,) = ws.contacts.add_many(acme.id, [{"first_name": "A", "last_name": "B", "email": "a@b.example"}]).failed
    assert row.violations[0].code == "not_allowed"
    with pytest.raises(EscalationError):
        ws.access.set_rights(bob.id, role="client_billing", denies=["invoices"])
    assert ws.access.set_rights(bob.id, role="client_admin", grants=["files"]).role == "client_admin"


def test_nobody_changes_its_own_role(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme, role="client_admin")
    ws = box.as_user(jane.user_id)
    before = box.dump()
    changes: list[dict[str, Any]] = [{"role": "client_basic"}, {"grants": ["files"]}, {"denies": []}]
    for change in changes:
        with pytest.raises(EscalationError):
            ws.access.set_rights(jane.id, **change)
    assert {key for key, rows in box.dump().items() if rows != before[key]} == {"audit"}


JANE = NewContact(first_name="Jane", last_name="Doe", email="jane@acme.example", phone="1", job_title="Founder")


def test_a_client_can_be_added_with_its_owner(box: Box) -> None:
    acme = box.client(owner=JANE)
    (jane,) = box.ws.contacts.list(acme.id)
    assert (jane.name, jane.email.address, jane.phone, jane.job_title) == ("Jane Doe", JANE.email, "1", "Founder")
    assert (jane.role, jane.scope, jane.state) == ("client_admin", Scope.everything(), ContactState.PENDING_INVITE)
    assert box.ws.access.rights(jane.id).is_owner
    assert box.actions() == ["client_added", "contact_added", "owner_changed"]
    assert (box.audit()[-1].client_id, box.audit()[-1].new) == (acme.id, {"owner": str(jane.user_id)})
    assert box.deliver().handled == 0
    box.ws.contacts.send_invite(jane.id)
    box.door.accept_invite(box.token(jane), password=PASSWORD)
    assert box.as_user(jane.user_id).access.may("invoices", acme.id).rule == "owner"


def test_an_owner_that_has_not_come_in_yet_is_the_owner(box: Box) -> None:
    acme = box.client(owner=JANE)
    (jane,) = box.ws.contacts.list(acme.id)
    bob = box.active(acme, "Bob", role="client_admin")
    with pytest.raises(LastOwnerError):
        box.ws.access.set_owner(acme.id, None)
    for path in ("remove", "suspend", "set rights", "send an invitation"):
        with pytest.raises(ForbiddenError):
            PATHS[path](box.as_user(bob.user_id), jane)
    before = box.dump()
    assert box.ws.access.set_owner(acme.id, jane.user_id) == jane
    assert box.dump() == before
    assert box.ws.access.set_owner(acme.id, bob.user_id) == bob
    assert box.ws.access.rights(jane.id).permissions == ROLES["client_admin"].permissions
    assert box.ws.access.set_owner(acme.id, jane.user_id) == jane
    assert [note.code for note in box.ws.contacts.remove(jane.id).warnings] == ["owner_missing"]


def test_a_known_user_becomes_the_owner_of_one_more_client(box: Box) -> None:
    jane = box.active(box.client())
    box.deliver()
    bolt = box.client("Bolt", owner=attrs.evolve(JANE, first_name="J", email="JANE@acme.example"))
    (there,) = box.ws.contacts.list(bolt.id)
    assert (there.user_id, there.name, there.job_title, there.state) == (
        jane.user_id, "Jane Doe", "Founder", ContactState.ACTIVE,
    )  # fmt: skip
    assert box.ws.access.rights(there.id).is_owner
    assert not box.ws.access.rights(jane.id).is_owner
    assert [mail.type for mail in box.ws.notifications.list(client_id=bolt.id)] == ["contact_added"]


def test_all_that_is_wrong_with_a_client_and_its_owner_is_told_together(box: Box) -> None:
    box.client(references=[("crm", "1")])
    box.ws.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["editor"])
    gone = box.contact(box.client("Bolt"), "Gone")
    box.ws.access.deactivate(gone.user_id)
    before = box.dump()
    with pytest.raises(RefusedError) as refused:
        box.ws.clients.add(
            name="",
            email="ap@cora.example",
            references=[("crm", "1")],
            owner=NewContact(first_name="", last_name="Doe", email="a@northwind.example"),
        )
    assert set(refused.value.by_field()) == {"name", "references", "owner.first_name", "owner.email"}
    refusals: list[tuple[str, type[Exception]]] = [
        ("a@northwind.example", StaffCannotBeClientUserError),
        ("gone@acme.example", NotEligibleError),
    ]
    for email, kind in refusals:
        with pytest.raises(kind) as one:
            box.client("Cora", owner=attrs.evolve(JANE, email=email))
        assert isinstance(one.value, RefusedError)
        assert set(one.value.by_field()) == {"owner.email"}
    assert box.dump() == before


def test_adding_an_owner_takes_the_right_over_users_besides(box: Box) -> None:
    fields = {"name": "Bolt", "email": "b@bolt.example", "owner": JANE}
    before = box.dump()
    for role, permission in (("account_manager", "users.manage"), ("representative", "clients.create")):
        with pytest.raises(ForbiddenError) as refused:
            box.staff(role).clients.add(**fields)  # type: ignore[arg-type]
        assert refused.value.permission == permission
    assert {name for name, rows in box.dump().items() if rows != before[name]} == {"audit"}
    assert box.staff("editor").clients.add(**fields).name == "Bolt"  # type: ignore[arg-type]


def test_the_same_key_adds_a_client_and_its_owner_once(box: Box) -> None:
    acme = box.client(owner=JANE, idempotency_key="k")
    before = box.dump()
    assert box.client(owner=JANE, idempotency_key="k") == acme
    assert box.dump() == before
    with pytest.raises(IdempotencyConflictError):
        box.client(owner=attrs.evolve(JANE, phone="2"), idempotency_key="k")


def test_nothing_is_left_if_the_known_owner_cannot_be_told(box: Box) -> None:
    box.active(box.client())
    before = box.dump()
    with pytest.raises(ConfigurationError, match="sender"):
        box.again(settings=Settings()).client("Bolt", owner=JANE)
    assert box.dump() == before
